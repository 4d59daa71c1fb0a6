"""zaza.model's calls, sync and async, on the lab."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import zaza
import zaza.controller
from zaza.utilities import juju

ROOT = Path(__file__).resolve().parents[3]
FUNCTEST = Path(sys.executable).parent / "functest-test"


def wait_settled(model):
    model.block_until_all_units_idle(timeout=60)


# What there is


def test_the_model_is_the_one_that_zaza_was_told(model):
    assert model.get_juju_model() == model.get_current_model() == "driven"
    assert model.get_model_info().name == "driven"
    assert sorted(model.sync_deployed("driven")) == ["other", "toy"]


def test_units_come_lowest_number_first(model):
    assert [unit.name for unit in model.get_units("toy")] == ["toy/0", "toy/1"]
    assert model.get_first_unit_name("toy") == "toy/0"
    assert model.get_unit_from_name("toy/1").entity_id == "toy/1"
    with pytest.raises(model.UnitNotFound):
        model.get_unit_from_name("toy/7")
    with pytest.raises(model.UnitNotFound):
        model.get_unit_from_name("nothing/0")


def test_one_unit_leads(model):
    leader = model.get_lead_unit_name("toy")
    assert leader in ("toy/0", "toy/1")
    assert model.get_lead_unit("toy").name == leader
    assert model.get_lead_unit_ip("toy") == "127.0.0.1"


@pytest.mark.parametrize("feature", ["", "1"])
def test_a_unit_has_a_public_address(model, monkeypatch, feature):
    monkeypatch.setenv("ZAZA_FEATURE_BUG472", feature)
    assert model.get_unit_public_address(model.get_units("toy")[0]) == "127.0.0.1"
    assert model.get_app_ips("toy") == ["127.0.0.1"] * 2


def test_a_unit_tells_of_itself_as_python_libjuju_has_it(model):
    unit = model.get_units("toy")[0]
    assert (unit.application, unit.workload_status, unit.agent_status) == ("toy", "active", "idle")
    assert unit.workload_status_message == "Unit is ready, color blue"
    assert unit.data["agent-status"]["current"] == "idle"
    assert unit.machine.entity_id == "0" and unit.machine.agent_status == "started"
    assert not hasattr(unit, "no_such_thing")


def test_an_application_has_machines_and_a_charm(model):
    assert [machine.status for machine in model.get_machines("toy")] == ["running"] * 2
    application = model.get_application("toy")
    assert application.charm_name == "toy" and application.status == "active"
    assert set(application.related_applications("need")) == {"other"}
    model.block_until_charm_url("toy", application.data["charm-url"], timeout=30)


def test_the_full_status_reads_both_ways(model):
    status = model.get_status()
    unit = status.applications["toy"]["units"]["toy/0"]
    assert unit["workload-status"]["status"] == unit.workload_status.status == "active"
    assert unit.workload_status.info == "Unit is ready, color blue"
    assert status["machines"]["0"].agent_status["status"] == "started"
    assert status.applications["toy"].relations["need"] == ["other"]
    model.block_until_machine_status_is("0", "started", timeout=30)


def test_zazas_own_helpers_read_the_status(model):
    assert juju.get_machines_for_application("toy")
    assert juju.get_machine_series("0") == "noble"
    assert juju.get_application_status("toy", unit="toy/1")["leader"] in (True, False)
    assert juju.get_unit_name_from_ip_address("127.0.0.1", "other") == "other/0"
    assert juju.get_relation_from_unit("toy", "other", "offer")["ingress-address"] == "127.0.0.1"


def test_relations_have_the_numbers_that_hooks_see(model):
    number = model.get_relation_id("toy", "other", remote_interface_name="offer")
    seen = model.run_on_unit("toy/0", "relation-ids need")["Stdout"].strip()
    assert seen == f"need:{number}"
    assert model.get_relation_id("toy", "other", remote_interface_name="more") is None


# Commands and files


def test_a_command_runs_in_the_units_context(model):
    result = model.run_on_unit("toy/1", "echo $JUJU_UNIT_NAME; echo gone >&2; exit 3")
    assert result == {
        "Code": "3",
        "Stdout": "toy/1\n",
        "stdout": "toy/1\n",
        "Stderr": "gone\n",
        "stderr": "gone\n",
    }
    said = model.run_on_leader("toy", "is-leader", timeout=30)
    assert said["Stdout"].strip() == "True" and said["Code"] == "0"
    assert model.get_unit_time("toy/0") > 0


def test_a_command_that_takes_too_long_is_given_up(model):
    with pytest.raises(asyncio.TimeoutError):
        model.run_on_unit("other/0", "sleep 4", timeout=0.5)


def test_a_command_runs_on_a_machine(model):
    assert model.run_on_machine("0", "echo here", timeout=30)["Stdout"] == "here\n"
    with pytest.raises(subprocess.CalledProcessError):
        model.run_on_machine("0", "exit 3")


def test_files_are_read_and_waited_for(model):
    path = model.run_on_unit("other/0", "echo $PWD/paint.conf")["Stdout"].strip()
    assert model.file_contents("other/0", path) == "[paint]\ncolor = red\n"
    model.block_until_file_has_contents("other", path, "color = red", timeout=30)
    model.block_until_file_matches_re("other", path, "^color = r", timeout=30)
    wanted = {"paint": {"color": ["red"]}}
    model.block_until_oslo_config_entries_match("other", path, wanted, timeout=30)
    model.block_until_file_missing("other", f"{path}.old", timeout=30)
    model.block_until_file_missing_on_machine("2", f"{path}.old", timeout=30)
    with pytest.raises(asyncio.TimeoutError):
        model.block_until_file_has_contents("other", path, "color = green", timeout=1)
    with pytest.raises(model.RemoteFileError):
        model.file_contents("other/0", f"{path}.old")


def test_files_are_copied_to_units_and_from_them(model, tmp_path):
    (tmp_path / "sent").write_text("hello")
    there, back = tmp_path / "there", tmp_path / "back"
    model.scp_to_unit("toy/1", str(tmp_path / "sent"), str(there), scp_opts="-p")
    assert model.run_on_unit("toy/1", f"cat {there}")["Stdout"] == "hello"
    model.scp_from_unit("toy/1", str(there), str(back), user="root")
    assert back.read_text() == "hello"
    model.scp_to_all_units("toy", str(back), f"{there}-too")
    model.block_until_file_ready("toy", f"{there}-too", lambda text: text == "hello", timeout=30)
    with pytest.raises(Exception, match="No such file"):
        model.scp_from_unit("toy/1", str(tmp_path / "nothing"), str(back))
    with pytest.raises(model.UnitNotFound):
        model.scp_to_unit("toy/7", str(back), str(there))


def test_services_are_waited_for(model):
    model.block_until_service_status("toy/0", ["no-such-program-here"], "stopped", timeout=30)
    model.block_until_service_status("toy/0", ["[s]h"], "running", timeout=30, pgrep_full=True)
    model.block_until_services_restarted("toy", 0, ["[s]h"], timeout=30, pgrep_full=True)
    with pytest.raises(model.ServiceNotRunning):
        model.get_unit_service_start_time("toy/0", "no-such-program-here")


# Actions


def test_an_action_has_results(model):
    action = model.run_action("toy/0", "greet", action_params={"who": "you"})
    assert action.status == action.data["status"] == "completed"
    assert action.results["hello"] == action.data["results"]["hello"] == "you"
    assert action.data["results"]["stdout"] == "out\n"
    assert action.data["parameters"] == {"who": "you"}


def test_an_action_runs_on_the_leader_and_on_several_units(model):
    assert model.run_action_on_leader("toy", "greet").receiver == model.get_lead_unit_name("toy")
    model.run_action_on_units(
        ["toy/0", "toy/1"], "greet", action_params={"who": "all"}, raise_on_failure=True
    )


def test_a_failed_action_says_why(model):
    action = model.run_action("toy/0", "refuse")
    assert (action.status, action.message) == ("failed", "not today")
    assert action.data["results"]["why"] == "because"
    for run, on in ((model.run_action, "toy/0"), (model.run_action_on_leader, "toy")):
        with pytest.raises(model.ActionFailed, match="not today"):
            run(on, "refuse", raise_on_failure=True)
    with pytest.raises(model.ActionFailed, match="because"):
        model.run_action_on_units(["toy/0"], "refuse", raise_on_failure=True)


def test_an_action_that_the_charm_has_not_is_told(model):
    with pytest.raises(ValueError, match="not found on toy/0"):
        model.run_action("toy/0", "dance")
    with pytest.raises(Exception, match="must be of type string"):
        model.run_action("toy/0", "greet", action_params={"who": 5})
    assert set(model.get_actions("toy")) == {"greet", "refuse"}


# In coroutines


def test_a_coroutine_of_the_tests_own_has_the_same_calls(model, tmp_path):
    (tmp_path / "sent").write_text("hello")

    async def calls():
        units = await model.async_get_units("toy")
        leader = await model.async_get_lead_unit_name("toy")
        assert await model.async_get_unit_public_address(units[0]) == "127.0.0.1"
        here, there = str(tmp_path / "sent"), str(tmp_path / "there")
        await model.async_scp_to_unit(leader, here, there)
        await model.async_scp_from_unit(leader, there, f"{here}-back")
        said = await asyncio.gather(
            model.async_run_on_leader("toy", f"cat {here}-back"),
            *(model.async_run_on_unit(unit.name, "echo $JUJU_UNIT_NAME") for unit in units),
        )
        assert [each["Stdout"].strip() for each in said] == ["hello", "toy/0", "toy/1"]
        action = await model.async_run_action("toy/1", "greet", action_params={"who": "you"})
        assert action.data["results"]["hello"] == "you"
        with pytest.raises(model.ActionFailed, match="not today"):
            await model.async_run_action_on_leader("toy", "refuse", raise_on_failure=True)
        await model.async_set_application_config("toy", {"color": "grey"})
        await model.async_block_until_wl_status_info_starts_with(
            "toy", "Unit is ready, color grey", timeout=60
        )
        assert (await model.async_get_application_config("toy"))["color"]["value"] == "grey"
        await model.async_add_relation("other", "need", "toy:more")
        await model.async_wait_for_application_states(timeout=60)
        await model.async_remove_relation("other", "need", "toy:more")
        await model.async_block_until_all_units_idle(timeout=60)
        await model.async_wait_for_unit_idle("toy/0", timeout=60, include_subordinates=True)
        await model.async_block_until_unit_wl_status("toy/0", "blocked", negate_match=True)
        return await model.async_get_status()

    assert zaza.run(calls).applications["toy"]["relations"]["peers"] == ["toy"]
    assert model.get_principle_sub_map() == {"toy/0": [], "toy/1": [], "other/0": []}
    model.reset_application_config("toy", ["color"])
    model.block_until_unit_wl_message_match("toy/1", ".*color red$", timeout=60)


# What is changed


def test_configuration_is_set_and_reset(model):
    model.set_application_config("toy", {"color": "green", "count": "5"})
    config = model.get_application_config("toy")
    assert (config["color"]["value"], config["count"]["value"]) == ("green", 5)
    model.block_until_unit_wl_message_match("toy/0", ".*color green$", timeout=60)
    model.block_until_wl_status_info_starts_with("toy", "Unit is ready", timeout=60)
    model.reset_application_config("toy", ["color", "count"])
    assert model.get_application_config("toy")["color"]["source"] == "default"
    model.block_until_unit_wl_message_match("toy/0", ".*color red$", timeout=60)
    with pytest.raises(Exception, match="unknown option"):
        model.set_application_config("toy", {"colour": "green"})


def test_an_agent_is_waited_for_while_it_works_and_until_it_is_done(model):
    async def both():
        await asyncio.gather(
            model.async_wait_for_agent_status(timeout=60),
            model.async_run_on_unit("other/0", "sleep 2"),
        )

    zaza.sync_wrapper(both)()
    model.wait_for_agent_status(status="idle", timeout=60)
    model.wait_for_unit_idle("other/0", timeout=60)
    model.block_until_units_on_machine_are_idle("2", timeout=60)
    assert model.get_agent_status("other", "other/0") == "idle"


def test_relations_come_and_go(model):
    model.add_relation("other", "need", "toy:more")
    model.add_relation("other", "need", "toy:more")  # is there already, as with python-libjuju
    wait_settled(model)
    assert model.get_relation_id("other", "toy", remote_interface_name="more") is not None
    model.remove_relation("other", "need", "toy:more")

    async def gone():
        application = await model.async_get_application("other")
        return not any(relation.matches("toy:more") for relation in application.relations)

    model.block_until(gone, timeout=60)
    with pytest.raises(Exception, match="not found"):
        model.remove_relation("other", "need", "toy:more")


def test_units_come_and_go(model):
    model.add_unit("other", wait_appear=True)
    model.block_until_unit_count("other", 2, timeout=60)
    model.block_until_unit_wl_status("other/1", "active", timeout=60)
    model.wait_for_application_states(states={"other": {"num-expected-units": 2}}, timeout=60)
    model.destroy_unit("other", "other/1", wait_disappear=True)
    assert [unit.name for unit in model.get_units("other")] == ["other/0"]


def test_a_charm_is_upgraded(model, charm):
    model.upgrade_charm("other", path=str(charm))
    wait_settled(model)
    directory = model.run_on_unit("other/0", "echo $PWD")["Stdout"].strip()
    model.block_until_file_missing("other", f"{directory}/nothing", timeout=30)
    assert model.run_on_unit("other/0", "ls upgraded")["Code"] == "0"
    with pytest.raises(Exception, match="no store of charms"):
        model.upgrade_charm("other", switch=None)


def test_a_unit_in_error_is_seen_and_resolved(model):
    model.set_application_config("other", {"color": "broken"})
    model.block_until_unit_wl_status("other/0", "error", timeout=60)
    with pytest.raises(model.UnitError):
        model.wait_for_application_states(timeout=30)
    model.set_application_config("other", {"color": "mended"})
    model.resolve_units("other", erred_hook="config-changed", timeout=60)
    model.wait_for_application_states(timeout=60)
    assert model.get_units("other")[0].workload_status_message == "Unit is ready, color mended"


def test_an_application_goes(model, deploy, charm):
    deploy(charm, "third", to="2")
    model.wait_for_application_states(timeout=60)
    assert model.get_units("third")[0].machine.entity_id == "2"
    unit = model.get_units("third")[0]
    model.remove_application("third")

    async def gone():
        return "third" not in await model.deployed("driven")

    model.block_until(gone, timeout=60)
    assert not unit.data
    with pytest.raises(KeyError):
        model.get_units("third")


def test_a_model_that_is_not_there_is_told(model):
    with pytest.raises(ConnectionError, match="nowhere"):
        model.get_units("toy", model_name="nowhere")


def test_models_and_their_configuration(model):
    zaza.controller.add_model("short-lived")
    assert {"driven", "short-lived"} <= set(zaza.controller.list_models())
    zaza.controller.destroy_model("short-lived")
    assert "short-lived" not in zaza.controller.list_models()
    assert zaza.controller.get_cloud_type() == "lab"
    model.set_model_constraints({"mem": "2G"})
    data = model.get_cloud_data()
    assert (data.cloud_name, data.credential_name) == ("lab", "default")


TEST_CLASS = """
import unittest
import zaza.model

class Toy(unittest.TestCase):
    def test_greet(self):
        action = zaza.model.run_action_on_leader("toy", "greet", action_params={"who": "there"})
        self.assertEqual(action.data["results"]["hello"], NAME)
"""


@pytest.mark.parametrize(("name", "code"), [("there", 0), ("nobody", 1)])
def test_any_test_class_runs_with_zazas_own_command(model, tmp_path, name, code):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "tests.yaml").write_text("charm_name: toy\n")
    (tmp_path / "tests" / "toy_tests.py").write_text(f"NAME = {name!r}\n{TEST_CLASS}")
    command = [FUNCTEST, "-m", "driven", "-t", "tests.toy_tests.Toy"]
    done = subprocess.run(
        [ROOT / "lab" / "zaza", *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    assert "test_greet" in done.stderr + done.stdout
