"""Options, arguments and output that several commands have."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from juju_lab import durations, formats
from juju_lab.errors import JujuError, UsageError

_PASSED_THROUGH = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def model_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`-m/--model`, by default $JUJU_MODEL, else the current model (None)."""
    return click.option(
        "-m",
        "--model",
        envvar="JUJU_MODEL",
        metavar="MODEL",
        help="Model to act on: [controller:]model.",
    )(command)


def format_option(*styles: str) -> Callable[..., Any]:
    """`--format`, the first style being the default, and `-o/--output`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        command = click.option("-o", "--output", metavar="FILE", help="File to write to.")(command)
        return click.option(
            "--format",
            "style",
            type=click.Choice(styles),
            default=styles[0],
            help="How to print.",
        )(command)

    return decorate


def no_prompt_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--no-prompt`, also by $JUJU_SKIP_CONFIRMATION, and 2.9's `-y/--yes`."""
    return click.option(
        "-y",
        "--yes",
        "--no-prompt",
        "no_prompt",
        is_flag=True,
        envvar="JUJU_SKIP_CONFIRMATION",
        help="Do not ask.",
    )(command)


def passthrough(name: str, **settings: Any) -> Callable[..., Any]:
    """A command whose arguments after its own options are taken as they are."""
    return click.command(name, context_settings=_PASSED_THROUGH, **settings)


def show(document: Any, style: str, output: str | None = None) -> None:
    """Print a document as json or yaml, or write it to a file."""
    write(formats.render(document, style), output)


def write(text: str, output: str | None = None) -> None:
    """Print text, or write it to a file."""
    if output:
        Path(output).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
        sys.stdout.flush()


def say(text: str) -> None:
    """Tell the user something that is not the command's data."""
    click.echo(text, err=True)


def key_values(words: Iterable[str]) -> dict[str, str]:
    """`key=value` arguments as a map; UsageError for another shape."""
    values = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(f'expected "key=value", got "{word}"')
        values[key] = value
    return values


def bindings(words: Iterable[str]) -> dict[str, str]:
    """`ENDPOINT=SPACE` and `SPACE` as spaces by endpoint, the empty one for all others."""
    values = {}
    for word in words:
        endpoint, _, space = word.rpartition("=")
        values[endpoint] = space
    return values


def constraints(texts: Sequence[str]) -> dict[str, str]:
    """`--constraints` given once or more, each with one or more `key=value`."""
    return key_values(word for text in texts for word in text.split())


def under_qemu(constraints: Mapping[str, str]) -> bool:
    """Whether machines of these constraints are under qemu."""
    return constraints.get("virt-type") == "qemu"


def seconds(text: str) -> float:
    """A duration option; UsageError when it is none."""
    try:
        return durations.parse(text)
    except ValueError as error:
        raise UsageError(f'invalid value "{text}": {error}') from None


def read_yaml(path: str) -> Any:
    """A YAML file that the user names, `-` being standard input."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        return yaml.safe_load(text)
    except OSError as error:
        raise JujuError(f"open {path}: {(error.strerror or '').lower()}") from None
    except yaml.YAMLError as error:
        raise JujuError(f"{path}: not YAML: {error}") from None


def confirm(question: str, no_prompt: bool) -> None:
    """Ask before something is removed; JujuError when the answer is no."""
    if no_prompt:
        return
    say(question)
    click.echo("\nContinue [y/N]? ", err=True, nl=False)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise JujuError("aborted")


def absolute(path: str) -> str:
    """A path as the daemon, which has another working directory, can use it."""
    return os.path.abspath(os.path.expanduser(path))
