"""What runs of the stall benchmark come to, as figures, as a table, as a picture."""

import itertools
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import stall_figures as figures
from stall_figures import PLANNED, POWER_CUT, Run

SVG = "{http://www.w3.org/2000/svg}"
QUICK = Run(
    reason="pause",
    title="pause and resume",
    way=PLANNED.way,
    worst=0.25,
    writes=1000,
    errors=0,
    lost=0,
    fio_worst=0.5,
    fio_errors=0,
    took=40.0,
    load=1.5,
    series=[(-5.0, 0.004), (0.1, 0.25), (30.0, 0.005)],
)
SLOW = replace(QUICK, way=PLANNED.without, worst=5.0, series=[(-5.0, 0.004), (0.1, 5.0)])


def cells(runs: list[Run], title: str = QUICK.title) -> list[str]:
    """The cells of a line of the table."""
    lines = []
    console = Console(width=200, no_color=True)
    for table in figures.tables(runs):
        with console.capture() as captured:
            console.print(table)
        lines += captured.get().splitlines()
    (line,) = [line for line in lines if title in line]
    return [cell.strip() for cell in re.split("[│┃]", line)[2:-1]]


def test_the_figure_is_the_median_of_the_runs_slowest_writes():
    runs = [replace(QUICK, worst=worst, load=worst) for worst in (0.9, 0.2, 0.3)]
    summary = figures.summary(runs)
    assert (summary.runs, summary.worst, summary.largest) == (3, 0.3, 0.9)
    assert summary.loads == (0.2, 0.9)


def test_errors_and_losses_of_all_runs_count_fios_too():
    summary = figures.summary([replace(QUICK, errors=1, lost=4096), replace(QUICK, fio_errors=2)])
    assert (summary.errors, summary.lost) == (3, 4096)


def test_a_line_compares_both_ways():
    shown = cells([QUICK, SLOW])
    assert shown == [
        *("1", "0.25 s", "0.25 s", "0", "0 B", "0.50 s", "40 s", "1.5-1.5"),
        *("5.00 s", "1", "0", "20"),
    ]


def test_a_line_tells_one_way_if_there_is_no_other():
    assert cells([QUICK])[1:2] + cells([QUICK])[-4:] == ["0.25 s", "", "", "", ""]
    assert cells([SLOW])[:8] == [""] * 8
    assert cells([SLOW])[8:] == ["5.00 s", "1", "0", ""]


@pytest.mark.parametrize(
    ("run", "colour"),
    [
        (QUICK, "green"),
        (replace(QUICK, worst=1.01), "red"),
        (replace(QUICK, errors=1), "red"),
        (replace(QUICK, lost=4096), "red"),
        (replace(QUICK, way=POWER_CUT.way, worst=12.0), "green"),
    ],
)
def test_what_misses_the_goal_is_red(run, colour):
    (table,) = figures.tables([run])
    assert list(table.columns[2].cells) == [f"[{colour}]{run.worst:.2f} s[/]"]


def test_power_cuts_have_a_table_of_their_own():
    cut = replace(QUICK, reason="power-cut", way=POWER_CUT.way)
    assert [table.title for table in figures.tables([cut, QUICK])] == [
        f"{kind.title}: slowest 4 KiB write" for kind in (PLANNED, POWER_CUT)
    ]


def test_runs_are_kept_as_they_come(tmp_path):
    path = tmp_path / "there" / "runs.jsonl"
    assert figures.load(path) == []
    for run in (QUICK, SLOW):
        figures.append(path, run)
    assert figures.load(path) == [QUICK, SLOW]


def test_the_slowest_write_is_drawn_whatever_is_beside_it():
    end = 1000.0
    series = [(at / 50, 0.004) for at in range(50 * 1000)] + [(500.0, 9.0)]
    drawn = figures.columns(series, end)
    assert len(drawn) <= figures.WIDTH + 1
    assert min(slowest for _, slowest, _ in drawn) == figures.height(9.0)
    assert {fastest for *_, fastest in drawn} == {figures.height(0.004)}


def test_a_stall_is_as_wide_as_it_is_long():
    series = [(0.0, 0.004), (1.0, 9.0), (10.5, 0.004)]
    drawn = dict(column[:2] for column in figures.columns(series, figures.WIDTH - figures.BEFORE))
    stalled = [column for column, slowest in drawn.items() if slowest == figures.height(9.0)]
    assert stalled == list(range(6, 16))


def test_latencies_are_drawn_by_powers_of_ten_and_within_the_panel():
    heights = [figures.height(seconds) for seconds in (1e-5, 0.001, 0.01, 0.1, 1, 10, 100, 1e4)]
    steps = [before - after for before, after in itertools.pairwise(heights[1:-1])]
    assert steps == pytest.approx([figures.HEIGHT / 5] * 5, abs=0.1)
    assert (heights[0], heights[-1]) == (figures.HEIGHT, 0)


def test_the_picture_has_a_panel_for_each_reason_with_event_and_both_ways():
    runs = [QUICK, SLOW, replace(QUICK, reason="cut", title="<power>", way=POWER_CUT.way)]
    root = ET.fromstring(figures.picture(runs))  # noqa: S314
    panels = root.findall(f"{SVG}g")
    titles = [panel.find(f"{SVG}text[@font-weight='bold']").text for panel in panels]
    assert titles == ["pause and resume", "<power>"]
    lines = [
        [path for path in panel.iter(f"{SVG}path") if path.get("stroke-linecap")]
        for panel in panels
    ]
    assert [len(each) for each in lines] == [2, 1]
    events = [path for path in panels[0].iter(f"{SVG}path") if path.get("d").endswith("v150")]
    assert len(events) == 1


def test_the_picture_shows_the_run_that_the_figure_is_of():
    runs = [replace(QUICK, worst=worst) for worst in (0.9, 0.2, 0.3)]
    assert "drained 0.30 s" in figures.picture(runs)
