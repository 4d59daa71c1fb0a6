"""Models and their machines: making, finding, removing."""

import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from juju_lab import DEFAULT_MODEL, USER_NAME, names
from juju_lab.controller import network, settings
from juju_lab.controller.store import (
    ALIVE,
    DYING,
    Machine,
    Model,
    get_setting,
    put_setting,
    status_value,
)
from juju_lab.errors import JujuError
from juju_lab.hosts.spec import SLOTS, HostSpec

_CURRENT = "current-model"


def add(session: Session, name: str, config: Mapping[str, str]) -> Model:
    """Make a model; JujuError when the name is not valid or taken."""
    if not names.is_model(name):
        raise JujuError(
            f'"{name}" is not a valid name: model names may only contain lowercase letters, '
            "digits and hyphens"
        )
    if session.scalar(select(Model).filter_by(name=name)):
        raise JujuError(
            f'failed to create new model: model "{name}" for {USER_NAME} already exists'
        )
    model = Model(
        name=name, uuid=str(uuid.uuid4()), config={}, constraints={}, sequences={}, spaces={}
    )
    set_config(model, config)
    session.add(model)
    session.flush()
    return model


def every(session: Session) -> Sequence[Model]:
    """All models, by name."""
    return session.scalars(select(Model).order_by(Model.name)).all()


def ensure_default(session: Session) -> None:
    """Make the model that a new lab starts with."""
    if get_setting(session, _CURRENT) is None and not every(session):
        add(session, DEFAULT_MODEL, {})
        put_setting(session, _CURRENT, DEFAULT_MODEL)


def current(session: Session) -> str:
    """The name of the current model, empty when there is none."""
    return get_setting(session, _CURRENT) or ""


def switch(session: Session, name: str) -> None:
    """Make a model the current one, none with the empty name."""
    put_setting(session, _CURRENT, name)


def find(session: Session, reference: str | None) -> Model:
    """The model meant by `[controller:][user/]name`, or the current one; else JujuError."""
    wanted = _bare_name(reference) if reference else current(session)
    if not wanted:
        raise JujuError(
            "No selected model. Please use `juju switch <model>` to select a model.\n\n"
            'Use "juju models" to see all available models, or "juju add-model" to add one.'
        )
    model = session.scalar(select(Model).where((Model.name == wanted) | (Model.uuid == wanted)))
    if model is None:
        raise JujuError(f"model {USER_NAME}/{wanted} not found")
    return model


def _bare_name(reference: str) -> str:
    return reference.rsplit(":", 1)[-1].rsplit("/", 1)[-1]


def set_config(model: Model, values: Mapping[str, str], reset: Sequence[str] = ()) -> None:
    """Change the model's configuration; JujuError for a value that does not fit."""
    changed = {name: settings.model_value(name, value) for name, value in values.items()}
    kept = {name: value for name, value in model.config.items() if name not in reset}
    model.config = {**kept, **changed}


def config_document(model: Model) -> dict[str, Any]:
    """What `juju model-config --format json` prints."""
    merged = {**settings.MODEL_DEFAULTS, "name": model.name, "uuid": model.uuid, **model.config}
    return {
        name: {"Value": value, "Source": "model" if name in model.config else "default"}
        for name, value in sorted(merged.items())
        if name not in ("name", "uuid")
    }


def config_value(model: Model, name: str) -> Any:
    """A model configuration value, set or default."""
    return model.config.get(name, settings.MODEL_DEFAULTS.get(name))


def add_machine(
    session: Session, model: Model, base: str, constraints: Mapping[str, str]
) -> Machine:
    """A new machine on the first free host slot; JujuError when there is none."""
    taken = set(session.scalars(select(Machine.slot)).all())
    free = next((slot for slot in SLOTS if slot not in taken), None)
    if free is None:
        raise JujuError(f"no host is free: the lab has {len(SLOTS)}")
    wanted = {**model.constraints, **constraints}
    try:
        spec = HostSpec(
            free,
            settings.kind(wanted),
            base,
            settings.memory_mib(wanted),
            network.networks(model),
        )
    except ValueError as error:
        raise JujuError(f"cannot add a machine: {error}") from None
    machine = Machine(
        number=model.take_number("machine"),
        slot=spec.slot,
        kind=spec.kind,
        base=spec.base,
        memory_mib=spec.memory_mib,
        networks=spec.networks,
        upgrade={},
        constraints=dict(wanted),
        secret=secrets.token_urlsafe(24),
    )
    model.machines.append(machine)
    session.flush()
    return machine


def find_machine(model: Model, number: str) -> Machine:
    """The machine of this number, else JujuError."""
    for machine in model.machines:
        if str(machine.number) == number:
            return machine
    raise JujuError(f"machine {number} not found")


def collect_machine(machine: Machine) -> None:
    """Have a machine removed that has lost its last unit."""
    if not machine.units and machine.life == ALIVE:
        machine.life = DYING
        machine.agent_status = status_value("stopped")


def collect(session: Session, model: Model) -> bool:
    """Remove a dying model that is empty; True if it is gone."""
    if model.life != DYING or model.applications or model.machines:
        return False
    if current(session) == model.name:
        switch(session, "")
    session.delete(model)
    return True
