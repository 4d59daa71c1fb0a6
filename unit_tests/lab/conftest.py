"""A whole controller on hosts that are directories."""

import functools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest
from juju_lab.controller import guest, hooktools
from juju_lab.controller.api import Api
from juju_lab.controller.daemon import Daemon, socket_path
from juju_lab.controller.guest import GuestPaths
from juju_lab.controller.library import Library
from juju_lab.controller.store import Machine, Store
from juju_lab.controller.toolserver import Contexts
from juju_lab.controller.world import Timings, World
from juju_lab.hosts import spec
from lab_fakes import FakeHost, make_charm

_QUICK = Timings(
    retry_first=0.2, retry_most=1.0, ping_interval=0.1, pings_missed=2, lease=0.5, boot=5.0
)
_PATIENCE = 30
LAB_NAME = "unit-test"
LAB = Path(__file__).resolve().parents[2] / "lab"


class FakeLab:
    """A controller in this process; `api` takes what the command would ask."""

    def __init__(self, directory: Path, tools: Path) -> None:
        self.directory = directory
        self.hosts: dict[int, FakeHost] = {}
        self._tools = tools
        self.start()

    def start(self) -> None:
        """Start the controller, on what an earlier one left."""
        controller = self.directory / "controller"
        self.world = World(
            store=Store(controller / "state.db"),
            library=Library(controller / "charms"),
            contexts=Contexts(),
            make_host=self._make_host,
            guest_paths=lambda host: GuestPaths(PurePosixPath(host.root)),
            reachable=lambda host: host.linked,
            tools=self._tools,
            logs_directory=controller / "logs",
            timings=_QUICK,
        )
        self.daemon = Daemon(self.world, socket_path(self.directory), ("127.0.0.1", 0))
        self.api = Api(self.daemon.controller, self.daemon.end)
        self.daemon.start()

    def stop(self) -> None:
        """Stop the controller; the hosts go on."""
        self.daemon.stop()
        for thread in [self.daemon.controller, *self.daemon.controller.agents()]:
            thread.join(timeout=_PATIENCE)
        self.world.store.close()

    def end(self) -> None:
        """Stop all."""
        self.stop()
        for host in self.hosts.values():
            host.power_off()

    def _make_host(self, machine: Machine) -> FakeHost:
        root = self.directory / "hosts" / str(machine.slot)
        cidrs = spec.addresses(machine.slot, machine.networks)
        addresses = [cidr.partition("/")[0] for each in cidrs for cidr in each]
        host = FakeHost(root, addresses if machine.networks > 1 else ("127.0.0.1",))
        host.release = machine.base
        return self.hosts.setdefault(machine.slot, host)

    def host_of(self, machine: int) -> FakeHost:
        """The host of a machine of the default model."""
        return self.hosts[machine + 1]

    # -- waiting ----------------------------------------------------------------------------

    def wait(
        self, condition: Callable[[], object], what: str = "", patience: float = _PATIENCE
    ) -> object:
        """What `condition` returns once that is true."""
        end = time.monotonic() + patience
        while True:
            seen = self.world.store.revision
            found = condition()
            if found:
                return found
            left = end - time.monotonic()
            assert left > 0, f"in vain: {what or condition}\n{self.log()}"
            self.world.store.wait_for_change(seen, min(left, 0.5))

    def status(self) -> dict:
        """The status document."""
        return self.api.status(None, [], True)["document"]

    def unit(self, name: str) -> dict | None:
        """A unit's part of the status document."""
        application = self.status()["applications"].get(name.split("/")[0], {})
        return application.get("units", {}).get(name)

    def wait_idle(self, *units: str) -> None:
        """Until these units have nothing left to do."""
        self.wait(lambda: all(self._is_idle(unit) for unit in units), f"idle: {units}")

    def _is_idle(self, name: str) -> bool:
        unit = self.unit(name)
        return bool(unit) and unit["juju-status"]["current"] == "idle"

    def log(self) -> str:
        """The whole debug-log."""
        return "\n".join(
            f"{line['entity']} {line['level']} {line['module']} {line['message']}"
            for line in self.api.debug_log(None, {}, None, None, False)
        )

    def result(self, enqueued: dict, receiver: str = "") -> dict:
        """The document of a task once it is finished."""
        *_, last = self.api.watch_tasks(enqueued["id"], _PATIENCE)
        documents = last["tasks"]
        return documents[receiver] if receiver else next(iter(documents.values()))

    def exec(self, unit: str, command: str) -> dict:
        """The results of a command in a unit's context."""
        return self.result(self.api.exec(None, command, units=[unit]))["results"]


@pytest.fixture(scope="session")
def guest_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guest's programs, compiled once."""
    return guest.build_tools(tmp_path_factory.mktemp("cache"), hooktools.TOOLS)


@contextmanager
def fake_lab(tools: Path) -> Iterator[FakeLab]:
    """A controller without a model but `default`."""
    # Not below pytest's own directories: a socket's name must be short.
    with tempfile.TemporaryDirectory(prefix="lab-") as directory:
        started = FakeLab(Path(directory) / LAB_NAME, tools)
        yield started
        started.end()


@pytest.fixture
def lab(guest_tools: Path) -> Iterator[FakeLab]:
    """A controller of the test's own."""
    with fake_lab(guest_tools) as started:
        yield started


@pytest.fixture(scope="module")
def shared_lab(guest_tools: Path) -> Iterator[FakeLab]:
    """A controller that the tests of a module share."""
    with fake_lab(guest_tools) as started:
        yield started


@pytest.fixture(scope="module")
def command(shared_lab: FakeLab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `juju-lab` command for the shared lab, without images to prepare."""
    path = tmp_path_factory.mktemp("bin") / "juju-lab"
    path.write_text(
        f"#!{sys.executable} -P\n"
        "import os, sys\n"
        f"sys.path.insert(0, {str(LAB)!r})\n"
        f"os.environ['JUJU_LAB_NAME'] = {LAB_NAME!r}\n"
        f"os.environ['JUJU_LAB_STATE'] = {str(shared_lab.directory.parent)!r}\n"
        "import juju_lab.cli.prepare\n"
        "juju_lab.cli.prepare.prepare = lambda bases, qemu=False: None\n"
        "from juju_lab.cli import main\n"
        "main()\n"
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def charm(tmp_path: Path) -> Callable[..., Path]:
    """Makes charms: see `make_charm`, without its first argument."""
    return functools.partial(make_charm, tmp_path / "charms")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A file that hooks can append to."""
    path = tmp_path / "trace"
    path.touch()
    return path
