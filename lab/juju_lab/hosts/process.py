"""The process that a host is, known by its directory: found again after the one who started it.

The process id is on disk before the host runs, so there is no moment at which a host runs and
nobody can find it.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from juju_lab.hosts.errors import HostError

# Writes its own process id, then becomes the host.
_LAUNCHER = 'echo $$ > "$0.new" && mv "$0.new" "$0" && exec "$@"'


class HostProcess:
    """What runs for one host: a process with a child whose process-id namespace is the host's.

    The command line contains the host's `directory`, which tells it from a stranger that got its
    process id later.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pid_file = directory / "pid"

    def pid(self) -> int | None:
        """Process id, or None while the host does not run."""
        try:
            pid = int(self._pid_file.read_text())
            command_line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if str(self._directory).encode() in command_line else None

    def spawn(self, argv: list[str], *, environment: Mapping[str, str], console: Path) -> None:
        """Start the host with `argv`; what it says goes to the file `console`."""
        self._pid_file.unlink(missing_ok=True)
        with console.open("ab") as output:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _LAUNCHER, str(self._pid_file), *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
                env=environment,
                start_new_session=True,
            )
        while not self._pid_file.exists() and process.poll() is None:
            time.sleep(0.002)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the host's first process; nothing happens if there is none."""
        for child in _children(self.pid()):
            _send(child, number)

    def kill(self) -> None:
        """End all of the host's processes at once, and wait until they are gone."""
        pid = self.pid()
        if pid is None:
            return
        gone = []
        for victim in [*_children(pid), pid]:
            try:
                gone.append(os.pidfd_open(victim))
            except ProcessLookupError:
                continue
            _send(victim, signal.SIGKILL)
        try:
            deadline = time.monotonic() + 10
            for descriptor in gone:
                remaining = max(0.0, deadline - time.monotonic())
                if not select.select([descriptor], [], [], remaining)[0]:
                    raise HostError(f"process {pid} of {self._directory.name} will not end")
        finally:
            for descriptor in gone:
                os.close(descriptor)
        self._pid_file.unlink(missing_ok=True)


def _children(pid: int | None) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for child in listed.split()]


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
