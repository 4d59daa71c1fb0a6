"""A state that a gateway does not come through on its way: in a container it does nothing."""

import jubilant
from harness import CHARM, Model

IN_CONTAINER = "in-container"


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
