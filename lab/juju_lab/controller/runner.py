"""Running charm code on a host: environment, program, output, exit status."""

import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Protocol

from juju_lab import AGENT_VERSION, names
from juju_lab.controller import wire
from juju_lab.controller.context import ActionData
from juju_lab.controller.guest import GuestPaths
from juju_lab.controller.uniter import DEPARTED, POST_UPGRADE, PRE_UPGRADE, Hook
from juju_lab.hosts.bases import BASES

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"
_KILLED = (9, 15)


class Host(Protocol):
    """What the controller asks of a machine; `juju_lab.hosts.Host` is the real one."""

    address: str
    addresses: Sequence[str]

    @property
    def running(self) -> bool:
        """Whether it has power."""

    @property
    def release(self) -> str:
        """The base that its disk has."""

    def start(self) -> None:
        """Switch it on."""

    def wait_ready(self, timeout: float) -> None:
        """Return once it is up."""

    def boot_id(self) -> str:
        """Another one after each start."""

    def run(self, argv: list[str], **options: Any) -> "subprocess.CompletedProcess[bytes]":
        """Run a command to its end."""

    def popen(self, argv: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start a command."""

    def push_file(self, content: bytes, path: str, mode: int) -> None:
        """Write a file."""

    def push_tree(self, local: Any, path: str) -> None:
        """Copy a directory's content."""

    def ssh_argv(
        self, user: str = "root", tty: bool = False, options: tuple[str, ...] = ()
    ) -> list[str]:
        """Command line of an ssh to it."""

    def power_off(self) -> None:
        """Cut its power."""

    def shutdown(self, timeout: float = 60) -> None:
        """Stop it in order."""

    def upgrade(self, base: str) -> None:
        """Bring its disk to the next base."""

    def destroy(self) -> None:
        """Remove it."""

    def set_link(self, up: bool) -> None:
        """Plug or pull its network."""


_EXITS = (
    lambda code: Exit(code=code),
    lambda number: Exit(signal=number),
    lambda _: Exit(missing=True),
)


class HostLost(Exception):
    """The host went away while something ran on it, or could not be reached at all."""


@dataclass(frozen=True)
class Surroundings:
    """What the environment of a unit's code holds besides the hook itself."""

    unit: str
    machine: int
    model: str
    model_uuid: str
    controller_address: str
    target_base: str = ""
    model_config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Exit:
    """How a program ended: an exit status, the number of a signal, or it was not there at all."""

    code: int = 0
    signal: int = 0
    missing: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.code == 0 and self.signal == 0 and not self.missing

    @property
    def was_killed(self) -> bool:
        """Whether somebody ended it, so that it is to be run again."""
        return self.signal in _KILLED

    @property
    def status(self) -> int:
        """The exit status, as a shell gives it."""
        return 128 + self.signal if self.signal else self.code

    @property
    def text(self) -> str:
        """The way that Go words it."""
        if self.signal:
            return f"signal: {signal.strsignal(self.signal).lower()}"
        return f"exit status {self.code}"


def environment(
    paths: GuestPaths,
    around: Surroundings,
    context_id: str,
    *,
    hook: Hook | None = None,
    action: tuple[str, int] | None = None,
    dispatch: str = "",
) -> dict[str, str]:
    """The whole environment of a hook, or of an action given as its name and task number.

    `dispatch` is JUJU_DISPATCH_PATH, left out when empty. Nothing is inherited: there is no HOME.
    """
    charm = str(paths.charm(around.unit))
    config = around.model_config
    values = {
        "CHARM_DIR": charm,
        "JUJU_CHARM_DIR": charm,
        "JUJU_CONTEXT_ID": context_id,
        "JUJU_HOOK_NAME": hook.name if hook and not action else "",
        "JUJU_UNIT_NAME": around.unit,
        "JUJU_MODEL_NAME": around.model,
        "JUJU_MODEL_UUID": around.model_uuid,
        "JUJU_MACHINE_ID": str(around.machine),
        "JUJU_PRINCIPAL_UNIT": "",
        "JUJU_AVAILABILITY_ZONE": "",
        "JUJU_API_ADDRESSES": around.controller_address,
        "JUJU_VERSION": AGENT_VERSION,
        "CLOUD_API_VERSION": "",
        "JUJU_AGENT_SOCKET_ADDRESS": f"@{paths.unit(around.unit)}/agent.socket",
        "JUJU_AGENT_SOCKET_NETWORK": "unix",
        "JUJU_METER_STATUS": "AMBER",
        "JUJU_METER_INFO": "not set",
        "JUJU_SLA": "unsupported",
        "PATH": f"{paths.unit_tools(around.unit)}:{_SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        "TERM": "tmux-256color",
        "DEBIAN_FRONTEND": "noninteractive",
        "APT_LISTCHANGES_FRONTEND": "none",
    }
    for kind in ("http", "https", "ftp", "no"):
        key = f"{kind}-proxy"
        values[f"JUJU_CHARM_{kind.upper()}_PROXY"] = str(config.get(f"juju-{key}") or "")
        if config.get(key):
            values[f"{kind}_proxy"] = values[f"{kind.upper()}_PROXY"] = str(config[key])
    if dispatch:
        values["JUJU_DISPATCH_PATH"] = dispatch
    if hook and around.target_base and hook.kind in (PRE_UPGRADE, POST_UPGRADE):
        values |= {
            "JUJU_TARGET_BASE": around.target_base,
            "JUJU_TARGET_SERIES": BASES[around.target_base].ubuntu_codename,
        }
    if hook and hook.relation is not None:
        values |= {
            "JUJU_RELATION": hook.endpoint,
            "JUJU_RELATION_ID": f"{hook.endpoint}:{hook.relation}",
            "JUJU_REMOTE_UNIT": hook.remote_unit,
            "JUJU_REMOTE_APP": hook.remote_app,
        }
        if hook.kind == DEPARTED:
            values["JUJU_DEPARTING_UNIT"] = hook.departing_unit
    if action:
        name, number = action
        values |= {
            "JUJU_ACTION_NAME": name,
            "JUJU_ACTION_UUID": str(number),
            "JUJU_ACTION_TAG": f"action-{number}",
        }
    return values


class Runner:
    """Runs programs on one host and can end them all when the host is known to be gone."""

    def __init__(self, host: Host, paths: GuestPaths) -> None:
        self.host = host
        self.paths = paths
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: PurePosixPath,
        env: Mapping[str, str],
        name: str,
        stdin: bytes = b"",
        on_output: Callable[[str, bytes], None],
        started: Callable[[Callable[[], None]], None] = lambda kill: None,
    ) -> Exit:
        """Run `argv` to its end; `name` tells one run from another on the host.

        `on_output` gets "stdout" or "stderr" and bytes as they come; `started` gets a function
        that kills the program. Raises HostLost when the host goes away.
        """
        process = self._popen()
        with process:
            try:
                request = wire.pack_strings(
                    [
                        str(self.paths.lock(name)),
                        str(cwd),
                        str(len(argv)),
                        *argv,
                        *(f"{key}={value}" for key, value in env.items()),
                    ]
                )
                process.stdin.write(request + wire.pack_string(stdin))
                process.stdin.flush()
                # An early end of its input is what makes the guest's side kill the program.
                started(process.stdin.close)
                return _follow(process, on_output)
            except (OSError, ValueError, wire.WireError) as error:
                raise HostLost(f"lost {self.host.address} while {argv[0]} ran") from error
            finally:
                with self._lock:
                    self._running.discard(process)
                process.kill()

    def abandon(self) -> None:
        """End every run at once, as HostLost: the host is gone."""
        with self._lock:
            for process in self._running:
                process.kill()

    def _popen(self) -> "subprocess.Popen[bytes]":
        try:
            process = self.host.popen(
                [str(self.paths.hookrun)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except Exception as error:
            raise HostLost(f"cannot reach {self.host.address}") from error
        with self._lock:
            self._running.add(process)
        return process


def _follow(process: "subprocess.Popen[bytes]", on_output: Callable[[str, bytes], None]) -> Exit:
    while True:
        kind, payload = wire.read_frame(process.stdout)
        if kind == b"O":
            on_output("stdout", payload)
        elif kind == b"E":
            on_output("stderr", payload)
        elif kind == b"X" and len(payload) == 2:
            return _EXITS[payload[0]](payload[1])
        else:
            raise wire.WireError("unknown frame")


def unit_run_name(unit: str, action: ActionData | None) -> str:
    """Name of a run on the host: hooks of a unit share one, each action has its own."""
    return f"{names.unit_tag(unit)}-{action.number}" if action else names.unit_tag(unit)
