"""Canonical's jubilant drives the command, unmodified."""

import jubilant
import pytest
from lab_fakes import make_charm

METADATA = """\
name: {name}
peers: {{peers: {{interface: toy-peer}}}}
requires: {{need: {{interface: thing}}}}
provides: {{offer: {{interface: thing}}}}
"""
CONFIG = "options: {color: {type: string, default: red}, count: {type: int, default: 3}}\n"
ACTIONS = "greet: {description: d, params: {who: {type: string}}}\nfail: {description: d}\n"
HOOKS = {
    "hooks/config-changed": 'status-set active "color $(config-get color)"',
    "actions/greet": 'action-set hello="$(action-get who)"; action-log working; echo out',
    "actions/fail": "exit 3",
}


@pytest.fixture(scope="module")
def charms(tmp_path_factory):
    directory = tmp_path_factory.mktemp("charms")
    return {
        name: make_charm(
            directory,
            name,
            HOOKS,
            metadata=METADATA.format(name=name),
            config=CONFIG,
            actions=ACTIONS,
        )
        for name in ("one", "two")
    }


@pytest.fixture(scope="module")
def juju(command, charms):
    juju = jubilant.Juju(cli_binary=str(command), wait_timeout=30)
    juju.add_model("driven")
    juju.deploy(charms["one"], config={"color": "blue", "count": 5}, num_units=2)
    juju.deploy(charms["two"], "other", constraints={"virt-type": "container"}, trust=True)
    juju.integrate("one:need", "other:offer")
    juju.wait(settled, delay=0.2)
    return juju


def settled(status):
    return jubilant.all_active(status) and jubilant.all_agents_idle(status)


def test_status(juju):
    status = juju.status()
    assert status.model.name == "driven" and status.model.type == "iaas"
    assert set(status.apps) == {"one", "other"}
    one = status.apps["one"]
    assert one.charm == "local:one-0" and one.charm_origin == "local" and one.is_active
    assert one.app_status.message == "color blue"
    assert one.relations["need"][0].related_app == "other"
    assert one.base.channel == "24.04"
    assert set(one.units) == {"one/0", "one/1"}
    assert sum(unit.leader for unit in one.units.values()) == 1
    assert one.units["one/0"].public_address == "127.0.0.1"
    assert status.machines["0"].juju_status.current == "started"
    assert jubilant.all_active(status, "one", "other")


def test_config(juju):
    assert juju.config("one")["color"] == "blue"
    juju.config("one", {"color": "green", "count": 7})
    assert juju.config("one") == {"color": "green", "count": 7}
    juju.config("one", reset="color")
    assert juju.config("one")["color"] == "red"
    assert juju.config("other", app_config=True)["trust"] is True
    juju.wait(lambda status: status.apps["one"].app_status.message == "color red", delay=0.2)
    with pytest.raises(jubilant.CLIError, match='unknown option "bad"'):
        juju.config("one", {"bad": "x"})


def test_run(juju):
    task = juju.run("one/leader", "greet", {"who": "you"})
    assert task.success and task.results == {"hello": "you"} and task.stdout == "out\n"
    assert task.log[0].endswith("working")
    with pytest.raises(jubilant.TaskError) as caught:
        juju.run("one/0", "fail")
    assert caught.value.task.return_code == 3
    with pytest.raises(ValueError, match="not defined"):
        juju.run("one/0", "unknown")


def test_exec(juju):
    task = juju.exec("echo", "a b", "$HOME", unit="one/0")
    assert task.stdout == "a b $HOME\n"
    assert juju.exec("echo $JUJU_UNIT_NAME", unit="one/1").stdout == "one/1\n"
    with pytest.raises(jubilant.TaskError) as caught:
        juju.exec("exit 4", unit="one/0")
    assert caught.value.task.return_code == 4
    with pytest.raises(TimeoutError):
        juju.exec("sleep 2", unit="one/0", wait=0.2)


def test_secrets(juju):
    unit = next(name for name, one in juju.status().apps["one"].units.items() if one.leader)
    uri = juju.exec("secret-add --label mine token=one", unit=unit).stdout.strip()
    (listed,) = juju.secrets(owner="one")
    assert (listed.uri, listed.label, listed.owner, listed.revision) == (uri, "mine", "one", 1)
    assert juju.show_secret(uri, reveal=True).content == {"token": "one"}
    assert len(juju.show_secret(uri, revisions=True).revisions) == 1
    assert juju.secrets(owner="other") == []
    assert "mine" in juju.cli("secrets")
    assert "token: one" in juju.cli("show-secret", uri, "--reveal")


def test_ssh(juju):
    assert juju.ssh("one/0", "echo hello") == "hello\n"
    assert juju.ssh(0, "echo", "from", "a", "machine") == "from a machine\n"
    with pytest.raises(jubilant.CLIError) as caught:
        juju.ssh("one/0", "exit 9")
    assert caught.value.returncode == 9
    with pytest.raises(jubilant.CLIError, match='unit "one/77" not found'):
        juju.ssh("one/77", "true")


def test_show_unit(juju):
    unit = juju.show_unit("one/0")
    assert unit.charm == "local:one-0" and unit.machine == "0"
    (need,) = [info for info in unit.relation_info if info.endpoint == "need"]
    assert need.related_units["other/0"].data["ingress-address"] == "127.0.0.1"


def test_debug_log(juju):
    assert 'ran "config-changed" hook' in juju.debug_log()
    assert len(juju.debug_log(limit=3).splitlines()) == 3


def test_scale(juju):
    juju.add_unit("one")
    juju.wait(lambda status: "one/2" in status.apps["one"].units and settled(status), delay=0.2)
    juju.remove_unit("one/2")
    juju.wait(lambda status: "one/2" not in status.apps["one"].units, delay=0.2)
    with pytest.raises(jubilant.CLIError, match='unit "one/2" does not exist'):
        juju.remove_unit("one/2")


def test_refresh(juju, charms):
    juju.refresh("one", path=charms["one"])
    juju.wait(lambda status: status.apps["one"].charm_rev == 1 and settled(status), delay=0.2)
    juju.refresh("one", path=charms["one"], force=True)


def test_relations_and_removal(juju, charms):
    juju.deploy(charms["two"], "third")
    juju.integrate("one:need", "third:offer")
    with pytest.raises(jubilant.CLIError, match="already exists"):
        juju.integrate("one:need", "third:offer")
    with pytest.raises(jubilant.CLIError, match="ambiguous relation"):
        juju.integrate("one", "third")
    juju.wait(settled, delay=0.2)
    juju.remove_relation("one:need", "third:offer")
    juju.wait(lambda status: "offer" not in status.apps["third"].relations, delay=0.2)
    juju.remove_application("third", force=True)
    juju.wait(lambda status: "third" not in status.apps, delay=0.2)


def test_model(juju):
    assert juju.show_model().short_name == "driven"
    juju.model_config({"update-status-hook-interval": "10m"})
    assert juju.model_config()["update-status-hook-interval"] == "10m"
    juju.model_config(reset="update-status-hook-interval")
    assert juju.model_config()["update-status-hook-interval"] == "5m"
    juju.model_constraints({"mem": "2G"})
    assert juju.model_constraints() == {"mem": "2G"}
    juju.model_constraints({})
    assert str(juju.version()).startswith("3.6.8")


def test_temporary_model(command, charms, monkeypatch):
    monkeypatch.setenv("PATH", f"{command.parent}:/usr/bin:/bin")
    (command.parent / "juju").symlink_to(command)
    with jubilant.temp_model() as juju:
        juju.deploy(charms["one"])
        juju.wait(settled, delay=0.2, timeout=30)
        name = juju.model
    left = jubilant.Juju(cli_binary=str(command)).cli("models", "--format", "json")
    assert name not in left
