"""States that a gateway does not come through on its way: in a container, with a daemon down."""

import jubilant
from harness import CHARM, Model

IN_CONTAINER = "in-container"
#: What Juju does every five minutes.
UPDATE_STATUS = "JUJU_HOOK_NAME=update-status exec hooks/update-status"


def said(status: jubilant.Status, unit: str) -> tuple[str, str]:
    """A unit's workload status with its message."""
    told = status.apps[unit.partition("/")[0]].units[unit].workload_status
    return told.current, told.message


def test_in_a_container_nothing_is_installed(model: Model):
    model.juju.deploy(CHARM, IN_CONTAINER, constraints={"virt-type": "container"})
    unit = f"{IN_CONTAINER}/0"
    refused = ("blocked", "Charm cannot be deployed into a container")
    model.wait(
        lambda status: (
            said(status, unit) == refused and jubilant.all_agents_idle(status, IN_CONTAINER)
        )
    )
    assert "gwcli" not in model.run_on(unit, "ls", "/usr/bin").split()
    model.juju.remove_application(IN_CONTAINER)
    model.wait(lambda status: IN_CONTAINER not in status.apps)


def test_a_daemon_that_is_down_is_named_and_its_gateway_no_longer_announced(model: Model):
    unit = model.gateways()[0]
    assert model.announced(unit)
    model.run_on(unit, "systemctl", "stop", "rbd-target-gw")
    model.run_on(unit, "sh", "-c", UPDATE_STATUS)
    assert model.said(unit) == "Services not running that should be: rbd-target-gw"
    assert not model.announced(unit)
    model.run_on(unit, "systemctl", "start", "rbd-target-gw")
    model.run_on(unit, "sh", "-c", UPDATE_STATUS)
    assert model.said(unit) == "Unit is ready"
    assert model.announced(unit)
