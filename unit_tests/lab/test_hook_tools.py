"""What the hook tools print, as called from a unit with the guest's own programs."""

import json

import pytest
from lab_fakes import make_charm

METADATA = """\
name: toy
extra-bindings:
  public:
peers:
  peers:
    interface: toy-peer
requires:
  db:
    interface: db
provides:
  site:
    interface: http
"""
CONFIG = """\
options:
  color: {type: string, default: red}
  count: {type: int, default: 3}
  debug: {type: boolean, default: false}
  ratio: {type: float, default: 0.5}
  secret: {type: string}
"""


@pytest.fixture(scope="module")
def toy(shared_lab, tmp_path_factory):
    source = make_charm(tmp_path_factory.mktemp("c"), "toy", {}, metadata=METADATA, config=CONFIG)
    shared_lab.api.deploy(None, str(source))
    shared_lab.wait_idle("toy/0")
    return shared_lab


def ran(lab, command: str) -> tuple[int, str, str]:
    results = lab.exec("toy/0", command)
    return results["return-code"], results.get("stdout", ""), results.get("stderr", "")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("config-get color", "red\n"),
        ("config-get count", "3\n"),
        ("config-get debug", "False\n"),
        ("config-get --format=json", '{"color":"red","count":3,"debug":false,"ratio":0.5}\n'),
        (
            "config-get --all --format=json",
            '{"color":"red","count":3,"debug":false,"ratio":0.5,"secret":null}\n',
        ),
        ("config-get secret", ""),
        ("config-get secret --format json", "null\n"),
        ("config-get nothing --format=json", "null\n"),
        ("is-leader", "True\n"),
        ("is-leader --format=json", "true\n"),
        ("relation-ids peers", "peers:0\n"),
        ("relation-ids peers --format=json", '["peers:0"]\n'),
        ("relation-ids nothing", ""),
        ("relation-ids nothing --format=json", "[]\n"),
        ("relation-list -r peers:0", ""),
        ("relation-list -r 0 --format=json", "[]\n"),
        ("relation-list -r peers:0 --app", "toy\n"),
        ("relation-get -r peers:0 ingress-address toy/0", "127.0.0.1\n"),
        ("relation-get -r whatever:0 nothing toy/0 --format=json", "null\n"),
        ("relation-get -r 0 - toy --app", "{}\n"),
        ("relation-get -r 0 - toy --app --format=json", "{}\n"),
        ("unit-get private-address", "127.0.0.1\n"),
        ("network-get public --ingress-address", "127.0.0.1\n"),
        ("network-get peers --egress-subnets", "127.0.0.1/32\n"),
        ("network-get site --primary-address", "127.0.0.1\n"),
        ("state-set a=1 b=2; state-get; state-delete a; state-delete b", "a: '1'\nb: '2'\n"),
        ("state-set a=1; state-delete a; state-get a --format=json", "null\n"),
        ("status-set active ready; status-get", "active\n"),
        (
            "status-set blocked 'a <b>'; status-get --include-data --format json",
            '{"message":"a \\u003cb\\u003e","status":"blocked","status-data":{}}\n',
        ),
        ("opened-ports --format=json", "[]\n"),
        ("leader-get --format=json; leader-set a=1 b=; leader-get a", "{}\n1\n"),
        ("relation-set --help | grep -o -- --file", "--file\n"),
        ("JUJU_CONTEXT_ID= relation-set --help | head -1 | cut -c-20", "Usage: relation-set \n"),
        ("jujud version", "3.6.8-ubuntu-amd64\n"),
        ("config-get color -o out; cat out; rm out", "red\n"),
        ("config-get --format yaml secret", ""),
    ],
)
def test_output(toy, command, expected):
    assert ran(toy, command) == (0, expected, "")


@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("config-get --all color", 2, 'cannot use argument --all together with key "color"'),
        ("config-get --bad", 2, "option provided but not defined: --bad"),
        (
            "config-get --format=xml",
            2,
            'invalid value "xml" for option --format: unknown format "xml"',
        ),
        ("relation-get", 2, "no relation id specified"),
        ("relation-get -r peers:0", 2, "no unit or application specified"),
        ("relation-get -r 0 - toy", 2, 'expected unit name, got application name "toy"'),
        ("relation-get -r 0 - 'to y'", 2, 'invalid unit name "to y"'),
        ("relation-get -r 0 - toy/7", 1, "permission denied"),
        (
            "relation-get -r x - toy/0",
            2,
            'invalid value "x" for option -r: invalid relation id',
        ),
        (
            "relation-get -r db:9 - toy/0",
            2,
            'invalid value "db:9" for option -r: relation not found',
        ),
        ("relation-set -r 0 nonsense", 2, 'expected "key=value", got "nonsense"'),
        ("relation-ids", 2, "no endpoint name specified"),
        ("status-set", 2, "invalid args, require <status> [message]"),
        (
            "status-set broken",
            2,
            'invalid status "broken", expected one of [maintenance blocked waiting active]',
        ),
        ("unit-get", 2, "no setting specified"),
        ("unit-get colour", 2, 'unknown setting "colour"'),
        ("network-get", 2, "no arguments specified"),
        ("network-get nowhere", 1, 'no network config found for binding "nowhere"'),
        ("open-port", 2, "no port or range specified"),
        ("open-port 80/sctp", 2, 'invalid protocol "sctp", expected "tcp", "udp", or "icmp"'),
        ("open-port many", 2, 'invalid port "many": expected a number or a range'),
        ("juju-log", 2, "no message specified"),
        ("application-version-set", 2, "no version specified"),
        ("state-get --strict nothing", 1, '"nothing" not found'),
        ("action-set stdout=x", 1, 'cannot set reserved action key "stdout"'),
        ("juju-reboot", 1, "juju-reboot is not supported when running an action."),
        ("JUJU_CONTEXT_ID= config-get", 1, "JUJU_CONTEXT_ID not set"),
        ("JUJU_CONTEXT_ID=toy/0-old config-get", 1, "bad request: unknown context id"),
        ("leader-get a=b", 2, 'invalid key "a=b"'),
        (
            "relation-set -r 0 --file /nowhere",
            1,
            "cannot open /nowhere: No such file or directory",
        ),
        ("juju-exec toy/0 true", 1, "juju-exec cannot be called from within a hook"),
    ],
)
def test_error(toy, command, code, error):
    assert ran(toy, command) == (code, "", f"ERROR {error}\n")


def test_network_get_document_has_old_and_new_keys(toy):
    _, output, _ = ran(toy, "network-get db --format=json")
    document = json.loads(output)
    (bind,) = document["bind-addresses"]
    assert bind["interface-name"] == bind["interfacename"] == "eth0"
    assert bind["addresses"][0]["value"] == bind["addresses"][0]["address"] == "127.0.0.1"
    assert document["ingress-addresses"] == ["127.0.0.1"]


def test_network_get_with_several_flags_is_a_map(toy):
    _, output, _ = ran(toy, "network-get db --bind-address --ingress-address --format=json")
    assert json.loads(output) == {"bind-address": "127.0.0.1", "ingress-address": "127.0.0.1"}


@pytest.mark.parametrize(
    "command",
    [
        'printf \'{"a": "x", "n": 5, "t": true}\' | relation-set -r 0 --file -',
        "echo '{a: x, n: 5, t: true}' > in; relation-set -r 0 --file in; rm in",
        "relation-set -r peers:0 a=x n=5 t=true",
        "echo '{a: y, n: 5}' | relation-set --file - --format=json -r 0 a=x t=true",
        "relation-set -r 0 --app=False a=x n=5 t=true gone=",
    ],
)
def test_relation_set_takes_its_values_from_anywhere(toy, command):
    ran(toy, command)
    _, output, _ = ran(toy, "relation-get -r 0 - toy/0 --format=json")
    data = json.loads(output)
    assert {key: data.get(key) for key in "ant"} == {"a": "x", "n": "5", "t": "true"}
    assert "gone" not in data


def test_empty_and_null_values_delete(toy):
    ran(toy, "relation-set -r 0 a=1 b=2 c=3")
    ran(toy, "echo '{a: null, b: \"\"}' | relation-set -r 0 --file -")
    _, output, _ = ran(toy, "relation-get -r 0 - toy/0 --format=json")
    data = json.loads(output)
    assert "a" not in data and "b" not in data and data["c"] == "3"


def test_writes_are_read_back_before_they_are_committed(toy):
    command = "relation-set -r 0 k=v; relation-set -r 0 --app s=t; "
    read = "relation-get -r 0 k toy/0; relation-get -r 0 --app s toy"
    assert ran(toy, command + read) == (0, "v\nt\n", "")


def test_ports_opened_now_are_listed_after_the_hook_only(toy):
    opened = (
        "open-port 80; open-port 8000-8010/UDP; open-port icmp; open-port 443 --endpoints site"
    )
    assert ran(toy, f"{opened}; opened-ports") == (0, "", "")
    listed = "icmp\n80/tcp\n443/tcp\n8000-8010/udp\n"
    assert ran(toy, "opened-ports") == (0, listed, "")
    assert ran(toy, "open-port 80/tcp; close-port 9999") == (0, "", "")
    assert ran(toy, "close-port 80; close-port icmp; opened-ports")[1] == listed
    assert ran(toy, "opened-ports") == (0, "443/tcp\n8000-8010/udp\n", "")
    code, _, error = ran(toy, "open-port 8005-8100/udp")
    assert code == 1
    assert error == (
        'ERROR cannot open 8005-8100/udp (unit "toy/0"): '
        'port range conflicts with 8000-8010/udp (unit "toy/0")\n'
    )


def test_juju_log_reaches_debug_log_with_its_level(toy):
    ran(toy, "juju-log -l WARNING two words; juju-log --debug -- --dashes; juju-log -l ODD text")
    log = toy.log()
    assert "unit-toy-0 WARNING unit.toy/0.juju-log two words" in log
    assert "unit-toy-0 DEBUG unit.toy/0.juju-log --dashes" in log
    assert 'WARNING unit.toy/0.juju-log log level "ODD" is not known' in log
    assert "unit-toy-0 INFO unit.toy/0.juju-log text" in log


def test_relation_data_is_nowhere_in_the_log(toy):
    ran(toy, "relation-set -r 0 password=hunter2; leader-set password=hunter2")
    assert "hunter2" not in toy.log()


def test_goal_state_lists_units_and_relations(toy):
    document = json.loads(ran(toy, "goal-state --format=json")[1])
    assert set(document["units"]) == {"toy/0"}
    assert document["relations"] == {}


def test_environment_is_built_from_nothing(toy):
    _, output, _ = ran(toy, "env; pwd; id -u; umask; readlink /proc/self/fd/0")
    lines = output.splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    assert not {"HOME", "USER", "LOGNAME"} & set(values)
    assert values["JUJU_UNIT_NAME"] == "toy/0"
    assert values["JUJU_HOOK_NAME"] == ""
    assert values["JUJU_ACTION_NAME"] == "juju-exec"
    assert "JUJU_DISPATCH_PATH" not in values
    assert values["LANG"] == "C.UTF-8"
    assert values["PATH"].split(":")[0].endswith("/var/lib/juju/tools/unit-toy-0")
    assert lines[-4] == values["CHARM_DIR"] == values["JUJU_CHARM_DIR"]


def test_charm_directory_has_what_charm_helpers_reads(toy):
    _, output, _ = ran(toy, "cat revision .juju-charm")
    assert output == "0\nlocal:toy-0\n"


def test_context_id_is_on_no_command_line(toy):
    search = (
        'grep -c -f <(printf %s "$JUJU_CONTEXT_ID") <(cat /proc/[0-9]*/cmdline | tr "\\0" "\\n")'
    )
    assert ran(toy, search)[1] == "0\n"


def test_juju_exec_on_the_host_runs_in_the_units_context(toy):
    tools = toy.host_of(0).root / "var/lib/juju/tools/unit-toy-0"
    done = toy.host_of(0).run(
        [f"{tools}/juju-exec", "toy/0", "echo $JUJU_UNIT_NAME; exit 3"], check=False
    )
    assert (done.returncode, done.stdout) == (3, b"toy/0\n")
    done = toy.host_of(0).run([f"{tools}/juju-run", "-u", "toy/0", "config-get", "color"])
    assert done.stdout == b"red\n"
    done = toy.host_of(0).run([f"{tools}/juju-exec", "other/0", "true"], check=False)
    assert (done.returncode, done.stderr) == (
        1,
        b'ERROR unit "other/0" not found on this machine\n',
    )
    configuration = tools / "agent.conf"
    kept = configuration.read_text()
    configuration.write_text(f"{toy.world.controller_address}\nguessed\n")
    done = toy.host_of(0).run([f"{tools}/juju-exec", "toy/0", "true"], check=False)
    configuration.write_text(kept)
    assert done.stderr == b"ERROR permission denied\n"
