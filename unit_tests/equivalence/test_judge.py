"""Rules and verdicts."""

import pytest

from equivalence import judge, rules
from equivalence.contract import Line, Observable
from equivalence.record import Recording, Scene


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("x", "x"),
        (None, None),
        ({"is": {"has": 1}}, {"has": 1}),
        ({"has": ["a"]}, ["b", "a"]),
        ({"has": {"a": 1}}, {"a": 1, "b": 2}),
        ({"like": "[0-9]+"}, "20"),
        ({"any": [1, 2]}, 2),
        ({"not": 1}, 2),
        ({"each": {"like": "PASS"}}, {"a": "PASS", "b": "PASS"}),
    ],
)
def test_a_value_that_keeps_a_rule(rule, value):
    assert rules.complaint(rule, value) is None


@pytest.mark.parametrize(
    ("rule", "value", "why"),
    [
        ("x", "y", "y instead of x"),
        (True, 1, "1 instead of yes"),
        (["a", "b"], ["a"], "without b"),
        (["a", "b"], ["a", "c"], "number 2: c instead of b"),
        (["a", "b"], ["b", "a"], "number 1: b instead of a"),
        (["a"], ["b", "a"], "with b"),
        ([{"a": 1, "b": 2}], [{"a": 1, "c": 2}], "number 1: b is missing; c is there"),
        ({"has": ["a"]}, [], "without a"),
        ({"has": {"a": 1}}, {"a": 2}, "a: 2 instead of 1"),
        ({"has": {"a": 1}}, {}, "a is missing"),
        ({"has": {"a": 1}}, None, "nothing instead of {a: 1}"),
        ({"like": "[0-9]+"}, "DEBUG", "DEBUG is not like [0-9]+"),
        ({"any": [1, 2]}, 3, "3 instead of 1; 3 instead of 2"),
        ({"not": 1}, 1, "1, which it must not be"),
        ({"each": {"like": "PASS"}}, {"a": "FAIL"}, "a: FAIL is not like PASS"),
        ({"each": {"like": "PASS"}}, {}, "there is nothing"),
    ],
)
def test_a_value_that_does_not_is_told_briefly(rule, value, why):
    assert rules.complaint(rule, value) == why


PLAIN = Observable("deploy", "status", "ready")
IMPROVABLE = Observable("deploy", "mode", "0444", "0600", improvable=True)
LINES = (Line("a", "b", "c", "equal", observables=(PLAIN, IMPROVABLE)),)


def verdicts(scene: Scene | None) -> list[str]:
    recording = Recording("charm", "hooks", {"deploy": scene} if scene else {})
    return [finding.verdict for finding in judge.judge(LINES, recording)]


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        (Scene({"status": "ready", "mode": "0600"}), ["equal", "better"]),
        (Scene({"status": "ready", "mode": "0444"}), ["equal", "equal"]),
        (Scene({"status": "other", "mode": "0666"}), ["differs", "differs"]),
        (Scene({"status": "ready"}), ["equal", "missing"]),
        (Scene({"status": "ready"}, hidden=["mode"]), ["equal", "not run"]),
        (None, ["not run", "not run"]),
    ],
)
def test_verdicts(scene, expected):
    assert verdicts(scene) == expected


def test_why_nothing_was_looked_at_is_told():
    told = [
        judge.judge(LINES, Recording("charm", "hooks", scenes))[1].why
        for scenes in ({}, {"deploy": Scene({}, hidden=["mode"], place="stage")})
    ]
    assert told == ["the scenario was not asked for", "it can't be seen on a stage"]


def test_what_differs_or_is_missing_is_a_fault_and_what_could_be_better_if_it_is_to_be():
    findings = judge.judge(
        LINES,
        Recording("charm", "hooks", {"deploy": Scene({"status": "other", "mode": "0444"})}),
    )
    assert [fault.name for fault in judge.faults(findings)] == ["deploy status"]
    strict = [fault.name for fault in judge.faults(findings, strict=True)]
    assert strict == ["deploy status", "deploy mode"]


def test_a_scenario_that_ended_early_says_why_the_rest_is_missing():
    scene = Scene({"status": "ready"}, error="no unit came up")
    finding = judge.judge(LINES, Recording("charm", "hooks", {"deploy": scene}))[1]
    assert (finding.verdict, finding.why) == ("missing", "no unit came up")


def test_a_recording_is_read_as_it_was_saved(tmp_path):
    recording = Recording("charm", "hooks", {"deploy": Scene({"a": [1]}, ["b"], "c", 1.5)})
    recording.save(tmp_path / "deep" / "file.json")
    assert Recording.read(tmp_path / "deep" / "file.json") == recording
