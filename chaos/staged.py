"""Kill a hook at each of its calls in turn, run it again, and compare with the undisturbed run."""

import dataclasses
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.scenarios import SCENARIOS, Scenario, States
from chaos.stage import Outcome

# Calls that start with one of these are programs; all others are hook tools.
PROGRAMS = (
    *("apt-", "add-apt", "ceph ", "dpkg", "gwcli", "openssl", "python3", "rbd ", "systemctl"),
    "update-ca",
)


@dataclass
class Result:
    """What came out of one scenario: its points, those killed, and where the end differed."""

    name: str
    calls: list[str]
    killed: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def programs(self) -> int:
        """How many of the points are programs."""
        return sum(call.startswith(PROGRAMS) for call in self.calls)


def points(calls: list[str], every: bool) -> list[int]:
    """Numbers of the calls to kill at: the first of each kind, or every one."""
    first = {call: number for number, call in reversed(list(enumerate(calls, 1)))}
    return list(range(1, len(calls) + 1)) if every else sorted(first.values())


def run(charm: Path, only: str | None, every: bool) -> Iterator[tuple[Result, int, int]]:
    """Run all scenarios, or those whose name begins with ``only``.

    :returns: after each kill the result so far, its number, and how many there will be
    :raises RuntimeError: an undisturbed run fails
    """
    with tempfile.TemporaryDirectory(prefix="chaos.") as directory:
        states = States(Path(directory), charm)
        for scenario in SCENARIOS:
            if not only or scenario.name.startswith(only):
                yield from _scenario(states, scenario, every)


def _scenario(
    states: States, scenario: Scenario, every: bool
) -> Iterator[tuple[Result, int, int]]:
    world = states.world_after(scenario.start, scenario.change)
    start = states.get(scenario.start)
    undisturbed = start.run([scenario.step], world)
    if failed := failure(undisturbed):
        raise RuntimeError(f"{scenario.name}, undisturbed: {failed}\n{undisturbed.output}")
    result = Result(scenario.name, undisturbed.calls[0])
    chosen = points(result.calls, every)
    for done, number in enumerate(chosen, 1):
        killed = dataclasses.replace(scenario.step, kill_at=number)
        outcome = start.run([killed, scenario.step], world)
        result.killed += 1
        where = f"killed at {number}, {result.calls[number - 1]}"
        if outcome.codes[0] != -9:
            result.problems.append(f"{where}: was not killed, ended with {outcome.codes[0]}")
        elif failed := failure(outcome):
            result.problems.append(f"{where}: {failed}\n{outcome.output}")
        else:
            found = differences(undisturbed.state, outcome.state)
            result.problems += [f"{where}: {difference}" for difference in found]
        yield result, done, len(chosen)


def failure(outcome: Outcome) -> str | None:
    """Why the last step did not succeed, or None."""
    if outcome.codes[-1]:
        return f"the run after it ended with {outcome.codes[-1]}"
    if message := outcome.state["world"]["action"]["failed"]:
        return f"the action failed: {message}"
    return None


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    """Where two states differ, a line each."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted(expected.keys() | found.keys())
        return [
            line
            for key in keys
            for line in differences(expected.get(key), found.get(key), f"{path}/{key}")
        ]
    return [] if expected == found else [f"{path} is {found!r}, not {expected!r}"]
