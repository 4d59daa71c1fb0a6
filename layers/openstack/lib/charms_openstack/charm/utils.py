"""The machine as charm classes use it: files, services, packages."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

SECRET = 0o600


def write_file(
    path: str | Path,
    content: str | bytes,
    perms: int = SECRET,
    owner: str = "root",
    group: str = "root",
) -> bool:
    """Write a file whole or not at all, and only if its content differs.

    The new content is never readable by anyone but the owner before the file has its final mode,
    and a machine that loses power has the old file or the new one.

    :returns: whether the content differed (mode and owner are set either way)
    :raises OSError: the directory does not exist, or other trouble with the file
    """
    path, content = Path(path), content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == content:
        _set_access(path, perms, owner, group)
        return False
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _set_access(Path(temporary), perms, owner, group)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return True


def _set_access(path: Path, perms: int, owner: str, group: str) -> None:
    shutil.chown(path, owner, group)
    path.chmod(perms)


def systemctl(*arguments: str) -> None:
    """Run systemctl.

    :raises subprocess.CalledProcessError: it failed; what it said went to the hook's log
    """
    subprocess.run(["systemctl", *arguments], check=True)


def start(service: str) -> None:
    """Start a service, whatever became of earlier attempts.

    A unit that used its start limit up refuses to start until the failure is reset.
    """
    _reset_failed(service)
    systemctl("start", service)


def restart(service: str) -> None:
    """Restart a service, whatever became of earlier attempts."""
    _reset_failed(service)
    systemctl("restart", service)


def _reset_failed(service: str) -> None:
    command = ["systemctl", "reset-failed", service]
    # It complains about a unit that was never loaded, which has nothing to reset.
    subprocess.run(command, check=False, capture_output=True)


def not_running(services: Iterable[str]) -> list[str]:
    """Return those of the services that are not active, sorted."""
    services = list(services)
    if not services:
        return []
    command = ["systemctl", "is-active", *services]
    states = subprocess.run(command, check=False, capture_output=True, text=True).stdout.split()
    return sorted(
        service
        for service, state in zip(services, states, strict=True)
        if state not in ("active", "reloading")
    )


def running_since(service: str) -> float | None:
    """Return when a service became active, in seconds since the epoch; None if it is not."""
    properties = "--property=ActiveState,ActiveEnterTimestampMonotonic"
    command = ["systemctl", "show", properties, service]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    if values.get("ActiveState") != "active":
        return None
    age = time.monotonic() - int(values["ActiveEnterTimestampMonotonic"]) / 1e6
    return time.time() - age


def get_upstream_version(package: str) -> str | None:
    """Return the upstream part of an installed package's version, None if it isn't installed."""
    command = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    status, _, version = result.stdout.partition(" ")
    if status != "installed":
        return None
    without_epoch = version.rpartition(":")[2]
    return without_epoch.rpartition("-")[0] or without_epoch
