"""Machines that go, come back, or never come; and the controller itself going."""

import pytest
from juju_lab.errors import JujuError
from juju_lab.hosts import HostError
from lab_fakes import FakeHost


def agent(lab, unit):
    return (lab.unit(unit) or {}).get("juju-status", {}).get("current")


def machine(lab, number):
    return lab.status()["machines"].get(number, {}).get("juju-status", {}).get("current")


def deployed(lab, charm, trace, **hooks):
    say = f'echo "$JUJU_HOOK_NAME" >> {trace}'
    scripts = {f"hooks/{name}": say for name in ("install", "config-changed", "start")}
    lab.api.deploy(None, str(charm("toy", {**scripts, **hooks})))
    lab.wait_idle("toy/0")
    trace.write_text("")


def test_power_cut_shows_the_agent_as_lost_and_start_runs_afterwards(lab, charm, trace):
    deployed(lab, charm, trace)
    lab.api.power(None, "0", False)
    lab.wait(lambda: agent(lab, "toy/0") == "lost")
    unit = lab.unit("toy/0")
    assert unit["workload-status"]["current"] == "unknown"
    assert unit["workload-status"]["message"].startswith("agent lost, see")
    assert unit["juju-status"]["message"] == "agent is not communicating with the server"
    assert machine(lab, "0") == "down"
    lab.api.power(None, "0", True)
    lab.wait(lambda: agent(lab, "toy/0") == "idle")
    lab.wait(lambda: trace.read_text() == "start\n")
    assert machine(lab, "0") == "started"


def test_cut_cable_loses_the_agent_and_no_hook_runs_afterwards(lab, charm, trace):
    deployed(lab, charm, trace)
    lab.api.link(None, "0", False)
    lab.wait(lambda: agent(lab, "toy/0") == "lost")
    lab.api.link(None, "0", True)
    lab.wait(lambda: agent(lab, "toy/0") == "idle")
    assert lab.exec("toy/0", "true")["return-code"] == 0
    assert trace.read_text() == ""


def test_host_that_dies_by_itself_is_down_until_it_is_powered_on(lab, charm, trace):
    deployed(lab, charm, trace)
    lab.host_of(0).power_off()
    lab.wait(lambda: machine(lab, "0") == "down")
    lab.api.power(None, "0", True)
    lab.wait(lambda: machine(lab, "0") == "started")


def test_hook_cut_short_by_a_power_cut_is_run_again(lab, charm, trace):
    hook = (
        f'echo "$JUJU_HOOK_NAME" >> {trace}; test -e ../second || {{ touch ../second; sleep 60; }}'
    )
    config = "options: {color: {type: string}}\n"
    source = charm("toy", {"hooks/upgrade-charm": hook}, config=config)
    lab.api.deploy(None, str(source))
    lab.wait_idle("toy/0")
    lab.api.refresh(None, "toy", str(source), False)
    lab.wait(lambda: trace.read_text() == "upgrade-charm\n")
    lab.api.power(None, "0", False)
    lab.wait(lambda: agent(lab, "toy/0") == "lost")
    lab.api.power(None, "0", True)
    lab.wait(lambda: trace.read_text() == "upgrade-charm\n" * 2)
    lab.wait(lambda: agent(lab, "toy/0") == "idle")


def test_action_cut_short_is_failed_and_not_run_again(lab, charm, trace):
    deployed(lab, charm, trace)
    enqueued = lab.api.exec(None, f"echo ran >> {trace}; sleep 60", units=["toy/0"])
    lab.wait(lambda: "ran" in trace.read_text())
    lab.api.power(None, "0", False)
    done = lab.result(enqueued)
    assert (done["status"], done["message"]) == ("failed", "action terminated")
    lab.api.power(None, "0", True)
    lab.wait(lambda: agent(lab, "toy/0") == "idle")
    assert trace.read_text().count("ran") == 1


def test_hook_cut_short_with_its_agent_is_run_again_and_the_host_goes_on(lab, charm, trace):
    hook = f"echo begun >> {trace}; test -e ../second || {{ touch ../second; sleep 60; }}"
    deployed(lab, charm, trace, **{"hooks/upgrade-charm": hook})
    boot_id = lab.host_of(0).boot_id()
    lab.api.refresh(None, "toy", str(charm("toy", {"hooks/upgrade-charm": hook})), False)
    lab.wait(lambda: trace.read_text() == "begun\n")
    lab.api.kill_agent(None, "0")
    lab.wait(lambda: trace.read_text().startswith("begun\nbegun\n"))
    lab.wait(lambda: agent(lab, "toy/0") == "idle")
    assert (lab.host_of(0).boot_id(), machine(lab, "0")) == (boot_id, "started")


def test_action_cut_short_with_its_agent_is_failed_and_no_hook_follows(lab, charm, trace):
    deployed(lab, charm, trace)
    enqueued = lab.api.exec(None, f"echo ran >> {trace}; sleep 60", units=["toy/0"])
    lab.wait(lambda: "ran" in trace.read_text())
    lab.api.kill_agent(None, "0")
    done = lab.result(enqueued)
    assert (done["status"], done["message"]) == ("failed", "action terminated")
    lab.wait(lambda: agent(lab, "toy/0") == "idle")
    assert trace.read_text() == "ran\n"


def test_agent_of_a_unit_that_does_not_lead_hears_of_the_leaders_settings_anew(lab, charm, trace):
    say = f'echo "$JUJU_UNIT_NAME" >> {trace}'
    lab.api.deploy(None, str(charm("toy", {"hooks/leader-settings-changed": say})), units=2)
    lab.wait_idle("toy/0", "toy/1")
    (other,) = (name for name in ("toy/0", "toy/1") if not lab.unit(name).get("leader"))
    trace.write_text("")
    for number in ("0", "1"):
        lab.api.kill_agent(None, number)
    lab.wait(lambda: trace.read_text() == f"{other}\n")
    lab.wait_idle("toy/0", "toy/1")


def test_reboot_after_the_hook(lab, charm, trace):
    deployed(lab, charm, trace, **{"hooks/upgrade-charm": "juju-reboot"})
    boot_id = lab.host_of(0).boot_id()
    lab.api.refresh(None, "toy", str(charm("toy", {})), False)
    lab.wait(
        lambda: trace.read_text() == "config-changed\nstart\n" or "start" in trace.read_text()
    )
    assert lab.host_of(0).boot_id() != boot_id
    assert lab.log().count('ran "upgrade-charm" hook') == 1


def test_reboot_at_once_runs_the_hook_again(lab, charm, trace):
    at_once = "touch ../again; juju-reboot --now; sleep 60"
    now = f"echo begun >> {trace}; test -e ../again || {{ {at_once}; }}"
    deployed(lab, charm, trace, **{"hooks/upgrade-charm": now})
    lab.api.refresh(None, "toy", str(charm("toy", {})), False)
    lab.wait(lambda: trace.read_text().startswith("begun\nstart\nbegun\n"))


def test_controller_goes_on_where_it_was_killed(lab, charm, trace):
    hook = f"echo begun >> {trace}; test -e ../second || {{ touch ../second; sleep 60; }}"
    lab.api.deploy(None, str(charm("toy", {"hooks/install": hook})))
    lab.wait(lambda: trace.read_text() == "begun\n")
    lab.stop()
    lab.start()
    lab.wait_idle("toy/0")
    assert trace.read_text() == "begun\n" * 2


def test_running_unit_is_left_alone_when_the_controller_restarts(lab, charm, trace):
    deployed(lab, charm, trace)
    lab.stop()
    lab.start()
    lab.wait(lambda: machine(lab, "0") == "started")
    assert lab.exec("toy/0", "true")["return-code"] == 0
    assert trace.read_text() == ""


def test_hosts_are_started_when_the_controller_finds_them_off(lab, charm, trace):
    deployed(lab, charm, trace)
    lab.stop()
    lab.host_of(0).power_off()
    lab.start()
    lab.wait(lambda: trace.read_text() == "start\n")


def test_host_that_does_not_boot_is_a_provisioning_error(lab, charm, monkeypatch):
    def refuse(host):
        raise HostError("no disk")

    monkeypatch.setattr(FakeHost, "start", refuse)
    lab.api.deploy(None, str(charm("toy", {})))
    lab.wait(lambda: machine(lab, "0") == "down")
    status = lab.status()["machines"]["0"]["machine-status"]
    assert (status["current"], status["message"]) == ("provisioning error", "no disk")
    assert lab.unit("toy/0")["workload-status"]["message"] == "waiting for machine"
    lab.api.remove_application(None, "toy", False, False)
    lab.wait(lambda: not lab.status()["machines"])


def test_machine_added_alone_takes_a_unit(lab, charm):
    assert lab.api.add_machine(None, "", {}, 1) == ["0"]
    lab.api.deploy(None, str(charm("toy", {})), to=["0"])
    lab.wait_idle("toy/0")
    assert set(lab.status()["machines"]) == {"0"}
    with pytest.raises(JujuError, match="has unit"):
        lab.api.remove_machine(None, "0", False)
    lab.api.remove_machine(None, "0", True)
    lab.wait(lambda: not lab.status()["machines"])


def test_hosts_are_listed_with_what_runs_on_them(lab, charm, trace):
    deployed(lab, charm, trace)
    (host,) = lab.api.hosts()
    assert host["units"] == ["toy/0"] and host["running"] and host["status"] == "started"
