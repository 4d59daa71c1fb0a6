"""The command's side of the daemon: requests, and having the daemon run."""

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from juju_lab.errors import JujuError
from juju_lab.hosts.errors import HostError, PreflightError
from juju_lab.hosts.settings import Settings

_START_SECONDS = 30
_STOP_SECONDS = 30


def call(method: str, **params: Any) -> Any:
    """The result of a request, for which the daemon is started if need be."""
    result = None
    for kind, value in _exchange(method, params):
        if kind == "result":
            result = value
    return result


def stream(method: str, **params: Any) -> Iterator[Any]:
    """The parts of a request's answer, as they come."""
    for kind, value in _exchange(method, params):
        if kind == "item":
            yield value


def settings() -> Settings:
    """The lab that the environment names; JujuError when that cannot be."""
    try:
        return Settings.from_environment()
    except PreflightError as error:
        raise JujuError(str(error)) from None


def controller_directory(lab: Settings) -> Path:
    """Where the daemon of a lab keeps everything."""
    return lab.state_dir / "controller"


def is_running() -> bool:
    """Whether the daemon is there."""
    connection = _connect(settings())
    if connection is None:
        return False
    connection.close()
    return True


def ensure_daemon() -> None:
    """Have the lab's network and the daemon; JujuError when this machine cannot."""
    if not is_running():
        _start(settings())


def stop_daemon() -> None:
    """End the daemon, by force if it does not answer."""
    lab = settings()
    lock = controller_directory(lab) / "lock"
    try:
        holder = lock.open("r+")
    except OSError:
        return
    with holder:
        if _take(holder):
            return
        pid = int(holder.read().strip() or 0)
        for number in (15, 9):
            if pid > 1:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < deadline:
                if _take(holder):
                    return
                time.sleep(0.05)
    raise JujuError(f"the daemon of the lab {lab.name} does not end")


def _take(holder: Any) -> bool:
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _exchange(method: str, params: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    lab = settings()
    connection = _connect(lab) or _start(lab)
    with connection, connection.makefile("rwb") as file:
        for answer in _answers(file, {"method": method, "params": params}):
            if "error" in answer:
                raise JujuError(answer["error"]["text"], answer["error"]["code"])
            yield from answer.items()
            if "result" in answer:
                return
    raise JujuError("the lab's daemon ended before it answered")


def _answers(file: Any, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the daemon says, until it ends or closes the connection."""
    try:
        file.write(json.dumps(request).encode() + b"\n")
        file.flush()
        for line in file:
            yield json.loads(line)
    except (BrokenPipeError, ConnectionResetError):
        return


def _connect(lab: Settings) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(controller_directory(lab) / "socket"))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except PermissionError:
        connection.close()
        raise JujuError("the lab needs root: call the command with sudo") from None
    return connection


def _start(lab: Settings) -> socket.socket:
    """Start the daemon within the lab's network, and connect to it."""
    from juju_lab.hosts import Lab
    from juju_lab.hosts.network import enter

    made = Lab(lab)
    try:
        made.preflight()
        made.up()
    except (PreflightError, HostError) as error:
        raise JujuError(str(error)) from None
    directory = controller_directory(lab)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = directory / "daemon.log"
    argv = [*enter(lab.netns), sys.executable]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*argv, "-m", "juju_lab.controller.daemon"],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        connection = _connect(lab)
        if connection is not None:
            return connection
        if process.poll():
            break
        time.sleep(0.02)
    last = log.read_text(errors="replace").strip().splitlines()
    raise JujuError(f"the lab's daemon does not start: {last[-1] if last else 'see ' + str(log)}")
