"""Run other programs: no shell, a clean environment, a time limit, one exception."""

import subprocess
from collections.abc import Sequence

from ceph_iscsi.errors import GatewayError

# Hooks run inside the charm's own Python environment and perhaps behind a proxy; the
# distribution's Python programs must see neither.
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "NO_PROXY": "*",
    "no_proxy": "*",
}


class CommandFailed(GatewayError):
    """A program ended with an error: its exit code and what it had printed on standard output."""

    def __init__(self, message: str, code: int, output: str):
        super().__init__(message)
        self.code = code
        self.output = output


def run(argv: Sequence[str], timeout: float = 60) -> str:
    """Run a program and return its standard output.

    :param argv: program and arguments, none of them a secret: they go into error messages
    :param timeout: seconds
    :raises CommandFailed: exit code not 0; the message ends with the program's own last words
    :raises GatewayError: not there, or no end within the time limit
    """
    name = argv[0]
    try:
        done = subprocess.run(
            argv,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise GatewayError(f"`{name}` gave no answer within {timeout:g} s") from error
    except OSError as error:
        raise GatewayError(f"`{name}` cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise CommandFailed(f"`{name}` failed: {words[-1]}", done.returncode, done.stdout)
    return done.stdout
