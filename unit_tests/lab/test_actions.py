"""Actions and commands: parameters, results, failures."""

import pytest
from lab_fakes import make_charm

ACTIONS = """\
greet:
  description: says hello
  params:
    who: {type: string, default: world}
    times: {type: integer}
    nested:
      type: object
      properties:
        deep: {type: boolean, default: true}
fail: {description: fails}
strict:
  description: strict
  params: {name: {type: string}}
  required: [name]
  additionalProperties: false
raw: {description: raw}
missing: {description: has no file}
"""
SCRIPTS = {
    "actions/greet": (
        'action-set who="$(action-get who)" deep.er=1 deep.st=2; action-get --format=json; '
        "action-log working; printf 'no newline'; echo err >&2"
    ),
    "actions/fail": 'action-fail "no way"; relation-set -r 0 written=yes',
    "actions/strict": "relation-set -r 0 lost=yes; exit 4",
    "actions/raw": "printf '\\377'",
}
METADATA = "name: toy\npeers: {peers: {interface: toy-peer}}\n"


@pytest.fixture(scope="module")
def toy(shared_lab, tmp_path_factory):
    source = make_charm(
        tmp_path_factory.mktemp("c"), "toy", SCRIPTS, metadata=METADATA, actions=ACTIONS
    )
    shared_lab.api.deploy(None, str(source), units=2)
    shared_lab.wait_idle("toy/0", "toy/1")
    return shared_lab


def run(lab, action, params=None, unit="toy/0"):
    return lab.result(lab.api.run(None, [unit], action, params or {}))


def test_results_of_an_action(toy):
    done = run(toy, "greet", {"times": 2})
    assert done["status"] == "completed" and done["unit"] == "toy/0"
    assert done["results"] == {
        "who": "world",
        "deep": {"er": "1", "st": "2"},
        "stdout": '{"nested":{"deep":true},"times":2,"who":"world"}\nno newline\n',
        "stderr": "err\n",
        "return-code": 0,
    }
    assert [line.split(" UTC ")[1] for line in done["log"]] == ["working"]
    assert set(done["timing"]) == {"enqueued", "started", "completed"}
    assert "message" not in done


def test_action_fail_fails_but_keeps_what_was_written(toy):
    done = run(toy, "fail")
    assert (done["status"], done["message"]) == ("failed", "no way")
    assert done["results"]["return-code"] == 0
    assert toy.exec("toy/0", "relation-get -r 0 written toy/0")["stdout"] == "yes\n"


def test_exit_status_fails_and_drops_what_was_written(toy):
    done = run(toy, "strict", {"name": "x"})
    assert (done["status"], done["message"]) == ("failed", "exit status 4")
    assert done["results"] == {"return-code": 4}
    assert "stdout" not in toy.exec("toy/0", "relation-get -r 0 lost toy/0")


def test_output_that_is_not_text_is_base64(toy):
    results = run(toy, "raw")["results"]
    assert (results["stdout"], results["stdout-encoding"]) == ("/w==", "base64")


def test_action_without_a_file(toy):
    done = run(toy, "missing")
    assert done["message"] == 'action not implemented on unit "toy/0"'


@pytest.mark.parametrize(
    ("unit", "action", "params", "reason"),
    [
        ("toy/0", "nope", {}, 'action "nope" not defined on unit "toy/0"'),
        (
            "toy/0",
            "strict",
            {},
            'validation failed: (root) : "name" property is missing and required',
        ),
        (
            "toy/0",
            "strict",
            {"name": "x", "y": 1},
            'validation failed: (root) : additional property "y" is not allowed',
        ),
        (
            "toy/0",
            "greet",
            {"times": "hunter2"},
            "validation failed: (root).times : must be of type integer",
        ),
        ("toy/9", "greet", {}, 'unit "toy/9" not found'),
        ("web/leader", "greet", {}, 'application "web" not found'),
    ],
)
def test_action_that_cannot_be_scheduled(toy, unit, action, params, reason):
    answer = toy.api.run(None, [unit], action, params)
    assert answer["failures"] == [reason] and answer["tasks"] == []


def test_leader_stands_for_the_leading_unit(toy):
    units = toy.status()["applications"]["toy"]["units"]
    leader = next(name for name, unit in units.items() if unit.get("leader"))
    assert run(toy, "greet", unit="toy/leader")["unit"] == leader


def test_action_environment(toy):
    enqueued = toy.api.exec(None, "env", units=["toy/0"])
    number = enqueued["tasks"][0]["id"]
    lines = toy.result(enqueued)["results"]["stdout"].splitlines()
    assert f"JUJU_ACTION_UUID={number}" in lines
    assert f"JUJU_ACTION_TAG=action-{number}" in lines


def test_command_that_fails_is_completed_with_its_code(toy):
    done = toy.result(toy.api.exec(None, "echo out; echo err >&2; exit 7", units=["toy/0"]))
    assert done["status"] == "completed"
    assert done["results"] == {"stdout": "out\n", "stderr": "err\n", "return-code": 7}


def test_command_on_all_units_of_an_application(toy):
    enqueued = toy.api.exec(None, "echo $JUJU_UNIT_NAME", applications=["toy"])
    assert toy.result(enqueued, "toy/0")["results"]["stdout"] == "toy/0\n"
    assert toy.result(enqueued, "toy/1")["results"]["stdout"] == "toy/1\n"


def test_operations_and_tasks_are_numbered_together(toy):
    first = toy.api.exec(None, "true", units=["toy/0"])
    second = toy.api.exec(None, "true", units=["toy/0"])
    assert int(first["tasks"][0]["id"]) == first["operation"] + 1
    assert second["operation"] == first["operation"] + 2
    toy.result(second)
    operation = toy.api.show_operation(None, str(second["operation"]))["document"]
    assert operation["status"] == "completed" and operation["action"] == {"name": "juju-exec"}
    task = toy.api.show_task(None, second["tasks"][0]["id"])["document"]
    assert task["status"] == "completed"
    assert len(toy.api.operations(None)) >= 2


def test_waiting_for_a_task_ends_at_the_timeout(toy):
    enqueued = toy.api.exec(None, "sleep 2", units=["toy/0"])
    *_, last = toy.api.watch_tasks(enqueued["id"], 0.1)
    assert last["tasks"]["toy/0"]["status"] in ("pending", "running")
    waiting = toy.api.exec(None, "true", units=["toy/0"])["tasks"][0]["id"]
    assert toy.api.cancel_task(None, waiting)["status"] == "cancelled"
    assert toy.result(enqueued)["status"] == "completed"


def test_parallel_action_runs_beside_a_hook_of_its_machine(lab, charm, trace):
    aside = {"actions/aside": f"echo aside >> {trace}"}
    declared = "aside: {description: d, parallel: true}\n"
    lab.api.deploy(None, str(charm("toy", aside, actions=declared)))
    lab.wait_idle("toy/0")
    waits = f"until grep -q aside {trace}; do sleep 0.05; done"
    lab.api.deploy(None, str(charm("slow", {"hooks/install": waits})), to=["0"])
    lab.wait(
        lambda: (lab.unit("slow/0") or {}).get("juju-status", {}).get("current") == "executing"
    )
    done = lab.result(lab.api.run(None, ["toy/0"], "aside", {}))
    assert done["status"] == "completed"
    lab.wait_idle("slow/0")


def test_actions_are_listed_with_their_schema(toy):
    schema = toy.api.actions(None, "toy")["strict"]
    assert schema["required"] == ["name"] and schema["additionalProperties"] is False
