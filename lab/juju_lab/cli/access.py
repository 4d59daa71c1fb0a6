"""ssh and scp."""

import os
import shlex
import sys
from collections.abc import Sequence

import click

from juju_lab import names
from juju_lab.cli import client, common
from juju_lab.errors import JujuError, UsageError
from juju_lab.hosts.network import enter

_DEFAULT_USER = "ubuntu"


@common.passthrough("ssh")
@click.argument("target")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.option("--no-host-key-checks", is_flag=True, help="Accepted: the lab knows its hosts.")
@click.option("--container", help="Refused: machines have none.")
@click.option("--proxy", is_flag=True, help="Accepted.")
@click.option("--pty/--no-pty", default=None, help="Whether to have a terminal.")
@common.model_option
def ssh(
    target: str,
    words: Sequence[str],
    no_host_key_checks: bool,
    container: str | None,
    proxy: bool,
    pty: bool | None,
    model: str | None,
) -> None:
    """Log in to TARGET ([USER@]UNIT, APPLICATION/leader or MACHINE), or run a command there."""
    if container:
        raise JujuError("--container is not supported on machine models")
    user, _, name = target.rpartition("@")
    tty = sys.stdin.isatty() if pty is None else pty
    argv = client.call("ssh_argv", model=model, target=name, user=user or _DEFAULT_USER, tty=tty)
    # ssh takes options behind the destination, too.
    _become([*argv, *words])


@common.passthrough("scp")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.option("--no-host-key-checks", is_flag=True, help="Accepted: the lab knows its hosts.")
@click.option("--container", help="Refused: machines have none.")
@click.option("--proxy", is_flag=True, help="Accepted.")
@common.model_option
def scp(
    words: Sequence[str],
    no_host_key_checks: bool,
    container: str | None,
    proxy: bool,
    model: str | None,
) -> None:
    """Copy files: [scp options] SOURCE DESTINATION, either of them as [USER@]TARGET:PATH."""
    if container:
        raise JujuError("--container is not supported on machine models")
    if len(words) < 2:
        raise UsageError("at least two arguments required")
    settings = client.settings()
    rewritten = [_remote_path(word, model) for word in words]
    remote = [word for word, old in zip(rewritten, words, strict=True) if word != old]
    _become(
        [
            *enter(settings.netns),
            *("scp", "-F", str(settings.state_dir / "ssh" / "config")),
            # From host to host through this machine: hosts cannot log in to one another.
            *(["-3"] if len(remote) > 1 else []),
            *rewritten,
        ]
    )


def _remote_path(word: str, model: str | None) -> str:
    """`[user@]unit:path` with the host's address in the unit's place; other words as they are."""
    target, colon, path = word.partition(":")
    user, _, name = target.rpartition("@")
    if not colon or not (names.is_machine(name) or "/" in name):
        return word
    application, _, part = name.partition("/")
    if "/" in name and not (names.is_application(application) and part):
        return word
    argv = client.call("ssh_argv", model=model, target=name, user=user or _DEFAULT_USER, tty=False)
    return f"{argv[-1]}:{path}"


def _become(argv: list[str]) -> None:
    try:
        os.execvp(argv[0], argv)  # noqa: S606
    except OSError as error:
        raise JujuError(f"cannot run {shlex.quote(argv[0])}: {error.strerror}") from None
