"""pause and resume: the gateway goes, the initiator's I/O does not stop, and it comes back."""

import jubilant
import pytest
from harness import GATEWAY, UNDRAINED, Model


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


def test_an_initiator_does_not_feel_that_a_gateway_is_paused(paused):
    _, _, summary = paused
    assert summary["errors"] == summary["lost"] == 0
    assert summary["worst-stall"] < UNDRAINED


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


def test_the_last_gateway_is_not_paused_in_silence(paused):
    model, unit, _ = paused
    (other,) = set(model.gateways()) - {unit}
    with pytest.raises(jubilant.TaskError) as caught:
        model.action(other, "pause")
    assert "initiators have no path over another gateway" in caught.value.task.message
    assert service_states(model, other, "rbd-target-api") == ["active", "enabled"]
    assert model.said(other) == "Unit is ready"


def test_a_configuration_change_does_not_wake_a_paused_unit(paused):
    model, unit, _ = paused
    (other,) = set(model.gateways()) - {unit}
    started = model.started_at(other)
    model.juju.config(GATEWAY, {"loglevel": 2})
    model.wait(lambda status: model.says(status, other, "Waiting for its turn to restart"))
    assert service_states(model, unit, "rbd-target-api")[1] == "masked"
    model.juju.config(GATEWAY, reset="loglevel")
    model.wait(lambda status: model.says(status, other, "Unit is ready"))
    assert model.started_at(other) == started


def test_resume_brings_services_status_and_path_back(paused):
    model, unit, _ = paused
    model.action(unit, "resume")
    model.settle("ceph-iscsi")
    assert service_states(model, unit, "rbd-target-api") == ["active", "enabled"]
    assert service_states(model, unit, "rbd-target-gw") == ["active", "enabled"]
    model.wait_paths(2)
