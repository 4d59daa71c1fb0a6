"""The command as a user calls it: what goes to stdout and stderr, and the exit status."""

import json
import subprocess

import pytest
from lab_fakes import make_charm

METADATA = """\
name: toy
peers: {peers: {interface: toy-peer}}
requires: {need: {interface: thing}}
provides: {offer: {interface: thing}}
"""
FILES = {
    "config": "options: {color: {type: string, default: red, description: a color}}\n",
    "actions": "greet: {description: says hello, params: {n: {type: integer}}}\n",
}
SCRIPTS = {
    "hooks/start": "open-port 443; open-port 80; status-set active ready",
    "actions/greet": "action-set a.b=c; echo out; echo err >&2; action-log half-way",
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make_charm(tmp_path_factory.mktemp("c"), "toy", SCRIPTS, metadata=METADATA, **FILES)


@pytest.fixture(scope="module")
def juju(command, shared_lab, toy):
    def run(*words, code=0, stdin=None):
        done = subprocess.run(
            [command, *words], capture_output=True, text=True, input=stdin, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout, done.stderr

    run("deploy", str(toy))
    shared_lab.wait_idle("toy/0")
    return run


def test_deploy_says_what_it_deploys(juju, shared_lab, toy):
    _, said = juju("deploy", str(toy), "second", "--base", "ubuntu@24.04/stable")
    assert said == (
        'Located local charm "toy", revision 1\n'
        'Deploying "second" from local charm "toy", revision 1 on ubuntu@24.04/stable\n'
    )
    shared_lab.wait_idle("second/0")
    juju("remove-application", "second", "--no-prompt", "--force", "--no-wait")
    shared_lab.wait(lambda: "second" not in shared_lab.status()["applications"])


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["deploy", "./nowhere"], 1, 'charm or bundle at "./nowhere" not found'),
        (["deploy", "/", "x", "--base", "debian@1"], 1, 'charm or bundle at "/" not found'),
        (["config", "nope"], 1, 'application "nope" not found'),
        (
            ["config", "toy", "bad"],
            1,
            'key "bad" not found in "toy" application config or charm settings.',
        ),
        (
            ["config", "toy", "bad=1"],
            1,
            'parsing settings for application: unknown option "bad"',
        ),
        (["integrate", "toy"], 2, "an integration must involve two applications"),
        (["integrate", "toy", "nope"], 1, 'application "nope" not found'),
        (["integrate", "toy:peers", "toy:need"], 1, "no relations found"),
        (["integrate", "toy:what", "toy"], 1, 'application "toy" has no "what" relation'),
        (["remove-relation", "7"], 1, "relation 7 not found"),
        (["remove-unit", "--no-prompt", "toy"], 2, 'invalid unit name "toy"'),
        (["show-unit", "toy/9"], 1, 'unit "toy/9" not found'),
        (["ssh", "toy/9"], 1, 'unit "toy/9" not found'),
        (["status", "-m", "nope"], 1, "model admin/nope not found"),
        (["switch", "nope"], 1, '"nope" is not the name of a model or controller'),
        (
            ["add-model", "default"],
            1,
            'failed to create new model: model "default" for admin already exists',
        ),
        (["resolved", "toy/0"], 1, 'unit "toy/0" is not in an error state'),
        (
            ["exec", "--", "true"],
            2,
            "You must specify a target, either through --all, --machine, --application or --unit",
        ),
        (["run", "toy/0"], 2, "no action specified"),
        (["status", "--watch", "soon"], 2, 'invalid value "soon": invalid duration "soon"'),
        (["add-unit", "nope"], 1, 'application "nope" not found'),
        (["add-unit", "toy", "--to", "9"], 1, "machine 9 not found"),
        (
            ["add-unit", "toy", "--to", "lxd:0"],
            1,
            'placement "lxd:0" is not supported: the lab takes machine numbers',
        ),
        (["lab", "power-off", "9"], 1, "machine 9 not found"),
        (["show-task", "99"], 1, "task 99 not found"),
        (["deploy", "/", "--constraints", "speed=9"], 1, 'charm or bundle at "/" not found'),
        (["refresh", "toy"], 1, None),
        (["status", "--nonsense"], 2, "option provided but not defined: --nonsense"),
    ],
)
def test_errors(juju, words, code, error):
    stdout, stderr = juju(*words, code=code)
    assert stdout == ""
    assert stderr.startswith("ERROR ")
    if error:
        assert stderr == f"ERROR {error}\n"


def test_unknown_command(juju):
    assert juju("frobnicate", code=2)[1] == (
        'juju-lab: "frobnicate" is not a juju command. See "juju-lab --help".\n'
    )


def test_help_lists_the_commands(juju):
    stdout, _ = juju("--help")
    assert "integrate" in stdout and "wait-for" in stdout
    assert "--num-units" in juju("deploy", "--help")[0]


def test_status_table(juju, shared_lab):
    stdout, _ = juju("status", "--relations")
    blocks = stdout.split("\n\n")
    assert [block.split()[0] for block in blocks] == [
        "Model",
        "App",
        "Unit",
        "Machine",
        "Integration",
    ]
    unit = blocks[2].splitlines()[1]
    assert unit.split() == ["toy/0*", "active", "idle", "0", "127.0.0.1", "80,443/tcp", "ready"]
    assert blocks[4].split("\n")[1].split() == ["toy:peers", "toy:peers", "toy-peer", "peer"]


def test_status_of_what_is_not_there(juju):
    juju("add-model", "empty", "--no-switch")
    _, stderr = juju("status", "-m", "empty")
    assert stderr == 'Model "empty" is empty.\n'
    assert juju("status", "nothing-like-it") == ("", "Nothing matched specified filter.\n")
    juju("destroy-model", "empty", "--no-prompt")


def test_config(juju):
    assert juju("config", "toy", "color") == ("red\n", "")
    juju("config", "toy", "color=blue")
    document = json.loads(juju("config", "--format", "json", "toy")[0])
    assert document["settings"]["color"] == {
        "default": "red",
        "description": "a color",
        "source": "user",
        "type": "string",
        "value": "blue",
    }
    juju("config", "toy", "--reset", "color")
    assert juju("config", "toy", "color") == ("red\n", "")


def test_run_prints_results_and_progress(juju):
    stdout, stderr = juju("run", "toy/0", "greet")
    assert stdout == "a:\n  b: c\nout\n"
    lines = stderr.splitlines()
    assert lines[0].startswith("Running operation ") and lines[0].endswith(" with 1 task")
    assert lines[1].startswith("  - task ") and lines[1].endswith(" on unit-toy-0")
    assert lines[3].startswith("Waiting for task ")
    assert "half-way" in lines and lines[-1] == "err"


def test_run_that_cannot_be_scheduled_exits_well(juju):
    stdout, stderr = juju("run", "toy/0", "greet", "n=many", "--format", "json")
    assert stdout == ""
    assert stderr.endswith("validation failed: (root).n : must be of type integer\n")


def test_run_in_the_background(juju):
    _, stderr = juju("run", "toy/0", "greet", "--background")
    number = stderr.split("juju show-task ")[1].split("'")[0]
    assert juju("show-task", number, "--wait", "10s")[0] == "a:\n  b: c\nout\n"
    assert number in juju("operations")[0]


def test_run_action_of_juju_2(juju):
    stdout, _ = juju("run-action", "toy/0", "greet", "--wait", "--format", "json")
    assert json.loads(stdout)["unit-toy-0"]["UnitId"] == "toy/0"
    assert juju("run-action", "toy/0", "greet")[0].startswith('Action queued with id: "')


def test_parameters_are_typed_unless_asked_otherwise(juju):
    assert "n=" not in juju("run", "toy/0", "greet", "n=5")[1]
    assert "must be of type integer" in juju("run", "toy/0", "greet", "n=5", "--string-args")[1]


def test_exec_exits_as_juju_does(juju):
    stdout, stderr = juju("exec", "-u", "toy/0", "--", "echo out; exit 3", code=1)
    assert stdout == "out\n"
    assert "ERROR the following task failed:\n - id " in stderr and "return code 3" in stderr


def test_exec_on_all_units(juju):
    stdout, _ = juju("exec", "--application", "toy", "--format", "json", "--", "echo", "a  b")
    assert json.loads(stdout)["toy/0"]["results"]["stdout"] == "a  b\n"


def test_actions_schema(juju):
    assert "says hello" in juju("actions", "toy")[0]
    schema = json.loads(juju("actions", "toy", "--schema", "--format", "json")[0])
    assert schema["greet"]["properties"] == {"n": {"type": "integer"}}


def test_confirmation(juju, shared_lab):
    _, stderr = juju("remove-unit", "toy/0", code=1, stdin="n\n")
    assert "Continue [y/N]?" in stderr and stderr.endswith("ERROR aborted\n")
    assert shared_lab.unit("toy/0")


def test_models_and_switch(juju, monkeypatch):
    assert juju("switch") == ("lab:admin/default\n", "")
    juju("add-model", "other")
    assert juju("switch", "default")[1] == "lab:admin/other -> lab:admin/default\n"
    assert juju("switch", "default")[1] == "lab:admin/default (no change)\n"
    assert "default*" in juju("models")[0]
    monkeypatch.setenv("JUJU_MODEL", "other")
    assert json.loads(juju("status", "--format", "json")[0])["model"]["name"] == "other"
    assert "JUJU_MODEL" in juju("switch", "default", code=1)[1]
    monkeypatch.delenv("JUJU_MODEL")
    juju("destroy-model", "other", "--no-prompt", "--force")


def test_debug_log_line(juju):
    stdout, _ = juju("debug-log", "--replay", "-i", "toy/0", "--include-module", "juju.worker")
    line = stdout.splitlines()[0]
    assert line.startswith("unit-toy-0: ")
    assert 'INFO juju.worker.uniter.operation skipped "install" hook (missing)' in line
    assert len(juju("debug-log", "-n", "2")[0].splitlines()) == 2


def test_wait_for(juju):
    assert juju("wait-for", "application", "toy")[1] == 'application "toy" is as asked for\n'
    juju("wait-for", "unit", "toy/0", "--query", 'workload-status=="active" && leader==true')
    juju("wait-for", "machine", "0")
    query = 'status=="blocked" || name=="x"'
    _, stderr = juju(
        "wait-for", "application", "toy", "--query", query, "--timeout", "100ms", code=1
    )
    assert "timed out waiting" in stderr
    assert "is not one of" in juju("wait-for", "model", "default", "--query", 'x=="1"', code=2)[1]


def test_show_commands(juju):
    assert "local:toy-0" in juju("show-unit", "toy/0")[0]
    assert "endpoint-bindings" in juju("show-application", "toy")[0]
    assert "agent initialising" in juju("show-status-log", "toy/0")[0]
    assert json.loads(juju("show-model", "--format", "json")[0])["default"]["life"] == "alive"


def test_hosts_of_the_lab(juju, shared_lab):
    assert "toy/0" in juju("lab", "hosts")[0]
    juju("lab", "power-off", "0")
    shared_lab.wait(lambda: shared_lab.unit("toy/0")["juju-status"]["current"] == "lost")
    assert " 0/1 " in juju("status")[0]
    juju("lab", "power-on", "0")
    shared_lab.wait_idle("toy/0")


def test_version(juju):
    assert juju("version") == ("3.6.8-genericlinux-amd64\n", "")


def test_charm_for_another_base_gets_that_base(juju, shared_lab, tmp_path):
    source = make_charm(tmp_path, "old", {}, metadata="name: old\nseries: [focal, jammy]\n")
    juju("deploy", str(source))
    shared_lab.wait_idle("old/0")
    assert shared_lab.status()["applications"]["old"]["base"]["channel"] == "22.04"
    _, stderr = juju("deploy", str(source), "again", "--base", "ubuntu@24.04", code=1)
    assert 'base "ubuntu@24.04" not supported by charm' in stderr
    contained = ("--constraints", "virt-type=container")
    assert "cannot add a machine" in juju("deploy", str(source), "again", *contained, code=1)[1]
    juju("remove-application", "old", "--no-prompt", "--force", "--no-wait")
