"""Names of things: what is valid, how they are taken apart, in which order they are listed."""

import re

_APPLICATION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*")
_MODEL = re.compile(r"[a-z0-9]+[a-z0-9-]*")
_UNIT = re.compile(rf"(?P<application>{_APPLICATION.pattern})/(?P<number>0|[1-9][0-9]*)")
_MACHINE = re.compile(r"0|[1-9][0-9]*")
_DIGITS = re.compile(r"(\d+)")


def is_application(name: str) -> bool:
    """Whether `name` may name an application (`a-1` may not: it would read like a unit)."""
    return bool(_APPLICATION.fullmatch(name))


def is_model(name: str) -> bool:
    """Whether `name` may name a model."""
    return bool(_MODEL.fullmatch(name))


def is_unit(name: str) -> bool:
    """Whether `name` looks like `application/number`."""
    return bool(_UNIT.fullmatch(name))


def is_machine(name: str) -> bool:
    """Whether `name` looks like a machine's number."""
    return bool(_MACHINE.fullmatch(name))


def split_unit(name: str) -> tuple[str, int]:
    """`a/0` to `("a", 0)`; ValueError when it is not a unit's name."""
    match = _UNIT.fullmatch(name)
    if not match:
        raise ValueError(f'invalid unit name "{name}"')
    return match["application"], int(match["number"])


def application_of(name: str) -> str:
    """The application that a unit's name, or an application's own name, stands for."""
    return name.split("/", 1)[0]


def unit_tag(name: str) -> str:
    """`a/0` to `unit-a-0`, the form that paths and logs use."""
    return f"unit-{name.replace('/', '-')}"


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key that puts `u/2` before `u/10`."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in _DIGITS.split(name)
        if part
    ]
