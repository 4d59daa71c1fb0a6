"""The process that a host is, known by its directory: found again after the one who started it.

The process id is on disk before the host runs, so there is no moment at which a host runs and
nobody can find it.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from juju_lab.hosts.errors import HostError

# Writes who it is, as the kernel tells it, then becomes the host.
_UNTIL_OFF = Path(__file__).parent / "scripts" / "until-off"
_LAUNCHER = 'cat "/proc/$$/stat" > "$0.new" && mv "$0.new" "$0" && exec "$@"'


class _Stat(NamedTuple):
    """What /proc/PID/stat says; `start` is in clock ticks since the machine's boot."""

    pid: int
    state: str
    start: int

    @classmethod
    def parse(cls, line: str) -> "_Stat":
        # The second field is the program's name in parentheses, whatever characters it has.
        pid, _, rest = line.partition(" (")
        fields = rest.rpartition(") ")[2].split()
        if len(fields) < 20:
            raise ValueError("not the line of a process")
        return cls(int(pid), fields[0], int(fields[19]))


class HostProcess:
    """What runs for one host: a process, and all that came from it.

    Its process id is kept in the host's `directory` together with its start time, which tells it
    from a stranger that got the same process id later.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pid_file = directory / "pid"

    def pid(self) -> int | None:
        """Process id, or None while the host does not run."""
        try:
            known = _Stat.parse(self._pid_file.read_text())
            now = _Stat.parse(Path(f"/proc/{known.pid}/stat").read_text())
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return known.pid if now.start == known.start and now.state not in "ZX" else None

    def spawn(self, argv: list[str], *, environment: Mapping[str, str], console: Path) -> None:
        """Start the host with `argv`, again after each reboot; its output goes to `console`."""
        self._pid_file.unlink(missing_ok=True)
        with console.open("ab") as output:
            process = subprocess.Popen(
                [
                    *("/bin/sh", "-c", _LAUNCHER, str(self._pid_file)),
                    *(str(_UNTIL_OFF), str(console), *argv),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
                env=environment,
                start_new_session=True,
            )
        while not self._pid_file.exists() and process.poll() is None:
            time.sleep(0.002)

    def kill(self) -> None:
        """End all of the host's processes at once, and wait until they are gone."""
        pid = self.pid()
        if pid is None:
            return
        # First the one that would start it anew.
        kill_all([pid, *_descendants(pid)])
        self._pid_file.unlink(missing_ok=True)


def kill_all(pids: Iterable[int], timeout: float = 10) -> None:
    """End these processes, in this order, and wait until they are gone; else HostError."""
    descriptors = {}
    try:
        for pid in pids:
            try:
                descriptors[pid] = os.pidfd_open(pid)
                signal.pidfd_send_signal(descriptors[pid], signal.SIGKILL)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + timeout
        for pid, descriptor in descriptors.items():
            remaining = max(0.0, deadline - time.monotonic())
            if not select.select([descriptor], [], [], remaining)[0]:
                raise HostError(f"process {pid} does not end")
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)


def _descendants(pid: int) -> list[int]:
    """All processes that came from `pid`, parents first; several threads have children each."""
    found = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in listed.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found
