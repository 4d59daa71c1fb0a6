"""pause and resume: the gateway goes, the initiator's I/O does not stop, and it comes back."""

import pytest
from harness import Model


@pytest.fixture(scope="module")
def paused(disk: Model, figures) -> tuple[Model, str, dict]:
    """The gateway that carried the I/O, paused while a writer was at work."""
    unit = disk.active_gateway()
    with disk.writing() as summary:
        disk.action(unit, "pause")
    figures["writes during pause"] = str(summary)
    return disk, unit, summary


def service_states(model: Model, unit: str, service: str) -> list[str]:
    shown = model.run_on(
        unit, "systemctl", "show", "-P", "ActiveState", "-P", "UnitFileState", service
    )
    return shown.split()


def test_nothing_is_lost_while_a_gateway_is_paused(paused):
    _, _, summary = paused
    assert summary["errors"] == summary["lost"] == 0


def test_a_paused_unit_says_so(paused):
    model, unit, _ = paused
    status = model.juju.status().apps["ceph-iscsi"].units[unit].workload_status
    assert status.current == "maintenance"
    assert status.message == "Paused. Use 'resume' action to resume normal service."


@pytest.mark.parametrize("service", ["rbd-target-api", "rbd-target-gw"])
def test_a_paused_units_daemons_are_stopped_and_masked(paused, service):
    model, unit, _ = paused
    active, enabled = service_states(model, unit, service)
    assert active in ("inactive", "failed")
    assert enabled == "masked"


def test_a_configuration_change_does_not_wake_a_paused_unit(paused):
    model, unit, _ = paused
    model.juju.config("ceph-iscsi", {"loglevel": 2})
    model.wait(lambda status: status.apps["ceph-iscsi"].units[unit].juju_status.current == "idle")
    assert service_states(model, unit, "rbd-target-api")[1] == "masked"
    model.juju.config("ceph-iscsi", reset="loglevel")


def test_resume_brings_services_status_and_path_back(paused):
    model, unit, _ = paused
    model.action(unit, "resume")
    model.settle("ceph-iscsi")
    assert service_states(model, unit, "rbd-target-api") == ["active", "enabled"]
    assert service_states(model, unit, "rbd-target-gw") == ["active", "enabled"]
    model.wait_paths(2)
