"""Commands on hosts, over one ssh connection per host that all commands share.

The lab has one key for itself and one for all its hosts, so every host is known before it exists
and nobody else is let in. Connections are made from within the lab's network namespace; those who
share one need not be there.
"""

import os
import shlex
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

from juju_lab.hosts.errors import CommandFailed, HostError
from juju_lab.hosts.network import enter

# What ssh itself exits with when it has no connection.
_NO_CONNECTION = 255
_CONFIG = """\
Host *
    IdentityFile {directory}/identity
    IdentitiesOnly yes
    BatchMode yes
    HostKeyAlias lab-host
    UserKnownHostsFile {directory}/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    # Without it a connection to a host that is still starting can hang for two minutes.
    ConnectTimeout 5
    ServerAliveInterval 5
    ServerAliveCountMax 3
    ControlPath {directory}/%r@%h
    LogLevel ERROR
"""


class Ssh:
    """Keys, settings and connections of one lab, in `directory`."""

    def __init__(self, directory: Path, netns: str) -> None:
        self._directory = directory
        self._netns = netns
        self._connecting: dict[str, threading.Lock] = {}

    @property
    def config(self) -> Path:
        """Settings for ssh, scp and what else uses ssh: `-F` of these."""
        return self._directory / "config"

    def set_up(self) -> None:
        """Make the keys and the settings, as far as they are missing."""
        seed = self.seed
        seed.mkdir(parents=True, exist_ok=True, mode=0o700)
        public = _keypair(self._directory / "identity", "lab")
        host_public = _keypair(seed / "ssh_host_ed25519_key", "lab-host")
        _write(seed / "authorized_keys", public)
        _write(self._directory / "known_hosts", f"lab-host {host_public}")
        _write(self.config, _CONFIG.format(directory=self._directory))

    @property
    def seed(self) -> Path:
        """Directory with what a host must be given so that it can be reached."""
        return self._directory / "seed"

    def argv(
        self, address: str, *, user: str = "root", tty: bool = False, options: tuple[str, ...] = ()
    ) -> list[str]:
        """A whole command line up to the destination, from within or outside the namespace."""
        return [
            *enter(self._netns),
            *("ssh", "-F", str(self.config)),
            *(["-t"] if tty else ["-T"]),
            *options,
            f"{user}@{address}",
        ]

    def connect(self, address: str, timeout: float) -> None:
        """Have a shared connection to `address` within `timeout` seconds; else HostError."""
        path = self._control_path(address)
        if _answers(path):
            return
        with self._connecting.setdefault(address, threading.Lock()):
            if _answers(path):
                return
            path.unlink(missing_ok=True)
            # The connection outlives this process: it must not hold its standard output or error.
            log = path.with_name(f"{path.name}.log")
            log.unlink(missing_ok=True)
            options = ("-MNf", "-o", "ControlPersist=yes", "-E", str(log))
            try:
                result = subprocess.run(
                    self.argv(address, options=options),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=timeout,
                )
            except subprocess.TimeoutExpired:
                raise HostError(f"{address}: no ssh connection within {timeout:.0f} s") from None
            if result.returncode:
                said = log.read_text().strip() if log.exists() else ""
                raise HostError(f"{address}: {said or 'no ssh connection'}")

    def disconnect(self, address: str) -> None:
        """End the shared connection to `address`, if there is one."""
        if _answers(self._control_path(address)):
            subprocess.run(
                self.argv(address, options=("-O", "exit")),
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )

    def popen(self, address: str, argv: list[str], **kwargs: Any) -> subprocess.Popen[Any]:
        """Start `argv` on the host; keyword arguments are those of subprocess.Popen."""
        self.connect(address, timeout=30)
        return subprocess.Popen([*self.argv(address), "--", shlex.join(argv)], **kwargs)

    def run(
        self,
        address: str,
        argv: list[str],
        *,
        input: bytes | None = None,
        timeout: float | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `argv` on the host to its end.

        Raises CommandFailed if `check` and it exits with another code than 0, HostError if the
        host cannot be reached or the command is not done after `timeout` seconds.
        """
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        streams["stdin"] = subprocess.DEVNULL if input is None else subprocess.PIPE
        with self.popen(address, argv, **streams) as process:
            try:
                stdout, stderr = process.communicate(input, timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise HostError(f"{address}: {argv[0]} not done after {timeout:g} s") from None
            except BaseException:
                process.kill()
                raise
        if process.returncode == _NO_CONNECTION and not _answers(self._control_path(address)):
            raise HostError(f"{address}: connection lost while {argv[0]} ran")
        if check and process.returncode:
            raise CommandFailed(address, argv[0], process.returncode, stderr)
        return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)

    def _control_path(self, address: str) -> Path:
        return self._directory / f"root@{address}"


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _keypair(path: Path, comment: str) -> str:
    """Public key of the pair at `path`, which is made if it is missing."""
    if not path.exists():
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(new)]
        subprocess.run(argv, check=True, capture_output=True)
        new.with_name(f"{new.name}.pub").rename(path.with_name(f"{path.name}.pub"))
        new.rename(path)
    return path.with_name(f"{path.name}.pub").read_text()


def _write(path: Path, content: str) -> None:
    if not path.exists() or path.read_text() != content:
        new = path.with_name(f"{path.name}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(content)
        new.rename(path)
