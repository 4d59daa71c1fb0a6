"""Failed hooks: what is shown, when they are run again, what still works."""

import pytest
from juju_lab.errors import JujuError

FAILS_ONCE = "test -e ../failed || { touch ../failed; exit 1; }"
WEB = "name: web\nrequires: {db: {interface: sql}}\n"
DB = "name: db\nprovides: {site: {interface: sql}}\n"


@pytest.fixture
def patient(lab):
    """A lab in which failed hooks wait for `resolved`."""
    lab.api.set_model_config(None, {"automatically-retry-hooks": "false"}, [])
    return lab


def workload(lab, unit):
    return (lab.unit(unit) or {}).get("workload-status", {}).get("current")


def wait_for_error(lab, unit):
    lab.wait(lambda: workload(lab, unit) == "error")


def test_failed_hook_is_run_again_by_itself(lab, charm):
    lab.api.deploy(None, str(charm("toy", {"hooks/install": FAILS_ONCE})))
    lab.wait(lambda: 'hook "install" (via explicit, bespoke hook script) failed' in lab.log())
    lab.wait_idle("toy/0")
    lab.wait(lambda: 'ran "install" hook' in lab.log())


def test_resolved_runs_it_again(patient, charm):
    patient.api.deploy(None, str(charm("toy", {"hooks/start": FAILS_ONCE})))
    wait_for_error(patient, "toy/0")
    assert patient.unit("toy/0")["workload-status"]["message"] == 'hook failed: "start"'
    patient.api.resolved(None, ["toy/0"], False, True)
    patient.wait(lambda: workload(patient, "toy/0") == "unknown")
    with pytest.raises(JujuError, match='unit "toy/0" is not in an error state'):
        patient.api.resolved(None, ["toy/0"], False, True)


def test_resolved_without_retry_goes_on(patient, charm, trace):
    hooks = {"hooks/config-changed": "exit 1", "hooks/start": f"echo started >> {trace}"}
    patient.api.deploy(None, str(charm("toy", hooks)))
    wait_for_error(patient, "toy/0")
    patient.api.resolved(None, [], True, False)
    patient.wait(lambda: trace.read_text() == "started\n")


def test_actions_and_commands_run_in_error_and_the_error_stays(patient, charm):
    source = charm(
        "toy",
        {"hooks/start": "exit 1", "actions/act": "action-set a=b"},
        actions="act: {description: d}\n",
    )
    patient.api.deploy(None, str(source))
    wait_for_error(patient, "toy/0")
    done = patient.result(patient.api.run(None, ["toy/0"], "act", {}))
    assert (done["status"], done["results"]) == ("completed", {"a": "b", "return-code": 0})
    assert patient.exec("toy/0", "echo hi")["stdout"] == "hi\n"
    wait_for_error(patient, "toy/0")


def test_relation_hook_error_names_the_other_side(patient, charm):
    web = charm("web", {"hooks/db-relation-joined": "exit 1"}, metadata=WEB)
    patient.api.deploy(None, str(web))
    patient.api.deploy(None, str(charm("db", {}, metadata=DB)))
    patient.api.integrate(None, "web", "db")
    wait_for_error(patient, "web/0")
    assert (
        patient.unit("web/0")["workload-status"]["message"]
        == 'hook failed: "db-relation-joined" for db:site'
    )


def test_refresh_by_force_mends_an_errored_hook(patient, charm):
    source = charm("toy", {"hooks/start": "exit 1"})
    patient.api.deploy(None, str(source))
    wait_for_error(patient, "toy/0")
    mended = str(charm("toy", {"hooks/start": "exit 0", "hooks/upgrade-charm": "exit 0"}))
    patient.api.refresh(None, "toy", mended, False)
    patient.api.resolved(None, ["toy/0"], False, True)
    patient.wait(lambda: patient.log().count('hook "start" (via') == 2)
    wait_for_error(patient, "toy/0")
    patient.api.refresh(None, "toy", mended, True)
    patient.wait(lambda: patient.exec("toy/0", "cat revision")["stdout"] == "2\n")
    patient.api.resolved(None, ["toy/0"], False, True)
    patient.wait(lambda: workload(patient, "toy/0") == "unknown")
    assert "upgrade-charm" not in patient.log()


def test_unit_in_error_is_removed_by_force_only(patient, charm):
    patient.api.deploy(None, str(charm("toy", {"hooks/start": "exit 1"})))
    wait_for_error(patient, "toy/0")
    patient.api.remove_unit(None, "toy/0", False, False)
    patient.exec("toy/0", "true")
    assert patient.unit("toy/0")
    patient.api.remove_unit(None, "toy/0", True, False)
    patient.wait(lambda: not patient.unit("toy/0"))


def test_file_that_is_not_executable_fails_the_hook(patient, charm):
    source = charm("toy", {"hooks/install": "true"})
    (source / "hooks/install").chmod(0o644)
    patient.api.deploy(None, str(source))
    wait_for_error(patient, "toy/0")


def test_killed_hook_is_run_again_and_no_error(patient, charm, trace):
    script = f"test -s {trace} || {{ echo once >> {trace}; kill -KILL $$; }}"
    patient.api.deploy(None, str(charm("toy", {"hooks/install": script})))
    patient.wait_idle("toy/0")
    assert "was killed, it will be run again" in patient.log()
