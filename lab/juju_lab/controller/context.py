"""What one hook, action or command sees and has written: a transaction of its own.

Data bags, ports and state are buffered here and written together by `flush` when the hook
succeeded; statuses, leader settings and log lines take effect at once.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from juju_lab import names
from juju_lab.controller import charmdir, leadership, secretstore
from juju_lab.controller.store import (
    DYING,
    Relation,
    Store,
    Task,
    Unit,
    record_status,
    status_value,
)
from juju_lab.controller.uniter import BROKEN, DEPARTED, JOINED, Hook, Local
from juju_lab.errors import JujuError, UsageError

_DENIED = "permission denied"

Log = Callable[[str, str, str], None]
"""Takes a level, a module and a message."""


@dataclass(frozen=True)
class UnitIdentity:
    """Which unit a context belongs to: its row, names, charm and what it may ask for."""

    id: int
    name: str
    charm: charmdir.Charm

    @property
    def application(self) -> str:
        """The application's name."""
        return names.application_of(self.name)


@dataclass
class ActionData:
    """An action's parameters and what it has reported so far; `task_id` is its row."""

    task_id: int
    number: int
    name: str
    params: Mapping[str, Any]
    results: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None


class Context:
    """One run of charm code; the hook tools of that run act on it.

    `told` is the agent's memory before the run: which remote units the charm knows of.
    """

    def __init__(
        self,
        store: Store,
        unit: UnitIdentity,
        told: Local,
        *,
        log: Log,
        hook: Hook | None = None,
        action: ActionData | None = None,
    ) -> None:
        self.id = f"{unit.name}-{hook.name if hook else 'run'}-{secrets.token_urlsafe(24)}"
        self.store = store
        self.unit = unit
        self.told = told
        self.hook = hook
        self.action = action
        self.log = log
        self.lock = threading.Lock()
        self.status_was_set = False
        self.reboot = ""
        self.kill: Callable[[], None] = lambda: None
        self._bags: dict[tuple[int, str], dict[str, str]] = {}
        self._seen: dict[tuple[int, str], dict[str, str]] = {}
        self._opened: list[tuple[str, str]] = []
        self._closed: list[tuple[str, str]] = []
        self._state: dict[str, str] = {}
        self._secrets: list[secretstore.Change] = []

    # -- rows -------------------------------------------------------------------------------

    def row(self, session: Session) -> Unit:
        """The unit's row; JujuError when the unit has been removed by force."""
        unit = session.get(Unit, self.unit.id)
        if unit is None:
            raise JujuError(f'unit "{self.unit.name}" not found')
        return unit

    def is_leader(self) -> bool:
        """Whether the unit is its application's leader at this moment."""
        with self.store.read() as session:
            return leadership.is_leader(self.row(session))

    # -- relations --------------------------------------------------------------------------

    def relation_number(self, text: str | None, option: str = "-r") -> int:
        """The relation meant by `ep:N`, `N` or, when None, the hook's own relation."""
        if text is None:
            if self.hook is None or self.hook.relation is None:
                raise UsageError("no relation id specified")
            return self.hook.relation
        number = text.rsplit(":", 1)[-1]
        if not (number.isascii() and number.isdigit()):
            raise UsageError(f'invalid value "{text}" for option {option}: invalid relation id')
        with self.store.read() as session:
            if self._joined(session, int(number)) is None:
                raise UsageError(f'invalid value "{text}" for option {option}: relation not found')
        return int(number)

    def relation_ids(self, endpoint: str) -> list[str]:
        """Ids of the relations on `endpoint`, in the order of their text."""
        with self.store.read() as session:
            return sorted(
                f"{endpoint}:{relation.number}"
                for relation in self.row(session).application.model.relations
                if self._own_endpoint(relation) == endpoint
                and self._joined(session, relation.number)
                and not self._is_breaking(relation)
            )

    def relation_members(self, number: int) -> list[str]:
        """The remote units whose joined hook has begun, without one that is departing."""
        known = self.told.relations.get(number)
        members = set(known.members) if known else set()
        hook = self.hook
        if hook and hook.relation == number:
            if hook.kind == JOINED:
                members.add(hook.remote_unit)
            elif hook.kind == DEPARTED:
                members.discard(hook.remote_unit)
            elif hook.kind == BROKEN:
                members.clear()
        return sorted(members, key=names.natural)

    def relation_app(self, number: int) -> str:
        """The application on the other side; one's own in a peer relation."""
        with self.store.read() as session:
            relation = self._joined(session, number)
            if relation is None:
                raise JujuError(_DENIED)
            return relation.end_facing(self.unit.application)["application"]

    def read_bag(self, number: int, owner: str) -> dict[str, str]:
        """The data bag of a unit or application as this context sees it.

        Raises JujuError `permission denied` where Juju's access rules forbid it.
        """
        with self.store.read() as session:
            relation = self._joined(session, number)
            if relation is None:
                raise JujuError(_DENIED)
            self._check_readable(session, relation, owner)
            key = (number, owner)
            if key not in self._seen:
                bag = relation.bag(owner)
                self._seen[key] = dict(bag.settings) if bag else {}
        return _merged(self._seen[key], self._bags.get(key, {}))

    def write_bag(self, number: int, changes: Mapping[str, str], *, app: bool) -> None:
        """Buffer `changes` to the own bag of the unit or, for the leader, of the application."""
        owner = self.unit.application if app else self.unit.name
        with self.store.read() as session:
            if self._joined(session, number) is None:
                raise JujuError(_DENIED)
            if app and not leadership.is_leader(self.row(session)):
                raise JujuError("cannot write relation settings")
        self._bags.setdefault((number, owner), {}).update(changes)

    def _own_endpoint(self, relation: Relation) -> str | None:
        end = relation.end_of(self.unit.application)
        return end["name"] if end else None

    def _joined(self, session: Session, number: int) -> Relation | None:
        """The relation if this unit has entered its scope."""
        for relation in self.row(session).application.model.relations:
            if relation.number == number:
                bag = relation.bag(self.unit.name)
                return relation if bag and bag.in_scope else None
        return None

    def _is_breaking(self, relation: Relation) -> bool:
        if relation.is_peer:
            return False
        hook = self.hook
        if hook and hook.relation == relation.number and hook.kind == BROKEN:
            return True
        # A unit counts as a member until its departed hook has ended.
        known = self.told.relations.get(relation.number)
        return relation.life == DYING and not (known and known.members)

    def _check_readable(self, session: Session, relation: Relation, owner: str) -> None:
        mine = self.unit.application
        if owner == mine:
            allowed = relation.is_peer or leadership.is_leader(self.row(session))
        elif owner == self.unit.name:
            allowed = True
        else:
            theirs = relation.end_facing(mine)["application"]
            allowed = names.application_of(owner) == theirs and (
                owner == theirs or relation.bag(owner) is not None
            )
        if not allowed:
            raise JujuError(_DENIED)

    # -- configuration, leader settings, state ----------------------------------------------

    def config(self) -> dict[str, Any]:
        """Every option of the charm with its value, None for one without value or default."""
        with self.store.read() as session:
            settings = self.row(session).application.config
        return {
            name: settings.get(name, option.get("default"))
            for name, option in self.unit.charm.options.items()
        }

    def leader_settings(self) -> dict[str, str]:
        """What the leader shared by leader-set."""
        with self.store.read() as session:
            return dict(self.row(session).application.leader_settings)

    def write_leader_settings(self, changes: Mapping[str, str]) -> None:
        """Set leader settings at once; JujuError for anybody but the leader."""
        with self.store.transaction() as session:
            unit = self.row(session)
            if not leadership.is_leader(unit):
                raise JujuError(
                    "cannot write leadership settings: cannot write settings: not the leader"
                )
            leadership.write_settings(unit.application, changes)

    def state(self) -> dict[str, str]:
        """What state-set keeps for the unit, with what this context wrote."""
        with self.store.read() as session:
            kept = dict(self.row(session).state)
        return _merged(kept, self._state)

    def write_state(self, changes: Mapping[str, str]) -> None:
        """Buffer changes of the unit's state; an empty value deletes."""
        self._state.update(changes)

    # -- secrets ----------------------------------------------------------------------------

    def secrets(self) -> dict[str, secretstore.Document]:
        """The model's secrets by identifier, with what this context wrote."""
        with self.store.read() as session:
            there = secretstore.load(self.row(session).application.model)
        documents = {uri: dict(document) for uri, document in there.items()}
        for change in self._secrets:
            change(documents)
        return documents

    def manages_secret(self, document: secretstore.Document) -> bool:
        """Whether the unit may change a secret."""
        return secretstore.manages(document, self.unit.name, leads=self.is_leader())

    def may_read_secret(self, document: secretstore.Document) -> bool:
        """Whether the unit may read a secret's content."""
        with self.store.read() as session:
            model = self.row(session).application.model
            return secretstore.reads(document, self.unit.name, model)

    def change_secret(self, change: secretstore.Change) -> None:
        """Buffer a change; JujuError if it is not possible now."""
        change(self.secrets())
        self._secrets.append(change)

    # -- status -----------------------------------------------------------------------------

    def set_status(self, current: str, message: str) -> None:
        """Set the unit's workload status, at once."""
        self.status_was_set = True
        with self.store.transaction(quiet=True) as session:
            unit = self.row(session)
            unit.workload_status = status_value(current, message)
            record_status(
                session, unit.application.model_id, unit.name, "workload", unit.workload_status
            )

    def set_application_status(self, current: str, message: str) -> None:
        """Set the application's status, at once; JujuError for anybody but the leader."""
        with self.store.transaction(quiet=True) as session:
            unit = self.row(session)
            if not leadership.is_leader(unit):
                raise JujuError(
                    "setting application status: "
                    f'"{unit.name}" is not leader of "{self.unit.application}": '
                    "this unit is not the leader"
                )
            unit.application.status = status_value(current, message)

    def set_workload_version(self, version: str) -> None:
        """Set the version that status shows for the application, at once."""
        with self.store.transaction(quiet=True) as session:
            self.row(session).workload_version = version

    # -- ports ------------------------------------------------------------------------------

    def open_port(self, endpoint: str, port: str) -> None:
        """Buffer the opening of a port range on `endpoint`, the empty name being all of them."""
        self._closed = [each for each in self._closed if each != (endpoint, port)]
        self._opened.append((endpoint, port))

    def close_port(self, endpoint: str, port: str) -> None:
        """Buffer the closing of a port range."""
        self._opened = [each for each in self._opened if each != (endpoint, port)]
        self._closed.append((endpoint, port))

    def committed_ports(self) -> dict[str, list[str]]:
        """Port ranges by endpoint that earlier hooks opened; not those of this one."""
        with self.store.read() as session:
            return dict(self.row(session).ports)

    def neighbours_ports(self) -> dict[str, list[str]]:
        """Port ranges opened by the other units of the machine, by unit."""
        with self.store.read() as session:
            return {
                unit.name: [port for ports in unit.ports.values() for port in ports]
                for unit in self.row(session).machine.units
                if unit.id != self.unit.id
            }

    # -- actions ----------------------------------------------------------------------------

    def running_action(self) -> ActionData:
        """The action of this context; JujuError in a hook."""
        if self.action is None:
            raise JujuError("not running an action")
        return self.action

    def log_progress(self, message: str) -> None:
        """Add a line to the action's log, seen at once by whoever waits for the action."""
        action = self.running_action()
        with self.store.transaction(quiet=True) as session:
            task = session.get(Task, action.task_id)
            if task is not None:
                task.log = [*task.log, {"message": message, "time": time.time()}]

    # -- the end ----------------------------------------------------------------------------

    def flush(self, session: Session) -> None:
        """Write everything buffered, within the caller's transaction.

        Raises JujuError when a buffered write is no longer allowed: leadership was lost meanwhile.
        """
        unit = self.row(session)
        relations = {each.number: each for each in unit.application.model.relations}
        for (number, owner), changes in self._bags.items():
            if owner == self.unit.application and not leadership.is_leader(unit):
                raise JujuError("cannot write relation settings: not the leader")
            if number in relations:
                relations[number].bag(owner).update(dict(changes))
        if self._state:
            unit.state = _merged(unit.state, self._state)
        if self._secrets:
            secretstore.save(unit.application.model, self._secrets)
        unit.ports = self._flushed_ports(unit.ports)

    def _flushed_ports(self, ports: Mapping[str, list[str]]) -> dict[str, list[str]]:
        after = {endpoint: set(opened) for endpoint, opened in ports.items()}
        for endpoint, port in self._closed:
            affected = after.values() if not endpoint else [after.get(endpoint, set())]
            for opened in affected:
                opened.discard(port)
        for endpoint, port in self._opened:
            after.setdefault(endpoint, set()).add(port)
        return {endpoint: sorted(opened) for endpoint, opened in after.items() if opened}


def _merged(kept: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in {**kept, **changes}.items() if value}
