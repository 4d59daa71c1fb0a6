"""A machine's upgrade to another base: hooks before and after it, and quiet in between."""

import jubilant
import pytest
from juju_lab.errors import JujuError
from lab_fakes import FakeHost

HOOKS = ("install", "config-changed", "start", "pre-series-upgrade", "post-series-upgrade")
OLD, NEW = "ubuntu@22.04", "ubuntu@24.04"


@pytest.fixture
def toy(lab, charm, trace):
    """A unit on the older base whose hooks say their name."""
    say = f'echo "$JUJU_HOOK_NAME $JUJU_TARGET_BASE $JUJU_TARGET_SERIES" >> {trace}'
    config = "options: {color: {type: string}}\n"
    source = charm("toy", {f"hooks/{name}": say for name in HOOKS}, config=config)
    lab.api.deploy(None, str(source), base=OLD)
    lab.wait_idle("toy/0")
    trace.write_text("")
    return lab


def prepare(lab, base=NEW):
    return list(lab.api.prepare_upgrade(None, "0", base, False))


def hooks(trace):
    return [line.split()[0] for line in trace.read_text().splitlines()]


def test_prepare_runs_the_hook_with_the_target_and_then_nothing_until_complete(toy, trace):
    assert prepare(toy)[1:2] == ["toy/0 pre-series-upgrade completed"]
    assert trace.read_text() == f"pre-series-upgrade {NEW} noble\n"
    toy.api.set_config(None, "toy", {"color": "red"}, [])
    task = toy.api.exec(None, "true", units=["toy/0"])
    toy.api.power(None, "0", False)
    toy.wait(lambda: toy.status()["machines"]["0"]["juju-status"]["current"] == "down")
    toy.api.power(None, "0", True)
    toy.wait(lambda: toy.status()["machines"]["0"]["juju-status"]["current"] == "started")
    assert hooks(trace) == ["pre-series-upgrade"]
    *_, last = toy.api.complete_upgrade(None, "0")
    assert last == "machine-0 series upgrade complete"
    toy.wait_idle("toy/0")
    toy.wait(lambda: "config-changed" in hooks(trace))
    assert hooks(trace)[1:3] == ["post-series-upgrade", "start"]
    assert toy.result(task)["status"] == "completed"
    assert toy.status()["machines"]["0"]["base"]["channel"] == "24.04"


def test_a_leader_is_pinned_while_its_machine_is_upgraded(toy):
    toy.api.add_unit(None, "toy", 1, [])
    toy.wait_idle("toy/0", "toy/1")
    prepare(toy)
    toy.api.power(None, "0", False)
    toy.wait(lambda: toy.unit("toy/0")["juju-status"]["current"] == "lost")
    with pytest.raises(AssertionError, match="in vain"):
        toy.wait(lambda: toy.unit("toy/1").get("leader"), patience=2)
    assert toy.unit("toy/0")["leader"]


def test_a_hook_that_fails_is_retried_and_prepare_waits_for_it(lab, charm, trace):
    fails_once = f"test -s {trace} || {{ echo failed >> {trace}; exit 1; }}"
    lab.api.deploy(None, str(charm("toy", {"hooks/pre-series-upgrade": fails_once})), base=OLD)
    lab.wait_idle("toy/0")
    assert prepare(lab)[-1] == "machine-0 binaries and service files written"
    assert trace.read_text() == "failed\n"


@pytest.mark.parametrize(
    ("base", "error"),
    [
        ("ubuntu@30.04", "is not one of the lab's"),
        (OLD, 'is running base "ubuntu@22.04": "ubuntu@22.04" is not later'),
    ],
)
def test_a_base_that_cannot_be_is_refused(toy, trace, base, error):
    with pytest.raises(JujuError, match=error):
        prepare(toy, base)
    assert trace.read_text() == ""


def test_a_unit_in_error_and_a_second_upgrade_are_refused(toy, lab, charm):
    prepare(toy)
    with pytest.raises(JujuError, match="already being upgraded"):
        prepare(toy)
    lab.api.deploy(None, str(charm("bad", {"hooks/start": "exit 1"})), base=OLD)
    lab.wait(lambda: lab.unit("bad/0")["workload-status"]["current"] == "error")
    with pytest.raises(JujuError, match=r'bad/0 is not ready .* status is: "error"'):
        list(lab.api.prepare_upgrade(None, "1", NEW, False))


def test_complete_is_refused_unless_prepared(toy):
    with pytest.raises(JujuError, match="is not prepared"):
        list(toy.api.complete_upgrade(None, "0"))


def test_do_release_upgrade_works_on_a_host_that_is_off_and_starts_it_again(toy, monkeypatch):
    seen = []
    monkeypatch.setattr(FakeHost, "upgrade", lambda host, base: seen.append((host.running, base)))
    boot_id = toy.host_of(0).boot_id()
    toy.api.upgrade_release(None, "0")
    assert seen == [(False, NEW)]
    toy.wait(lambda: toy.host_of(0).running and toy.host_of(0).boot_id() != boot_id)


def test_the_last_base_has_no_successor(lab, charm):
    lab.api.deploy(None, str(charm("toy", {})))
    lab.wait_idle("toy/0")
    with pytest.raises(JujuError, match="the lab has no later base"):
        lab.api.upgrade_release(None, "0")


def test_the_command_takes_base_or_series_and_says_what_happens(shared_lab, command, charm):
    juju = jubilant.Juju(cli_binary=str(command))
    juju.deploy(charm("toy", {}), base=OLD)
    shared_lab.wait_idle("toy/0")
    juju.cli("upgrade-series", "0", "prepare", "noble", "-y")
    juju.cli("upgrade-machine", "0", "complete")
    assert juju.status().machines["0"].base.channel == "24.04"
    for words in (("upgrade-machine", "0", "prepare"), ("upgrade-machine", "0", "begin")):
        with pytest.raises(jubilant.CLIError):
            juju.cli(*words)
