"""pause and resume: the gateway goes, the initiator's I/O does not stop, and it comes back."""

import contextlib
from collections.abc import Iterator

import jubilant
import pytest
from harness import GATEWAY, PAUSED, UNDRAINED, WAITING, Model


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


@contextlib.contextmanager
def hindered(model: Model, unit: str, settings: str) -> Iterator[None]:
    """Have systemd treat UNIT's rbd-target-api by further settings meanwhile."""
    path = "/run/systemd/system/rbd-target-api.service.d/hindered.conf"
    write = f'mkdir -p {path.rpartition("/")[0]}; echo "$0" > {path}; systemctl daemon-reload'
    model.run_on(unit, "sh", "-c", write, settings)
    try:
        yield
    finally:
        model.run_on(unit, "sh", "-c", f"rm {path}; systemctl daemon-reload")


def test_an_initiator_does_not_feel_that_a_gateway_is_paused(paused):
    _, _, summary = paused
    assert summary["errors"] == summary["lost"] == 0
    assert summary["worst-stall"] < UNDRAINED


def test_a_paused_unit_says_so(paused):
    model, unit, _ = paused
    status = model.juju.status().apps["ceph-iscsi"].units[unit].workload_status
    assert status.current == "maintenance"
    assert status.message == PAUSED


def test_a_paused_unit_is_not_announced(paused):
    model, unit, _ = paused
    assert not model.announced(unit)


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
    model.wait(lambda status: model.says(status, other, WAITING))
    assert service_states(model, unit, "rbd-target-api")[1] == "masked"
    model.juju.config(GATEWAY, reset="loglevel")
    model.wait(lambda status: model.says(status, other, "Unit is ready"))
    assert model.started_at(other) == started


def test_a_resume_fails_and_says_which_service_does_not_start(paused):
    model, unit, _ = paused
    with hindered(model, unit, "[Service]\nExecStartPre=/bin/false"):
        message = model.failure(unit, "resume").message
    assert message.startswith("services that did not start: rbd-target-api")
    assert model.said(unit).startswith("Services not running that should be: rbd-target-api")
    assert not model.announced(unit)


def test_resume_brings_services_status_and_path_back(paused):
    model, unit, _ = paused
    model.action(unit, "resume")
    model.settle("ceph-iscsi")
    assert service_states(model, unit, "rbd-target-api") == ["active", "enabled"]
    assert service_states(model, unit, "rbd-target-gw") == ["active", "enabled"]
    model.wait_paths(2)
    model.wait_back(unit)
    assert model.announced(unit)


def test_a_pause_fails_and_says_which_service_does_not_stop(paused):
    model, unit, _ = paused
    with hindered(model, unit, "[Unit]\nRefuseManualStop=yes"):
        message = model.failure(unit, "pause").message
        assert message.startswith("services that did not stop: rbd-target-api: ")
        still = "Services should be paused but these services running: rbd-target-api"
        assert model.said(unit) == still
        assert not model.announced(unit)
    model.action(unit, "resume")
    assert model.said(unit) == "Unit is ready"
    assert model.announced(unit)
    model.wait_paths(2)
