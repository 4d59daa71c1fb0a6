"""Commands that build things: in namespaces of their own, so that nothing outlives this process.

Their mounts are private, and all their processes die with the process that started them, however
it dies.
"""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from juju_lab.hosts.errors import HostError

_CHROOT_SCRIPT = Path(__file__).parent / "scripts" / "in-chroot"
_PASSED_ON = ("PATH", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy")


def confined(argv: Iterable[str]) -> list[str]:
    """`argv` with mounts and process ids of its own, killed when its parent dies."""
    return [
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"),
        *argv,
    ]


def in_chroot(
    root: Path, argv: Iterable[str], *, binds: Iterable[tuple[Path, str]] = ()
) -> list[str]:
    """`argv` confined to the tree `root`, where each of `binds` is a directory and its place."""
    mounts = [f"{source}={target}" for source, target in binds]
    return confined(["/bin/sh", str(_CHROOT_SCRIPT), str(root), *mounts, "--", *argv])


def run(
    argv: list[str], *, what: str, log: Path, cwd: Path = Path("/"), output: Path | None = None
) -> None:
    """Run a building step; what it says goes to `log`, its standard output to `output` if given.

    Raises HostError with `what`, the telling line of what it said, and where to read on.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as said, (output or log).open("ab") as stdout:
        result = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=said,
            env=environment,
            cwd=cwd,
        )
    if result.returncode:
        raise HostError(f"{what} failed: {_telling_line(log)} (all of it: {log})")


def _telling_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    errors = [line for line in lines if line.startswith(("E:", "mke2fs:", "error:"))]
    return (errors or lines or ["it said nothing"])[-1]
