"""Change the gateway: one gwcli process per operation, commands on its standard input.

Why not ``gwcli COMMAND``: it then exits 0 whatever the API said, takes seconds for each command,
and shows CHAP secrets to every local user. To commands that it reads, it prints an answer each.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ceph_iscsi import tls
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.process import ENVIRONMENT

# gwcli writes its history and a DEBUG log with CHAP secrets into HOME: a private one, in memory.
HOMES = Path("/run/ceph-iscsi-charm")
# Seconds for an operation, and for each of its commands: creating a LUN waits up to 30 s on each
# gateway, and a configuration that is restored may have hundreds.
TIME_LIMIT = 300
COMMAND_TIME_LIMIT = 30

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_PROMPT = re.compile(r"^(?:/\S*> )+")
# A command that gwcli doesn't know: its complaint marks the end of the answer before it, which
# the prompt cannot, since gwcli's own threads print whenever they like.
_MARK = "endofanswer"
_MARK_ANSWER = f"Command not found {_MARK}"
_NOISE = re.compile(
    r"^(All gateways accessible|\d+ gateways? (is|are) inaccessible - updates will be disabled"
    r"|OS version/package checks have been bypassed|Adding gateway, .*|Deleting gateway, .*"
    r"|discovery username=.*"  # the command as it was given
    r"|Warning: .* mapped to \d+ other client\(s\)|ok)$"
)


@dataclass(frozen=True)
class Command:
    """A line for gwcli, and what it does in a user's words.

    ``about`` is the path to what it changes, such as ``(IQN, "client", NAME)``.
    """

    text: str
    purpose: str
    says_ok: bool = True
    about: tuple[str, ...] = ()


class Refused(GatewayError):
    """gwcli did not carry a command out; the message holds what it said."""


class Ended(GatewayError):
    """gwcli ended before it had answered; the gateway may still be at work on ``command``."""

    def __init__(self, message: str, command: Command):
        super().__init__(message)
        self.command = command


def run(commands: Sequence[Command], secrets: Collection[str] = ()) -> None:
    """Run commands in one gwcli process; stop at the first that is refused.

    :param secrets: values that must not turn up in an exception, should gwcli echo them
    :raises Refused: with the purpose of the command and gwcli's answer
    :raises Ended: gwcli was killed, or ended by itself or for lack of time, at a command
    :raises GatewayError: gwcli did not start
    """
    shutil.rmtree(HOMES, ignore_errors=True)
    HOMES.mkdir(mode=0o700, parents=True)
    limit = TIME_LIMIT + COMMAND_TIME_LIMIT * len(commands)
    with tempfile.TemporaryDirectory(dir=HOMES) as home, _Session(home, limit) as session:
        opening = session.read_answer()
        if not session.alive:
            raise GatewayError(f"gwcli did not start: {_tidy(opening) or session.end()}")
        for command in commands:
            answer = session.ask(command.text)
            problem = refusal(answer, command.says_ok)
            if not session.alive:
                words = _hidden(_tidy(answer), secrets)
                raise Ended(f"{command.purpose}: {session.end()}. {words}".rstrip(". "), command)
            if problem:
                raise Refused(f"{command.purpose}: {_hidden(problem, secrets)}")


def _hidden(words: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        words = words.replace(secret, "***")
    return words


def refusal(answer: str, says_ok: bool = True) -> str | None:
    """What gwcli complains of in an answer, or None if the command was carried out.

    :param answer: all that gwcli printed for one command, with colours and prompts
    :param says_ok: whether this command says ``ok`` when done; others then say nothing of note
    """
    words = _tidy(answer)
    if says_ok:
        return None if "ok" in _lines(answer) else words or "gwcli gave no answer"
    return words or None


def _lines(answer: str) -> list[str]:
    """The lines of an answer without colours and prompts."""
    return [_PROMPT.sub("", _ANSI.sub("", line)).strip() for line in answer.splitlines()]


def _tidy(answer: str) -> str:
    """The words of an answer on one line, routine messages left out."""
    return " ".join(line for line in _lines(answer) if line and not _NOISE.match(line))


class _Session:
    """A running gwcli: commands go in, answers come out, nothing stays behind."""

    def __init__(self, home: str, limit: float):
        self._process = subprocess.Popen(
            ["gwcli"],
            env={**ENVIRONMENT, **tls.environment(), "HOME": home, "PYTHONUNBUFFERED": "1"},
            cwd=home,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._read = b""
        self.alive = True
        self._late = threading.Event()
        self._limit = limit
        self._timer = threading.Timer(limit, self._give_up)

    def __enter__(self) -> "_Session":
        self._timer.start()
        self._write(_MARK)
        return self

    def __exit__(self, *_) -> None:
        self._write("exit")
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._timer.cancel()

    def ask(self, text: str) -> str:
        """Give one command, return its answer."""
        self._write(f"{text}\n{_MARK}")
        return self.read_answer()

    def read_answer(self) -> str:
        """All output up to the next mark; what there was if gwcli ended instead."""
        mark = _MARK_ANSWER.encode()
        while mark not in self._read:
            chunk = os.read(self._process.stdout.fileno(), 65536)
            if not chunk:
                self.alive = False
                answer, self._read = self._read, b""
                return answer.decode(errors="replace")
            self._read += chunk
        answer, _, self._read = self._read.partition(mark)
        return answer.decode(errors="replace")

    def end(self) -> str:
        """How it ended, once it is no longer alive."""
        code = self._process.wait()
        if self._late.is_set():
            return f"gwcli did not finish within {self._limit:g} s"
        if code < 0:
            return f"gwcli was ended by {signal.Signals(-code).name}"
        return f"gwcli ended by itself with code {code}"

    def _write(self, line: str) -> None:
        # If it has ended, the next read finds out, and tells what it printed last.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n".encode())

    def _give_up(self) -> None:
        self._late.set()
        self._process.kill()
