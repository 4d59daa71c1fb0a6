"""Juju's hook tools, as far as this charm needs them."""

import json
import subprocess
from typing import Any


def ask(tool: str, *arguments: str) -> Any:
    """Return what a hook tool answers, decoded from JSON."""
    answer = subprocess.run(
        [tool, "--format=json", *arguments], check=True, stdout=subprocess.PIPE
    ).stdout
    return json.loads(answer) if answer.strip() else None


def tell(tool: str, *arguments: str) -> None:
    """Call a hook tool that answers nothing."""
    subprocess.run([tool, *arguments], check=True)


def log(message: str, level: str = "INFO") -> None:
    """Write one message to the model's log."""
    tell("juju-log", "-l", level, "--", message)
