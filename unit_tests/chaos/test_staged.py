"""Which calls are killed, and when two ends count as the same."""

import json
import subprocess
import sys
from pathlib import Path

from chaos import staged
from chaos.stage import Outcome

STAND_IN = Path(staged.__file__).with_name("stand_in.py")


def outcome(code: int = 0, failed: str | None = None) -> Outcome:
    """The end of a run."""
    return Outcome([["is-leader"]], [code], {"world": {"action": {"failed": failed}}}, "")


def test_the_first_call_of_each_kind_is_killed_or_every_one():
    calls = ["is-leader", "juju-log", "is-leader", "systemctl start x"]
    assert staged.points(calls, every=False) == [1, 2, 4]
    assert staged.points(calls, every=True) == [1, 2, 3, 4]


def test_ends_differ_by_path_and_value():
    undisturbed = {"files": {"/etc/x": "0600 a"}, "flags": ["one"]}
    disturbed = {"files": {"/etc/x": "0644 a", "/etc/y": "0600 b"}, "flags": ["one"]}
    assert staged.differences(undisturbed, disturbed) == [
        "/files//etc/x is '0644 a', not '0600 a'",
        "/files//etc/y is '0600 b', not None",
    ]
    assert staged.differences(undisturbed, undisturbed) == []


def test_a_hook_or_action_that_does_not_recover_is_a_failure():
    assert staged.failure(outcome()) is None
    assert "ended with 1" in staged.failure(outcome(code=1))
    assert "no such luck" in staged.failure(outcome(failed="no such luck"))


def test_programs_and_hook_tools_are_counted_apart():
    result = staged.Result("x", ["juju-log", "systemctl show a", "rbd info a", "status-set"])
    assert result.programs == 2


def stage(directory: Path, kill_at: int | None = None) -> dict[str, str]:
    """A stage in a directory; the environment for calls of the stand-in."""
    world = {
        "unit": "ceph-iscsi/0",
        "leader": True,
        "relations": {"cluster:0": {"app": "ceph-iscsi", "units": {}, "own": {"a": "1"}}},
        "services": {"x": {"active": True}},
        "starts": {},
    }
    (directory / "world.json").write_text(json.dumps(world))
    if kill_at:
        (directory / "kill-at").write_text(str(kill_at))
    return {"CHAOS_STAGE": str(directory), "PATH": "/usr/bin:/bin"}


def call(directory: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess:
    """Call the stand-in by a tool's or program's name."""
    tool = directory / words[0]
    if not tool.exists():
        tool.symlink_to(STAND_IN)
    command = [sys.executable, "-IS", str(tool), *words[1:]]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, start_new_session=True
    )


def test_a_relation_setting_is_seen_in_the_same_hook_and_counts_later(tmp_path):
    environment = stage(tmp_path)
    call(tmp_path, environment, "relation-set", "-r", "cluster:0", "a=", "b=2")
    get = ("relation-get", "--format=json", "-r", "cluster:0", "-", "ceph-iscsi/0")
    answer = call(tmp_path, environment, *get)
    assert json.loads(answer.stdout) == {"b": "2"}
    kept = json.loads((tmp_path / "world.json").read_text())
    assert kept["relations"]["cluster:0"]["own"] == {"a": "1"}


def test_the_call_that_is_meant_ends_before_it_does_anything(tmp_path):
    environment = stage(tmp_path, kill_at=2)
    assert call(tmp_path, environment, "is-leader").returncode == 0
    assert call(tmp_path, environment, "systemctl", "stop", "x").returncode == -9
    assert json.loads((tmp_path / "world.json").read_text())["services"]["x"]["active"]
