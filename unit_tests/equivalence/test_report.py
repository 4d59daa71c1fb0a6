"""Placeholders, and what readers get."""

import io
import json

import jubilant
import pytest
from click.testing import CliRunner
from rich.console import Console

from equivalence import cli, contract, judge, names, report, scenarios
from equivalence.record import Recording, Scene

LINES = contract.load()


def judged(label: str, seen: dict) -> report.Judged:
    recording = Recording(label, "hooks", {"deploy": Scene(seen, seconds=1)})
    return report.Judged(recording, judge.judge(LINES, recording))


@pytest.fixture
def two() -> list[report.Judged]:
    """A charm with a better mode, and one with a mode of its own."""
    return [
        judged("ours", {"cfg": "root root 0600"}),
        judged("theirs", {"cfg": "root root 0666 <b>"}),
    ]


def test_names_are_replaced_whole_and_the_longest_first():
    tidy = names.Names()
    for real, placeholder in (
        ("ceph-iscsi", "<application>"),
        ("ceph-iscsi/1", "<unit 2>"),
        ("10.85.0.1", "<gateway 1>"),
        ("10.85.0.11", "<gateway 2>"),
        ("", "<nothing>"),
    ):
        tidy.add(real, placeholder)
    assert tidy.tidy("10.85.0.11,10.85.0.1") == "<gateway 2>,<gateway 1>"
    assert tidy.tidy({"ceph-iscsi/1": ["ceph-iscsi-profile", 3]}) == {
        "<unit 2>": ["<application>-profile", 3]
    }
    assert tidy.tidy("/etc/ceph/iscsi/ceph.client.ceph-iscsi.keyring") == (
        "/etc/ceph/iscsi/ceph.client.<application>.keyring"
    )
    assert tidy.tidy("my-ceph-iscsi") == "my-ceph-iscsi"


def test_the_table_has_a_column_for_each_charm_and_only_what_was_looked_at(two):
    console = Console(file=io.StringIO(), width=200)
    report.print_table(two, console)
    printed = console.file.getvalue()
    assert "ours (hooks)" in printed
    assert "better  root root 0600" in printed
    assert "differs  root root 0666 <b> instead of root root 0600" in printed
    assert "pause status" not in printed


def test_what_is_not_allowed_is_listed_and_with_strict_what_is_not_better(two):
    console = Console(file=io.StringIO(), width=200)
    two.append(judged("as-there", {"cfg": "root root 0444"}))
    observables = [finding for finding in two[2].findings if finding.name == "deploy cfg"]
    assert observables[0].verdict == judge.EQUAL
    counts = [report.print_faults(two, console, strict=strict) for strict in (False, True)]
    printed = console.file.getvalue()
    assert "theirs: deploy cfg differs: root root 0666 <b> instead of root root 0600" in printed
    assert "as-there: deploy cfg not better: root root 0444" in printed
    assert counts[1] == counts[0] + 1


def test_json_and_page_have_every_observable_with_the_values_of_both(two, tmp_path):
    report.write(two, tmp_path)
    document = json.loads((tmp_path / "report.json").read_text())
    row = next(row for row in document["rows"] if row["observable"] == "deploy cfg")
    assert [finding["verdict"] for finding in row["findings"]] == ["better", "differs"]
    assert len(document["rows"]) == len(two[0].findings)
    page = (tmp_path / "report.html").read_text()
    assert "root root 0666 &lt;b&gt;" in page
    assert Recording.read(tmp_path / "recording-2.json").charm == "theirs"


def test_the_page_tells_how_long_the_run_and_each_scenario_took(two, tmp_path):
    for each in two:
        each.recording.seconds = 90
    report.write(two, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "1.5 minutes" in page
    assert page.count("<td>1 s, ") == 2


def test_what_was_recorded_is_judged_again_without_a_run(tmp_path):
    report.write([judged("as-there", {"cfg": "root root 0444"})], tmp_path)
    command = ["--recorded", "--report", str(tmp_path)]
    told = [CliRunner().invoke(cli.main, [*command, *more]).output for more in ([], ["--strict"])]
    assert ["cfg not better" in each for each in told] == [False, True]
    empty = CliRunner().invoke(cli.main, ["--recorded", "--report", str(tmp_path / "none")])
    assert empty.exit_code == 2
    assert "has no recordings" in empty.output


def test_every_observable_belongs_to_a_scenario_that_there_is():
    known = {observable.scenario for _, observable in contract.observables(LINES)}
    assert known == set(scenarios.NAMES)


def test_operations_are_told_without_what_says_nothing():
    request = {"ops": [{"op": "create-pool", "name": "app", "weight": None}]}
    tidy = names.Names()
    tidy.add("app", "<application>")
    expected = [{"op": "create-pool", "name": "<application>"}]
    assert scenarios.operations(request, tidy) == expected


class BrokenModel:
    """A model in which nothing can be done."""

    staged = True

    def ready(self) -> None:
        raise RuntimeError("no unit came up")


def test_a_scenario_that_fails_ends_with_its_reason_and_not_the_run():
    pause = next(known for known in scenarios.SCENARIOS if known.name == "pause")
    scene = scenarios.play(pause, BrokenModel())
    assert scene.error == "RuntimeError: no unit came up"


def test_of_a_command_that_failed_on_a_host_its_last_words_are_told():
    task = jubilant.Task("1", "completed", return_code=1, stderr="Traceback:\n  at\nno route\n")

    class Unreachable(BrokenModel):
        def ready(self) -> None:
            raise jubilant.TaskError(task)

    assert scenarios.play(scenarios.SCENARIOS[4], Unreachable()).error == "TaskError: no route"
