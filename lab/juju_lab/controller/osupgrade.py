"""The upgrade of a machine to another base, as `juju upgrade-machine` frames it.

`Machine.upgrade` is empty without one, else it holds the new `base` and the `phase`: from PREPARE
on its units run pre-series-upgrade and then nothing; at COMPLETE they run post-series-upgrade.
What happens to the machine in between is nothing that Juju does.
"""

from collections.abc import Mapping

from juju_lab.controller import status
from juju_lab.controller.charmdir import Charm
from juju_lab.controller.store import Machine, Unit
from juju_lab.controller.uniter import COMPLETE, POST_UPGRADE, PRE_UPGRADE, PREPARE
from juju_lab.errors import JujuError
from juju_lab.hosts.bases import BASES

HOOKS = {True: PRE_UPGRADE, False: POST_UPGRADE}


def prepare(machine: Machine, charms: Mapping[str, Charm], base: str, *, force: bool) -> None:
    """Begin; `charms` are by application. JujuError when the machine or a unit cannot."""
    if base not in BASES:
        raise JujuError(f'base "{base}" is not one of the lab\'s: {", ".join(BASES)}')
    if machine.upgrade:
        raise JujuError(f'machine "{machine.number}" is already being upgraded')
    if base <= machine.base:
        raise JujuError(
            f'machine {machine.number} is running base "{machine.base}": "{base}" is not later'
        )
    for unit in machine.units:
        bases = charms[unit.application.name].bases
        if bases and base not in bases and not force:
            raise JujuError(
                f'base "{base}" not supported by charm "{unit.application.charm_name}", '
                f"supported bases are: {', '.join(bases)}"
            )
        agent = status.of_agent(unit)["current"]
        if agent != "idle" or unit.has_failed:
            shown = "error" if unit.has_failed else agent
            raise JujuError(
                f"unit {unit.name} is not ready to start an upgrade; "
                f'its agent status is: "{shown}"'
            )
    machine.upgrade = {"base": base, "phase": PREPARE}


def complete(machine: Machine) -> None:
    """Have the units go on; JujuError before all of them are prepared."""
    if machine.upgrade.get("phase") != PREPARE or not all(map(is_prepared, machine.units)):
        raise JujuError(f'machine "{machine.number}" is not prepared for an upgrade')
    machine.upgrade = {**machine.upgrade, "phase": COMPLETE}
    collect(machine)


def collect(machine: Machine) -> None:
    """End an upgrade that all units are through with."""
    if machine.upgrade.get("phase") == COMPLETE and not any(map(is_prepared, machine.units)):
        machine.base = machine.upgrade["base"]
        machine.upgrade = {}


def is_prepared(unit: Unit) -> bool:
    """Whether the unit has run pre-series-upgrade, and not yet post-series-upgrade."""
    return bool(unit.agent.get("prepared"))
