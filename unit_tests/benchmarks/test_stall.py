"""The stall benchmark: what is measured, how often, and until when."""

import argparse
import contextlib
import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import jubilant
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.extend([str(ROOT / "benchmarks"), str(ROOT / "functional")])

import stall  # noqa: E402
from harness import Model  # noqa: E402
from stall_figures import PLANNED, POWER_CUT, Run  # noqa: E402


class Stand(stall.Bench):
    """A bench without a lab: every run takes a minute of its own clock."""

    def __init__(self, clock):
        self.clock = clock
        self.drains = True

    def measured(self, reason, way):
        assert self.drains == (way != PLANNED.without)
        self.clock.now += 60
        return Run(reason.name, reason.title, way, 0.2, 9, 0, 0, 0.2, 0, 9.0, 1.0, [(0.0, 0.2)])

    @contextlib.contextmanager
    def undrained(self):
        self.drains = False
        yield
        self.drains = True

    @contextlib.contextmanager
    def common_settings(self):
        yield


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


REASONS = tuple(
    replace(reason, setting=stall.as_it_is, each=stall.as_it_is, without=without)
    for reason, without in zip(
        [reason for reason in stall.REASONS if reason.name in ("pause", "password", "power-cut")],
        [Stand.undrained, Stand.common_settings, None],
        strict=True,
    )
)
ALL = [
    *[("pause", PLANNED.way)] * 2,
    ("pause", PLANNED.without),
    *[("power-cut", POWER_CUT.way)] * 2,
    ("power-cut", POWER_CUT.without),
    *[("password", PLANNED.way)] * 2,
]


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(stall, "time", clock)
    monkeypatch.setattr(stall, "REASONS", REASONS)
    return clock


def run(clock, directory, add=False, **given):
    """Run the benchmark; reason and way of what is kept then, and what is said to be missing."""
    options = {"minutes": 60, "only": None, "runs": 2, "without": 1} | given
    session = stall.Session(argparse.Namespace(**options), stall.Results(directory, add))
    session.run(Stand(clock))
    kept = stall.Results(directory, add=True).runs
    return [(run.reason, run.way) for run in kept], list(session.summary())


def test_each_reason_is_measured_as_often_as_is_asked_for_in_both_ways(clock, tmp_path):
    assert run(clock, tmp_path) == (ALL, [])
    assert "pause and resume" in (tmp_path / "table.txt").read_text()
    assert "<svg" in (tmp_path / "stall.svg").read_text()


def test_when_the_time_is_up_no_run_begins_and_what_is_missing_is_told(clock, tmp_path):
    kept, missing = run(clock, tmp_path, minutes=4.5)
    assert kept == ALL[:5]
    assert missing == [
        "not measured: power-cut, common settings: 1 runs (--add goes on)",
        "not measured: password, drained: 2 runs (--add goes on)",
    ]


def test_a_later_call_does_what_is_missing(clock, tmp_path):
    run(clock, tmp_path, minutes=4.5)
    assert run(clock, tmp_path, add=True) == (ALL, [])
    assert run(clock, tmp_path, only=["password"])[0] == ALL[-2:]


def test_single_reasons_can_be_measured(clock, tmp_path):
    assert run(clock, tmp_path, only=["pause"]) == (ALL[:3], [])


def test_every_reason_is_told_of_in_the_documentation():
    text = (ROOT / "docs" / "stall.md").read_text()
    assert all(f"`{name}`" in text for name in stall.NAMES)


class Lab:
    """A model whose gateways do at once what they are told; what was called by name and words."""

    def __init__(self):
        self.juju = create_autospec(jubilant.Juju, instance=True)
        self.model = create_autospec(Model, instance=True)
        self.model.juju = self.juju
        self.units = {"ceph-iscsi/0", "ceph-iscsi/1"}
        self.started = 0.0
        self.settings: dict[str, object] = {"loglevel": 1, "further-addresses": ""}
        self.boots = 1
        model = self.model
        model.gateways.side_effect = lambda: sorted(self.units)
        model.leader.side_effect = model.active_gateway.side_effect = lambda: min(self.units)
        model.device.return_value = {
            "name": "mpatha",
            "paths": [{"priority": 50, "group": "active"}, {"priority": 10, "group": "enabled"}],
        }
        model.device_path.return_value = "/dev/mapper/mpatha"
        model.all_started_at.side_effect = lambda: dict.fromkeys(self.units, self.started)
        model.wait_for.side_effect = self.wait_for
        model.writing.side_effect = self.writing
        model.written.return_value = [(0.0, 0.004), (1.0, 0.3)]
        model.run_on.side_effect = self.run_on
        model.revisions.side_effect = lambda: {str(self.juju.refresh.call_count)}
        model.boot.side_effect = self.boot
        model.offer_later_package.side_effect = lambda number: ("deb file:/a ./", "+later")
        self.juju.config.side_effect = self.config
        numbers = itertools.count(2)
        self.juju.add_unit.side_effect = lambda name: self.units.add(f"{name}/{next(numbers)}")
        self.juju.remove_unit.side_effect = self.units.discard
        self.juju.status.return_value = SimpleNamespace(
            apps={"ca": SimpleNamespace(units={"ca/4": None})}
        )

    def wait_for(self, ready):
        assert ready()

    @contextlib.contextmanager
    def writing(self):
        summary = {}
        yield summary
        summary |= {"acknowledged": 2, "errors": 0, "lost": 0}

    def run_on(self, unit, command, *arguments):
        if command == "cat":
            job = {"read": {"clat_ns": {"max": 5e8}}, "write": {"clat_ns": {"max": 4e8}}}
            return "\nfio: stopped\n" + json.dumps({"jobs": [{**job, "total_err": 0}]})
        return "3.9-1+later" if command == "dpkg-query" else ""

    def boot(self, unit):
        self.boots += 1
        return str(self.boots)

    def config(self, application, values=None, *, reset=()):
        self.settings |= values or {}
        return None if values or reset else self.settings


@pytest.mark.parametrize("reason", stall.REASONS, ids=stall.NAMES)
def test_what_happens_to_the_gateways_is_over_in_both_ways(reason, tmp_path, monkeypatch):
    monkeypatch.setattr(stall.time, "sleep", lambda _: None)
    monkeypatch.setattr(stall, "REASONS", (reason,))
    given = argparse.Namespace(minutes=60, only=[reason.name], runs=2, without=1)
    session = stall.Session(given, stall.Results(tmp_path, add=False))
    lab = Lab()
    session.run(stall.Bench(lab.model))
    assert not list(session.summary())
    (worst,) = {run.worst for run in session.results.runs}
    assert worst == 0.3
    assert session.results.runs[0].fio_worst == 0.5
    offs, ons = (
        [call for call in lab.model.run_on.call_args_list if f"({script})" in str(call)]
        for script in (stall.SWITCH_OFF, stall.SWITCH_ON)
    )
    undrained = reason.without is stall.Bench.undrained
    assert bool(offs) == bool(ons) == undrained
