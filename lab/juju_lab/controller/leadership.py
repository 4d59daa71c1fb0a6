"""Who leads an application."""

from collections.abc import Mapping

from juju_lab.controller.store import ALIVE, Application, Unit


def is_leader(unit: Unit) -> bool:
    """Whether `unit` leads its application and is known to be there."""
    return unit.application.leader == unit.name


def write_settings(application: Application, changes: Mapping[str, str]) -> None:
    """Change the leader settings; an empty value deletes."""
    merged = {k: v for k, v in {**application.leader_settings, **changes}.items() if v}
    if merged != application.leader_settings:
        application.leader_settings = merged
        application.leader_version += 1


def claim(unit: Unit) -> bool:
    """Make `unit` leader if nobody is; True if that changed something."""
    if unit.application.leader is not None or unit.life != ALIVE:
        return False
    _appoint(unit.application, unit)
    return True


def hand_over(unit: Unit, *, even_to_nobody: bool) -> bool:
    """Take leadership from `unit` and give it to another unit whose agent is there.

    Without such a unit it stays, or with `even_to_nobody` the application is left without a
    leader. True if something changed.
    """
    application = unit.application
    if not is_leader(unit):
        return False
    heirs = [
        each
        for each in application.units
        if each is not unit and each.life == ALIVE and is_present(each)
    ]
    if not heirs and not even_to_nobody:
        return False
    _appoint(application, heirs[0] if heirs else None)
    return True


def is_present(unit: Unit) -> bool:
    """Whether the unit's agent is up: its charm is being installed or runs, and it is not lost."""
    return bool(unit.agent) and not unit.lost


def _appoint(application: Application, unit: Unit | None) -> None:
    application.leader = unit.name if unit else None
    if unit is not None:
        # The others learn of a new leader by leader-settings-changed.
        application.leader_version += 1
