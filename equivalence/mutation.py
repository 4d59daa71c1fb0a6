"""Mutants: the project's own charm with one behaviour changed; each must be caught, and named."""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jubilant
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from equivalence import contract, judge, package, scenarios
from equivalence.model import Model
from equivalence.record import Recording

HERE = Path(__file__).resolve().parent
#: Gives a model by its name, for as long as it is needed.
Models = Callable[[str], AbstractContextManager[jubilant.Juju]]


class MutantError(Exception):
    """A mutant can't be made: what it changes is not there, or more than once; says which."""


@dataclass(frozen=True)
class Change:
    """One replacement in one file; ``within`` names the function or key that it is in."""

    file: str
    old: str
    new: str
    within: str = ""

    def apply(self, text: str) -> str:
        """The text with the change made; YAML, which a build writes anew, in one form.

        :raises MutantError: what is to be replaced is not there exactly once
        """
        if self.file.endswith(".yaml"):
            text = yaml.safe_dump(yaml.safe_load(text), sort_keys=False)
        start, end = 0, len(text)
        if self.within:
            found = re.search(rf"^( *)(?:def )?{self.within}\b.*?(?=^\1\S|\Z)", text, re.M | re.S)
            start, end = found.span() if found else (0, 0)
        if text.count(self.old, start, end) != 1:
            where = f"{self.file}, {self.within}" if self.within else self.file
            raise MutantError(f"{where}: {self.old!r} is not there exactly once")
        at = text.index(self.old, start)
        return f"{text[:at]}{self.new}{text[at + len(self.old) :]}"


@dataclass(frozen=True)
class Mutant:
    """A changed behaviour, the scenario that shows it, and the findings that must name it."""

    name: str
    scenario: str
    changes: tuple[Change, ...]
    found: frozenset[str]

    def mutate(self, charm: Path) -> None:
        """Change a built charm's files."""
        for change in self.changes:
            file = charm / change.file
            if not file.is_file():
                raise MutantError(f"{change.file}: there is no such file in the charm")
            file.write_text(change.apply(file.read_text()))


@cache
def load(path: Path = HERE / "mutants.yaml") -> tuple[Mutant, ...]:
    """The table of mutants."""
    return tuple(
        Mutant(
            name=entry["name"],
            scenario=entry["scenario"],
            changes=tuple(_change(part) for part in (entry, *entry.get("also", ()))),
            found=frozenset(entry["found"]),
        )
        for entry in yaml.safe_load(path.read_text())
    )


def _change(entry: Mapping[str, Any]) -> Change:
    return Change(entry["file"], entry["old"], entry["new"], entry.get("in", ""))


def batches(mutants: tuple[Mutant, ...]) -> Iterator[tuple[str, list[Mutant]]]:
    """Mutants that are judged together: those of a scenario, each of `package` alone."""
    for name in dict.fromkeys(mutant.scenario for mutant in mutants):
        batch = [mutant for mutant in mutants if mutant.scenario == name]
        if name == "package":
            yield from ((name, [mutant]) for mutant in batch)
        else:
            yield name, batch


def faults(recording: Recording) -> dict[str, str]:
    """What is wrong with a charm that claims the better way: why, by the observable's name."""
    findings = judge.judge(contract.load(), recording)
    return {fault.name: fault.told for fault in judge.faults(findings, strict=True)}


def verdict(
    batch: list[Mutant], before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[list[Mutant], set[str]]:
    """Mutants that were not caught, and findings that no mutant explains.

    :param before: faults of the charm as it is, which say nothing about the mutants
    """
    expected = set().union(*(mutant.found for mutant in batch))
    new = set(after) - set(before)
    return [mutant for mutant in batch if not mutant.found <= new], new - expected


def run(
    charm: Path,
    models: Models,
    console: Console,
    wanted: Sequence[str] = (),
) -> bool:
    """Judge mutants, on stages; print what was found; whether all were caught and named.

    :param wanted: scenarios whose mutants are judged, all if there are none
    """
    chosen = tuple(mutant for mutant in load() if not wanted or mutant.scenario in wanted)
    names = list(dict.fromkeys(mutant.scenario for mutant in chosen))
    table = Table(title="Mutants", header_style="bold")
    for column in ("mutant", "scenario", "verdict", "found"):
        table.add_column(column)
    good = True
    # Two models at once: a machine that has more than two cores to itself is rare.
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        original = stack.enter_context(package.opened(charm))
        made = [
            (name, batch, stack.enter_context(mutated(original, batch)))
            for name, batch in batches(chosen)
        ]
        unchanged = pool.submit(_faults, original, names, models, "unchanged", console)
        runs = [
            (
                name,
                batch,
                pool.submit(_faults, changed, [name], models, f"mutants-{name}", console),
            )
            for name, batch, changed in made
        ]
        before = unchanged.result()
        for name, batch, running in runs:
            after = running.result()
            missed, unexplained = verdict(batch, before, after)
            good = good and not missed and not unexplained
            for mutant in batch:
                told = "; ".join(
                    f"{key}: {after[key]}" for key in sorted(mutant.found & set(after))
                )
                caught = "[red]missed[/red]" if mutant in missed else "[green]caught[/green]"
                console.print(f"  {mutant.name}: {caught}")
                table.add_row(mutant.name, name, caught, escape(told[:200]))
            for key in sorted(unexplained):
                told = f"{key}: {after[key]}"
                table.add_row("", name, "[red]unexplained[/red]", escape(told[:200]))
    console.print(table)
    return good


def _faults(
    charm: Path,
    names: Sequence[str],
    models: Models,
    model: str,
    console: Console,
) -> dict[str, str]:
    """Faults of a charm in some scenarios, on a stage in a model of its own."""
    recording = Recording(str(charm), package.framework(charm))
    if "package" in names:
        recording.scenes["package"] = scenarios.play_package(charm)
    wanted = [scenario for scenario in scenarios.SCENARIOS if scenario.name in names]
    if not wanted:
        return faults(recording)
    with models(model) as juju:
        for scenario in wanted:
            scene = scenarios.play(scenario, Model(juju, charm, staged=True))
            recording.scenes[scenario.name] = scene
            told = f"{model}: {scenario.name}: {scene.seconds:.0f} s, {scene.error or 'done'}"
            console.print(told, markup=False, highlight=False)
    return faults(recording)


@contextmanager
def mutated(charm: Path, batch: list[Mutant]) -> Iterator[Path]:
    """A copy of a built charm with the changes of some mutants."""
    with TemporaryDirectory(prefix="mutant-") as place:
        changed = Path(place, "charm")
        shutil.copytree(charm, changed, symlinks=True)
        for mutant in batch:
            mutant.mutate(changed)
        yield changed
