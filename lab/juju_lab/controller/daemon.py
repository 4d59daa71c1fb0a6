"""The daemon: `python -m juju_lab.controller.daemon`, within the lab's network namespace.

It serves the command on a socket in the state directory and the guests on the bridge's address. It
ends by SIGTERM or by the request `shutdown`; the hosts go on, and the next daemon takes them over.
"""

import fcntl
import logging
import os
import signal
import sys
import threading
from pathlib import Path, PurePosixPath

from juju_lab.controller import guest, hooktools, models, pinger, serving
from juju_lab.controller.api import Api
from juju_lab.controller.controller import Controller
from juju_lab.controller.guest import GuestPaths
from juju_lab.controller.library import Library
from juju_lab.controller.rpc import RpcServer
from juju_lab.controller.runner import Host
from juju_lab.controller.store import Machine, Store
from juju_lab.controller.toolserver import Contexts, ToolServer
from juju_lab.controller.world import Timings, World
from juju_lab.hosts import HostSpec, Lab, Settings

TOOLS_PORT = 17070
_LOG = logging.getLogger(__name__)


class Daemon:
    """All of the controller in one process, for the hosts that `make_host` gives."""

    def __init__(self, world: World, socket: Path, tools_address: tuple[str, int]) -> None:
        self._world = world
        self._ended = threading.Event()
        self.controller = Controller(world)
        self._tools = ToolServer(tools_address, world.contexts, self.controller.guest_exec)
        host, port = self._tools.server_address[:2]
        world.controller_address = f"{host}:{port}"
        self._rpc = RpcServer(socket, Api(self.controller, self._ended.set).methods())

    def start(self) -> None:
        """Begin to serve, and let the agents go on where they were."""
        with self._world.store.transaction() as session:
            models.ensure_default(session)
        serving.serve(self._tools, "tools")
        self.controller.start()
        self._rpc.open()

    def wait(self) -> None:
        """Until somebody asks for the end."""
        self._ended.wait()

    def end(self) -> None:
        """Ask for the end."""
        self._ended.set()

    def stop(self) -> None:
        """Serve no longer; what runs on the hosts is cut short, to be run again."""
        self.controller.stop()
        serving.stop(self._rpc)
        serving.stop(self._tools)


def socket_path(state_dir: Path) -> Path:
    """Where the command finds the daemon of a lab."""
    return state_dir / "controller" / "socket"


def main() -> None:
    """Run the daemon of the lab that the environment names, until it is told to end."""
    settings = Settings.from_environment()
    directory = settings.state_dir / "controller"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(0)
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s",
    )
    lab = Lab(settings)

    def make_host(machine: Machine) -> Host:
        return lab.host(
            HostSpec(
                machine.slot, machine.kind, machine.base, machine.memory_mib, machine.networks
            )
        )

    world = World(
        store=Store(directory / "state.db"),
        library=Library(directory / "charms"),
        contexts=Contexts(),
        make_host=make_host,
        guest_paths=lambda host: GuestPaths(PurePosixPath("/")),
        reachable=lambda host: pinger.answers(host.address),
        tools=guest.build_tools(settings.cache_dir, hooktools.TOOLS),
        logs_directory=directory / "logs",
        timings=Timings(),
    )
    daemon = Daemon(world, socket_path(settings.state_dir), (lab.address, TOOLS_PORT))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.end())
    daemon.start()
    _LOG.info("serving the lab %s", settings.name)
    daemon.wait()
    daemon.stop()
    world.store.close()
    _LOG.info("ended")
    # Threads that still wait for a host must not meet an interpreter that is being taken apart.
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
