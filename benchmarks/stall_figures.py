"""What runs of the stall benchmark come to: figures, a table, a picture. Nothing of a lab."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import log10
from pathlib import Path

import jinja2
from rich.table import Table

#: Seconds that a single write may take at most while a gateway is maintained.
GOAL = 1.0


@dataclass(frozen=True)
class Run:
    """One event under the writer and fio. Seconds, but where it says otherwise."""

    reason: str
    #: what is written about it in a table
    title: str
    #: `WITH` or `WITHOUT` of the table it belongs to, as `Kind` has them
    way: str
    #: of the writer: its slowest write, how many there were, failed ones, bytes not found again
    worst: float
    writes: int
    errors: int
    lost: int
    #: of fio: its slowest I/O and errors
    fio_worst: float
    fio_errors: int
    #: from the event until the initiator has all paths again
    took: float
    #: load of the machine, 1-minute average at the end
    load: float
    #: of each write: when it began, after the event, and what it took
    series: list[tuple[float, float]]


@dataclass(frozen=True)
class Kind:
    """A table: what is compared in it."""

    title: str
    way: str
    without: str

    @property
    def ways(self) -> tuple[str, str]:
        """Both ways, the charm's own first."""
        return self.way, self.without


PLANNED = Kind("A gateway is maintained", "drained", "without drain")
POWER_CUT = Kind("A gateway loses its power", "the charm's settings", "common settings")
KINDS = (PLANNED, POWER_CUT)


@dataclass(frozen=True)
class Summary:
    """Runs of one reason in one way."""

    runs: int
    #: median of the runs' slowest writes; the slowest of all
    worst: float
    largest: float
    errors: int
    lost: int
    fio_worst: float
    took: float
    loads: tuple[float, float]


def load(path: Path) -> list[Run]:
    """The runs in a file that `append` wrote; none if it is not there."""
    if not path.exists():
        return []
    documents = map(json.loads, path.read_text().splitlines())
    return [
        Run(**{**each, "series": [tuple(pair) for pair in each["series"]]}) for each in documents
    ]


def append(path: Path, run: Run) -> None:
    """Keep a run, a line of JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        print(json.dumps(asdict(run)), file=file)


def summary(runs: Sequence[Run]) -> Summary:
    """What runs of the same reason and way, one at least, come to. Errors are fio's as well."""
    return Summary(
        runs=len(runs),
        worst=statistics.median(run.worst for run in runs),
        largest=max(run.worst for run in runs),
        errors=sum(run.errors + run.fio_errors for run in runs),
        lost=sum(run.lost for run in runs),
        fio_worst=statistics.median(run.fio_worst for run in runs),
        took=statistics.median(run.took for run in runs),
        loads=(min(run.load for run in runs), max(run.load for run in runs)),
    )


def chosen(runs: Iterable[Run], reason: str, way: str) -> list[Run]:
    """Runs of one reason in one way, the shortest stall first."""
    return sorted(
        (run for run in runs if (run.reason, run.way) == (reason, way)), key=lambda run: run.worst
    )


def reasons(runs: Iterable[Run], kind: Kind) -> dict[str, str]:
    """Titles of the reasons of a kind that there are runs of, by name."""
    return {run.reason: run.title for run in runs if run.way in kind.ways}


def tables(runs: Sequence[Run]) -> list[Table]:
    """A table of each kind that there are runs of."""
    return [_table(runs, kind) for kind in KINDS if reasons(runs, kind)]


def _table(runs: Sequence[Run], kind: Kind) -> Table:
    table = Table(title=f"{kind.title}: slowest 4 KiB write", header_style="bold")
    table.add_column("")
    for name in (
        *("runs", kind.way, "largest", "errors", "lost", "fio", "took", "load"),
        *(kind.without, "runs", "errors", "ratio"),
    ):
        table.add_column(name, justify="right")
    for reason, title in reasons(runs, kind).items():
        found = [chosen(runs, reason, way) for way in kind.ways]
        ours, other = (summary(each) if each else None for each in found)
        cells = [""] * 8
        if ours:
            good = kind is POWER_CUT or (ours.worst <= GOAL and not ours.errors + ours.lost)
            cells = [
                str(ours.runs),
                f"[{'green' if good else 'red'}]{ours.worst:.2f} s[/]",
                f"{ours.largest:.2f} s",
                str(ours.errors),
                f"{ours.lost} B",
                f"{ours.fio_worst:.2f} s",
                f"{ours.took:.0f} s",
                f"{ours.loads[0]:.1f}-{ours.loads[1]:.1f}",
            ]
        if other:
            cells += [f"{other.worst:.2f} s", str(other.runs), str(other.errors)]
        if ours and other:
            cells.append(f"{other.worst / ours.worst:.0f}")
        table.add_row(title, *cells)
    return table


# The picture: a panel for each reason, time from left to right, latency upwards, by powers of ten.

WIDTH, HEIGHT = 460, 150
LEFT, TOP = 44, 30
#: of the latencies that a panel shows, in seconds
LOWEST, HIGHEST = 0.001, 100.0
#: seconds before the event
BEFORE = 5.0


def height(seconds: float) -> float:
    """How far from a panel's upper edge a latency is drawn."""
    bounded = min(max(seconds, LOWEST), HIGHEST)
    return round(HEIGHT * (1 - log10(bounded / LOWEST) / log10(HIGHEST / LOWEST)), 1)


def columns(series: Iterable[tuple[float, float]], end: float) -> list[tuple[int, float, float]]:
    """What is drawn of a series: the slowest and the fastest write in each column of a panel.

    A write is in each column from its beginning to its end: a stall is as wide as it is long.

    :param end: what the right edge stands for, in seconds after the event
    :returns: column, the slowest one's and the fastest one's distance from the upper edge
    """
    found: dict[int, tuple[float, float]] = {}
    scale = WIDTH / (end + BEFORE)
    for began, took in series:
        first, last = (int((at + BEFORE) * scale) for at in (began, began + took))
        for column in range(max(first, 0), min(last, WIDTH) + 1):
            slowest, fastest = found.get(column, (took, took))
            found[column] = max(slowest, took), min(fastest, took)
    return [
        (column, height(slowest), height(fastest))
        for column, (slowest, fastest) in sorted(found.items())
    ]


def picture(runs: Sequence[Run]) -> str:
    """Each reason's median run in both ways, as an SVG document."""
    panels = []
    for kind in KINDS:
        for reason, title in reasons(runs, kind).items():
            shown = {
                way: found[(len(found) - 1) // 2]
                for way in reversed(kind.ways)
                if (found := chosen(runs, reason, way))
            }
            end = max(run.series[-1][0] for run in shown.values())
            step = next(step for step in (10, 20, 30, 60, 120, 300, 600) if end / step < 8)
            panels.append(
                {
                    "title": title,
                    "lines": [
                        {
                            "way": way,
                            "own": way == kind.way,
                            "worst": run.worst,
                            "columns": columns(run.series, end),
                        }
                        for way, run in shown.items()
                    ],
                    "ticks": [
                        (second, round((second + BEFORE) / (end + BEFORE) * WIDTH, 1))
                        for second in range(0, int(end) + 1, step)
                    ],
                }
            )
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("stall.svg.j2").render(
        panels=panels,
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        top=TOP,
        latencies=[(name, height(at)) for name, at in LATENCIES.items()],
        goal=height(GOAL),
    )


LATENCIES = {"1 ms": 0.001, "10 ms": 0.01, "100 ms": 0.1, "1 s": 1.0, "10 s": 10.0}
