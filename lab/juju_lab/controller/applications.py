"""Applications and units: deploying, scaling, configuring, upgrading, removing."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from juju_lab import names
from juju_lab.controller import leadership, models, network, relations, settings, uniter
from juju_lab.controller.charmdir import Charm
from juju_lab.controller.library import Library, Staged
from juju_lab.controller.relations import find_application, find_unit
from juju_lab.controller.store import (
    ALIVE,
    DYING,
    Application,
    Machine,
    Model,
    Unit,
)
from juju_lab.errors import JujuError, UsageError
from juju_lab.hosts.bases import BASES, DEFAULT_BASE

FORCED_AFTER_SECONDS = 60
"""How long `--force` leaves a unit that can still run hooks to do so."""


@dataclass
class Deployment:
    """What `juju deploy` asks for; `to` are machine numbers, `config` option values or texts,
    `bind` spaces by endpoint, the empty one for all others.
    """

    name: str = ""
    units: int = 1
    base: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    constraints: Mapping[str, str] = field(default_factory=dict)
    to: Sequence[str] = ()
    bind: Mapping[str, str] = field(default_factory=dict)
    trust: bool = False
    force: bool = False


def deploy(
    session: Session, library: Library, model: Model, staged: Staged, wish: Deployment
) -> Application:
    """Make an application with its units; JujuError when it cannot be."""
    charm = staged.charm
    name = wish.name or charm.name
    if not names.is_application(name):
        raise JujuError(f'invalid application name "{name}"')
    if any(each.name == name for each in model.applications):
        raise JujuError(
            f'cannot add application "{name}": application already exists:\n'
            "deploy application using an alias name:\n"
            f"    juju deploy <charm> <application alias>\n"
            "or use remove-application to remove the existing one and try again."
        )
    if charm.subordinate:
        raise JujuError(f'charm "{charm.name}" is a subordinate: the lab runs principals only')
    if charm.storage:
        raise JujuError(f'charm "{charm.name}" needs storage, which the lab does not provide')
    config = dict(wish.config)
    trust = _as_trust(config.pop("trust", wish.trust))
    application = Application(
        name=name,
        charm_name=charm.name,
        charm_revision=library.adopt(model, staged),
        base=choose_base(model, charm, wish.base, force=wish.force),
        config={key: settings.typed_option(charm, key, value) for key, value in config.items()},
        constraints=settings.constraints(wish.constraints),
        bindings=network.bindings(model, charm, wish.bind),
        trust=trust,
        leader_settings={},
    )
    model.applications.append(application)
    session.flush()
    relations.add_peers(application, charm)
    add_units(session, application, wish.units, wish.to)
    return application


def choose_base(model: Model, charm: Charm, base: str, *, force: bool) -> str:
    """The base that `charm` gets when `base` (empty: any) is asked for; JujuError without one."""
    asked = base.removesuffix("/stable") or models.config_value(model, "default-base")
    if asked and asked not in BASES:
        raise JujuError(f'base "{asked}" is not one of the lab\'s: {", ".join(BASES)}')
    if asked and charm.bases and asked not in charm.bases and not force:
        raise JujuError(
            f'base "{asked}" not supported by charm, supported bases are: '
            f"{', '.join(charm.bases)}. Use --force to deploy the charm anyway."
        )
    if asked:
        return asked
    possible = [base for base in charm.bases if base in BASES] if charm.bases else [DEFAULT_BASE]
    if not possible:
        raise JujuError(
            f'charm "{charm.name}" supports {", ".join(charm.bases)}, the lab has '
            f"{', '.join(BASES)}; use --base and --force to deploy it anyway"
        )
    return DEFAULT_BASE if DEFAULT_BASE in possible else possible[0]


def add_units(
    session: Session, application: Application, count: int, to: Sequence[str] = ()
) -> list[Unit]:
    """Add units, each on a machine of its own unless `to` names existing ones."""
    if application.life != ALIVE:
        raise JujuError(f'application "{application.name}" is not alive')
    added = []
    for position in range(count):
        placement = to[position] if position < len(to) else ""
        machine = _place(session, application, placement)
        number = application.model.take_number(f"application-{application.name}")
        with session.no_autoflush:
            unit = Unit(number=number, machine=machine, agent={}, ports={}, state={})
            application.units.append(unit)
        added.append(unit)
    session.flush()
    return added


def _place(session: Session, application: Application, placement: str) -> Machine:
    model = application.model
    if not placement:
        return models.add_machine(session, model, application.base, application.constraints)
    if not names.is_machine(placement):
        raise JujuError(f'placement "{placement}" is not supported: the lab takes machine numbers')
    machine = models.find_machine(model, placement)
    if machine.life != ALIVE:
        raise JujuError(f"machine {placement} is not alive")
    if machine.base != application.base:
        raise JujuError(
            f"cannot assign unit to machine {placement}: base does not match: "
            f"unit has {application.base}, machine has {machine.base}"
        )
    network.check(application, machine)
    return machine


def remove_unit(session: Session, model: Model, name: str, *, force: bool, no_wait: bool) -> None:
    """Have a unit leave; JujuError when there is none of this name."""
    try:
        unit = find_unit(model, name)
    except UsageError:
        raise
    except JujuError:
        raise JujuError(f'unit "{name}" does not exist') from None
    _destroy_unit(session, unit, force=force, no_wait=no_wait)


def remove_application(
    session: Session, model: Model, name: str, *, force: bool = False, no_wait: bool = False
) -> None:
    """Have an application leave with its relations and units."""
    application = find_application(model, name)
    application.life = DYING
    for relation in list(model.relations):
        if relation.end_of(name):
            relations.destroy(relation)
    units = list(application.units)
    for unit in units:
        _destroy_unit(session, unit, force=force, no_wait=no_wait)
    if not units:
        collect(session, application)


def _destroy_unit(session: Session, unit: Unit, *, force: bool, no_wait: bool) -> None:
    unit.life = DYING
    leadership.hand_over(unit, even_to_nobody=False)
    if force:
        cannot_run_hooks = unit.lost or unit.has_failed
        delay = 0 if no_wait or cannot_run_hooks else FORCED_AFTER_SECONDS
        unit.force_at = time.time() + delay
    if not unit.agent or (unit.force_at is not None and unit.force_at <= time.time()):
        delete_unit(session, unit)


def delete_unit(session: Session, unit: Unit) -> None:
    """Take a unit away at once, and after the last one of a machine or application these too."""
    application, machine, name = unit.application, unit.machine, unit.name
    leadership.hand_over(unit, even_to_nobody=True)
    for relation in list(application.model.relations):
        if relation.end_of(application.name):
            relations.leave_scope(relation, name)
    session.delete(unit)
    session.flush()
    session.expire(application, ["units"])
    session.expire(machine, ["units"])
    models.collect_machine(machine)
    collect_all(session, application.model)  # others may have waited for a relation with it


def collect(session: Session, application: Application) -> None:
    """Remove a dying application that has no units; its relations go with its last units."""
    if application.life != DYING or application.units:
        return
    model = application.model
    for relation in list(model.relations):
        if relation.end_of(application.name) and relation.is_peer:
            relations.destroy(relation, force=True)
    if not any(relation.end_of(application.name) for relation in model.relations):
        model.applications.remove(application)
        session.flush()


def collect_all(session: Session, model: Model) -> None:
    """Remove what has waited for a relation to go."""
    for application in list(model.applications):
        collect(session, application)


def set_config(
    application: Application, charm: Charm, values: Mapping[str, Any], reset: Sequence[str] = ()
) -> None:
    """Change options; JujuError for an unknown option or a value that does not fit."""
    kept = dict(application.config)
    for name in reset:
        if name == "trust":
            application.trust = False
        elif name in charm.options:
            kept.pop(name, None)
        else:
            raise JujuError(f'unknown option "{name}"')
    for name, value in values.items():
        if name == "trust":
            application.trust = _as_trust(value)
        else:
            kept[name] = settings.typed_option(charm, name, value)
    application.config = kept


def _as_trust(value: Any) -> bool:
    if isinstance(value, str):
        return value.lower() == "true"
    return bool(value)


def config_document(application: Application, charm: Charm) -> dict[str, Any]:
    """What `juju config APP` prints."""
    shown = {}
    for name, option in charm.options.items():
        default = option.get("default")
        entry = {
            "description": option.get("description", ""),
            "type": option.get("type", "string"),
        }
        if default is not None:
            entry["default"] = default
        if name in application.config:
            entry |= {"source": "user", "value": application.config[name]}
        elif default is not None:
            entry |= {"source": "default", "value": default}
        else:
            entry["source"] = "unset"
        shown[name] = entry
    return {
        "application": application.name,
        "charm": application.charm_name,
        "application-config": {
            "trust": {
                "default": False,
                "description": "Does this application have access to trusted credentials",
                "source": "user" if application.trust else "default",
                "type": "bool",
                "value": application.trust,
            }
        },
        "settings": shown,
    }


def refresh(
    library: Library, application: Application, staged: Staged, *, force_units: bool
) -> None:
    """Upgrade an application to a staged charm.

    Raises JujuError when it is another charm, or lacks an endpoint that is in use.
    """
    model = application.model
    charm = staged.charm
    if charm.name != application.charm_name:
        raise JujuError(
            f'cannot upgrade "{application.charm_name}" to "{charm.name}": '
            "the name of the charm must stay"
        )
    for relation in model.relations:
        end = relation.end_of(application.name)
        if end and end["name"] not in charm.endpoints:
            raise JujuError(
                f'cannot upgrade application "{application.name}" to charm '
                f'"{charm.name}": would break relation "{relation.key}"'
            )
    application.charm_revision = library.adopt(model, staged)
    application.force_units = force_units
    application.config = {
        name: value for name, value in application.config.items() if name in charm.options
    }
    application.bindings = network.bindings(model, charm, {}, application.bindings)
    relations.add_peers(application, charm)


def bind(application: Application, charm: Charm, wanted: Mapping[str, str]) -> None:
    """Move endpoints to other spaces; JujuError when a machine of its units is not in one."""
    application.bindings = network.bindings(application.model, charm, wanted, application.bindings)
    for unit in application.units:
        network.check(application, unit.machine)


def resolve(model: Model, name: str, *, retry: bool) -> None:
    """Have the failed hook of a unit run again, or be taken as done."""
    unit = find_unit(model, name)
    if not unit.has_failed:
        raise JujuError(f'unit "{name}" is not in an error state')
    if unit.resolved:
        raise JujuError(f'cannot set resolved mode for unit "{name}": already resolved')
    unit.resolved = uniter.RETRY if retry else uniter.NO_RETRY


def units_in_error(model: Model) -> list[str]:
    """The units whose hook has failed."""
    return [
        unit.name
        for application in model.applications
        for unit in application.units
        if unit.has_failed
    ]
