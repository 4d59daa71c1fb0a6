"""The judge: each observable of the contract against what was seen of a charm."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from equivalence import rules
from equivalence.contract import Line, Observable, observables
from equivalence.record import Recording

EQUAL, BETTER, DIFFERS, MISSING, NOT_RUN = "equal", "better", "differs", "missing", "not run"


@dataclass(frozen=True)
class Finding:
    """The verdict on one observable of one charm.

    ``value`` is what was seen, None if nothing was; ``why`` says what is wrong with it, or why
    nothing was seen.
    """

    line: str
    observable: Observable
    verdict: str
    value: Any = None
    why: str = ""

    @property
    def name(self) -> str:
        """``SCENARIO KEY``."""
        return self.observable.name

    @property
    def told(self) -> str:
        """What is wrong, or the value where nothing is but that there is a better one."""
        return self.why or rules.show(self.value)


def judge(lines: tuple[Line, ...], recording: Recording) -> list[Finding]:
    """A finding for every observable of the contract, in its order."""
    return [_judged(line, observable, recording) for line, observable in observables(lines)]


def faults(findings: Iterable[Finding], *, strict: bool = False) -> Iterator[Finding]:
    """Findings that the contract does not allow.

    :param strict: ask for the better way wherever there is one: for a charm that claims it
    """
    for finding in findings:
        as_there = finding.verdict == EQUAL and finding.observable.improvable
        if finding.verdict in (DIFFERS, MISSING) or (strict and as_there):
            yield finding


def _judged(line: Line, observable: Observable, recording: Recording) -> Finding:
    scene = recording.scenes.get(observable.scenario)
    if scene is None:
        return Finding(line.name, observable, NOT_RUN, why="the scenario was not asked for")
    if observable.key in scene.hidden:
        where = {"lab": "in the lab", "stage": "on a stage"}.get(scene.place, "here")
        return Finding(line.name, observable, NOT_RUN, why=f"it can't be seen {where}")
    if observable.key not in scene.seen:
        why = scene.error or "nothing of it was seen"
        return Finding(line.name, observable, MISSING, why=why)
    value = scene.seen[observable.key]
    if observable.improvable and rules.keeps(observable.better, value):
        return Finding(line.name, observable, BETTER, value)
    problem = rules.complaint(observable.there, value)
    if problem is None:
        return Finding(line.name, observable, EQUAL, value)
    if observable.improvable:
        problem = rules.complaint(observable.better, value)
    return Finding(line.name, observable, DIFFERS, value, problem or "")
