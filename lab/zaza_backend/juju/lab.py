"""The door to the lab: its daemon for most, its command for what that does beside it."""

import asyncio
import subprocess
from collections.abc import Iterator
from typing import Any

from juju.errors import JujuAPIError, JujuError
from juju_lab.cli import client
from juju_lab.errors import JujuError as LabError


def ask(method: str, **params: Any) -> Any:
    """The result of a request to the lab's daemon."""
    try:
        return client.call(method, **params)
    except LabError as error:
        raise JujuAPIError(error.text) from None


def follow(method: str, **params: Any) -> Iterator[Any]:
    """The parts of a request's answer, as they come."""
    try:
        yield from client.stream(method, **params)
    except LabError as error:
        raise JujuAPIError(error.text) from None


async def command(*words: str) -> str:
    """What the `juju` command prints; JujuError with its complaint when it fails."""
    done = await asyncio.to_thread(
        subprocess.run, ["juju", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise JujuError((done.stderr or done.stdout).strip().removeprefix("ERROR "))
    return done.stdout
