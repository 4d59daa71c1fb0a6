"""Command lines of hook tools, read as Juju's flag library reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from juju_lab.errors import UsageError

_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}


@dataclass(frozen=True)
class Flag:
    """One option: all its names without dashes, and whether it is a switch."""

    names: tuple[str, ...]
    help: str
    switch: bool = False

    @property
    def key(self) -> str:
        """The name it goes by in the parsed result: the last, which is the long one."""
        return self.names[-1]

    def __str__(self) -> str:
        return ", ".join(_dashed(name) for name in self.names)


@dataclass
class Parsed:
    """Options by key (absent ones are missing) and positional arguments."""

    options: dict[str, Any] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)


def parse(flags: Sequence[Flag], words: Sequence[str]) -> Parsed:
    """Take `words` apart; options may follow positionals, `--` ends them.

    Raises UsageError for an unknown option, a missing or an invalid value.
    """
    by_name = {name: flag for flag in flags for name in flag.names}
    parsed = Parsed()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            parsed.arguments += rest
            break
        if not word.startswith("-") or word == "-":
            parsed.arguments.append(word)
            continue
        name, value = _split(word)
        flag = by_name.get(name)
        if flag is None:
            raise UsageError(f"option provided but not defined: {_dashed(name)}")
        if flag.switch:
            parsed.options[flag.key] = _boolean(flag, value)
        elif value is not None:
            parsed.options[flag.key] = value
        elif rest:
            parsed.options[flag.key] = rest.pop(0)
        else:
            raise UsageError(f"option needs an argument: {_dashed(name)}")
    return parsed


def _split(word: str) -> tuple[str, str | None]:
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        return name, value if equals else None
    name, value = word[1], word[2:]
    return name, value.removeprefix("=") if value else None


def _boolean(flag: Flag, value: str | None) -> bool:
    if value is None or value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise UsageError(f'invalid value "{value}" for option {_dashed(flag.key)}: not a boolean')


def _dashed(name: str) -> str:
    return f"-{name}" if len(name) == 1 else f"--{name}"
