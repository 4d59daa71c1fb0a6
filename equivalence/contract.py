"""The contract: the reference's behaviour as data, and a table of what shows it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
KINDS = ("equal", "better", "extension")


class ContractError(Exception):
    """The contract itself is wrong; the message says where."""


@dataclass(frozen=True)
class Observable:
    """What one scenario records under one key, and what that must be.

    ``there`` is the rule that the reference keeps, ``better`` the one that improves on it.
    """

    scenario: str
    key: str
    there: Any
    better: Any = None
    improvable: bool = False

    @property
    def name(self) -> str:
        """``SCENARIO KEY``."""
        return f"{self.scenario} {self.key}"


@dataclass(frozen=True)
class Line:
    """One line of the reference: what it says, how it is judged, which tests show it."""

    group: str
    topic: str
    says: str
    kind: str
    better: str = ""
    observables: tuple[Observable, ...] = ()
    lab: tuple[str, ...] = ()
    unit: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """``group: topic``."""
        return f"{self.group}: {self.topic}"


@cache
def load(path: Path = HERE / "contract.yaml") -> tuple[Line, ...]:
    """All lines of the contract, in its order.

    :raises ContractError: a line is incomplete or has what no line can have
    """
    document = yaml.safe_load(path.read_text())
    return tuple(
        _line(group, topic, entry)
        for group, topics in document.items()
        for topic, entry in topics.items()
    )


def observables(lines: tuple[Line, ...]) -> Iterator[tuple[Line, Observable]]:
    """Every observable with the line that it belongs to."""
    for line in lines:
        for observable in line.observables:
            yield line, observable


def table(lines: tuple[Line, ...]) -> str:
    """Each line with its kind, and the kit's scenarios and the tests that show it, in Markdown."""
    rows = ["| line | kind | shown by |", "|---|---|---|"]
    for line in lines:
        shown = [f"kit {observable.scenario}" for observable in line.observables]
        shown += [f"lab {_module(test)}" for test in line.lab]
        shown += [f"unit {_module(test)}" for test in line.unit]
        rows.append(f"| {line.name} | {line.kind} | {', '.join(dict.fromkeys(shown))} |")
    return "\n".join(rows)


def _module(test: str) -> str:
    return test.partition("::")[0].rpartition("/")[2].removeprefix("test_")


def _line(group: str, topic: str, entry: dict[str, Any]) -> Line:
    where = f"{group}: {topic}"
    unknown = set(entry) - {"says", "kind", "better", "seen", "tests"}
    if unknown or not entry.get("says") or entry.get("kind") not in KINDS:
        raise ContractError(f"{where}: {', '.join(sorted(unknown)) or 'says or kind is missing'}")
    if (entry["kind"] == "better") != bool(entry.get("better")):
        raise ContractError(f"{where}: `better` says in which way, and only where it is better")
    tests = entry.get("tests") or {}
    return Line(
        group=group,
        topic=topic,
        says=entry["says"],
        kind=entry["kind"],
        better=entry.get("better", ""),
        observables=tuple(
            _observable(where, name, rule) for name, rule in entry.get("seen", {}).items()
        ),
        lab=tuple(tests.get("lab", ())),
        unit=tuple(tests.get("unit", ())),
    )


def _observable(where: str, name: str, rule: Any) -> Observable:
    scenario, _, key = name.partition(" ")
    if not key:
        raise ContractError(f"{where}: {name} names no key of its scenario")
    if isinstance(rule, dict) and "there" in rule:
        if set(rule) != {"there", "better"}:
            raise ContractError(f"{where}: {name} has there without better, or more than both")
        return Observable(scenario, key, rule["there"], rule["better"], improvable=True)
    return Observable(scenario, key, rule)
