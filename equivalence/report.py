"""Findings for readers: a table on the terminal, JSON, and a page."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from equivalence import judge, rules, scenarios
from equivalence.judge import Finding
from equivalence.record import RECORDING, Recording

_COLOURS = {
    judge.EQUAL: "green",
    judge.BETTER: "bright_green",
    judge.DIFFERS: "red",
    judge.MISSING: "red",
    judge.NOT_RUN: "bright_black",
}
_LONGEST = 160


@dataclass(frozen=True)
class Judged:
    """One charm with what was seen of it and how that was judged."""

    recording: Recording
    findings: Sequence[Finding]

    @property
    def sums(self) -> dict[str, int]:
        """How many observables got each verdict."""
        return dict(Counter(finding.verdict for finding in self.findings))


def rows(charms: Sequence[Judged], *, everything: bool) -> list[dict[str, Any]]:
    """One row for each observable: line, name, rule, and a finding of each charm.

    :param everything: with what no scenario looked at
    """
    made = []
    for findings in zip(*(charm.findings for charm in charms), strict=True):
        if everything or any(finding.verdict != judge.NOT_RUN for finding in findings):
            first = findings[0]
            made.append(
                {
                    "line": first.line,
                    "observable": first.name,
                    "there": rules.expected(first.observable.there),
                    "better": rules.expected(first.observable.better)
                    if first.observable.improvable
                    else "",
                    "findings": [
                        {
                            "verdict": finding.verdict,
                            "value": finding.value,
                            "shown": _shown(finding),
                            "why": finding.why,
                        }
                        for finding in findings
                    ],
                }
            )
    return made


def print_table(charms: Sequence[Judged], console: Console) -> None:
    """Print what was looked at, and the sums."""
    table = Table(title="Equivalence with the reference", header_style="bold")
    table.add_column("observable")
    for charm in charms:
        table.add_column(f"{charm.recording.charm} ({charm.recording.framework})")
    for row in rows(charms, everything=False):
        cells = []
        for finding in row["findings"]:
            verdict = Text(finding["verdict"], style=_COLOURS[finding["verdict"]])
            told = finding["why"] or finding["shown"]
            cells.append(verdict.append(f"  {_cut(told)}", style="default"))
        table.add_row(f"{row['line']}\n  {row['observable']}", *cells)
    console.print(table)
    for charm in charms:
        sums = ", ".join(f"{count} {verdict}" for verdict, count in sorted(charm.sums.items()))
        console.print(f"{charm.recording.charm}: {sums}")
        console.print(f"  the run took {charm.recording.seconds / 60:.1f} min")
        for name, scene in charm.recording.scenes.items():
            where = f" ({scene.place})" if scene.place else ""
            told = f"{name}{where}: {scene.seconds:.0f} s, {scene.error or 'done'}"
            console.print(f"  {told}", markup=False, highlight=False)


def print_faults(charms: Sequence[Judged], console: Console, *, strict: bool) -> int:
    """Print what the contract does not allow; how much that is."""
    count = 0
    for charm in charms:
        for fault in judge.faults(charm.findings, strict=strict):
            count += 1
            verdict = "not better" if fault.verdict == judge.EQUAL else fault.verdict
            told = f"{charm.recording.charm}: {fault.name} {verdict}: {_cut(fault.told)}"
            console.print(Text(told, style="red"))
    return count


def write(charms: Sequence[Judged], directory: Path) -> None:
    """Write report.json, report.html and a recording of each charm."""
    directory.mkdir(parents=True, exist_ok=True)
    document = {
        "charms": [
            {
                "charm": charm.recording.charm,
                "framework": charm.recording.framework,
                "sums": charm.sums,
                "seconds": charm.recording.seconds,
                "scenarios": {
                    name: {
                        "place": scene.place,
                        "seconds": scene.seconds,
                        "error": scene.error,
                    }
                    for name, scene in charm.recording.scenes.items()
                },
            }
            for charm in charms
        ],
        "rows": rows(charms, everything=True),
    }
    (directory / "report.json").write_text(json.dumps(document, indent=1) + "\n")
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True
    )
    templates.filters["yaml"] = _yaml
    tells = {scenario.name: scenario.tells for scenario in scenarios.SCENARIOS}
    scenes = {
        f"{name}: {told}": [charm.recording.scenes.get(name) for charm in charms]
        for name, told in tells.items()
        if any(name in charm.recording.scenes for charm in charms)
    }
    page = templates.get_template("report.html").render(document, scenes=scenes)
    (directory / "report.html").write_text(page)
    for number, charm in enumerate(charms, 1):
        charm.recording.save(directory / RECORDING.format(number))


def _shown(finding: Finding) -> str:
    return "" if finding.verdict in (judge.MISSING, judge.NOT_RUN) else rules.show(finding.value)


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=100, allow_unicode=True).strip()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
