"""The state of everything, in one SQLite file.

Every access goes through `Store.read` or `Store.transaction`, one at a time in the whole process,
and a committed transaction wakes whoever waits in `Store.wait`. That makes the controller event
driven with a single lock, and what one transaction wrote is seen whole or not at all.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint, create_engine, delete, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.pool import StaticPool

ALIVE, DYING = "alive", "dying"


def status_value(current: str, message: str = "", data: dict | None = None) -> dict[str, Any]:
    """A status as it is stored: current, message, data and since (seconds of the epoch)."""
    return {"current": current, "message": message, "data": data or {}, "since": time.time()}


class Base(DeclarativeBase):
    """Dicts and lists are stored as JSON; assign a new value to change one."""

    type_annotation_map = {dict: JSON, list: JSON}  # noqa: RUF012 (SQLAlchemy's own protocol)


class Setting(Base):
    """A value of the controller itself, e.g. which model is current."""

    __tablename__ = "settings"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Model(Base):
    """A model; `sequences` holds the next free number of relations, machines, tasks, units,
    `spaces` the subnets of each space but alpha.
    """

    __tablename__ = "models"
    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(unique=True)
    life: Mapped[str] = mapped_column(default=ALIVE)
    since: Mapped[float] = mapped_column(default=time.time)
    config: Mapped[dict] = mapped_column(default=dict)
    constraints: Mapped[dict] = mapped_column(default=dict)
    sequences: Mapped[dict] = mapped_column(default=dict)
    spaces: Mapped[dict] = mapped_column(default=dict)
    applications: Mapped[list["Application"]] = relationship(
        back_populates="model", cascade="all, delete-orphan", order_by="Application.name"
    )
    machines: Mapped[list["Machine"]] = relationship(
        back_populates="model", cascade="all, delete-orphan", order_by="Machine.number"
    )
    relations: Mapped[list["Relation"]] = relationship(
        back_populates="model", cascade="all, delete-orphan", order_by="Relation.number"
    )
    operations: Mapped[list["Operation"]] = relationship(
        back_populates="model", cascade="all, delete-orphan", order_by="Operation.number"
    )
    secrets: Mapped[list["Secret"]] = relationship(
        back_populates="model", cascade="all, delete-orphan", order_by="Secret.id"
    )

    def take_number(self, sequence: str) -> int:
        """The next number of `sequence`; never given out again."""
        number = self.sequences.get(sequence, 0)
        self.sequences = {**self.sequences, sequence: number + 1}
        return number


class Application(Base):
    """An application; `status` is what its leader set, None while it derives from the units."""

    __tablename__ = "applications"
    __table_args__ = (UniqueConstraint("model_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))
    name: Mapped[str]
    life: Mapped[str] = mapped_column(default=ALIVE)
    charm_name: Mapped[str]
    charm_revision: Mapped[int]
    force_units: Mapped[bool] = mapped_column(default=False)
    base: Mapped[str]
    config: Mapped[dict] = mapped_column(default=dict)
    constraints: Mapped[dict] = mapped_column(default=dict)
    bindings: Mapped[dict] = mapped_column(default=dict)
    trust: Mapped[bool] = mapped_column(default=False)
    exposed: Mapped[bool] = mapped_column(default=False)
    leader: Mapped[str | None] = mapped_column(default=None)
    leader_settings: Mapped[dict] = mapped_column(default=dict)
    leader_version: Mapped[int] = mapped_column(default=0)
    status: Mapped[dict | None] = mapped_column(JSON(none_as_null=True), default=None)
    since: Mapped[float] = mapped_column(default=time.time)
    model: Mapped[Model] = relationship(back_populates="applications")
    units: Mapped[list["Unit"]] = relationship(
        back_populates="application", cascade="all, delete-orphan", order_by="Unit.number"
    )


class Machine(Base):
    """A machine of a model on one of the lab's hosts.

    It is in so many `networks` of the lab; `network` are its interfaces as found there, `tools`
    which build of the guest's programs it has, `secret` what these programs show to run a command
    in a unit's context. `upgrade` is its upgrade to another base, see `osupgrade`.
    """

    __tablename__ = "machines"
    __table_args__ = (UniqueConstraint("model_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))
    number: Mapped[int]
    slot: Mapped[int] = mapped_column(unique=True)
    kind: Mapped[str]
    base: Mapped[str]
    memory_mib: Mapped[int]
    constraints: Mapped[dict] = mapped_column(default=dict)
    life: Mapped[str] = mapped_column(default=ALIVE)
    powered: Mapped[bool] = mapped_column(default=True)
    agent_status: Mapped[dict] = mapped_column(default=lambda: status_value("pending"))
    instance_status: Mapped[dict] = mapped_column(default=lambda: status_value("pending"))
    boot_id: Mapped[str] = mapped_column(default="")
    networks: Mapped[int] = mapped_column(default=1)
    network: Mapped[list] = mapped_column(default=list)
    tools: Mapped[str] = mapped_column(default="")
    upgrade: Mapped[dict] = mapped_column(default=dict)
    secret: Mapped[str]
    model: Mapped[Model] = relationship(back_populates="machines")
    units: Mapped[list["Unit"]] = relationship(back_populates="machine", order_by="Unit.id")


class Unit(Base):
    """A unit; `agent` is the agent's own memory (uniter.Local), `state` that of state-set."""

    __tablename__ = "units"
    __table_args__ = (UniqueConstraint("application_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("applications.id"))
    machine_id: Mapped[int] = mapped_column(ForeignKey("machines.id"))
    number: Mapped[int]
    life: Mapped[str] = mapped_column(default=ALIVE)
    force_at: Mapped[float | None] = mapped_column(default=None)
    agent: Mapped[dict] = mapped_column(default=dict)
    workload_status: Mapped[dict] = mapped_column(
        default=lambda: status_value("waiting", "waiting for machine")
    )
    agent_status: Mapped[dict] = mapped_column(default=lambda: status_value("allocating"))
    workload_version: Mapped[str] = mapped_column(default="")
    lost: Mapped[bool] = mapped_column(default=False)
    resolved: Mapped[str] = mapped_column(default="")
    ports: Mapped[dict] = mapped_column(default=dict)
    state: Mapped[dict] = mapped_column(default=dict)
    application: Mapped[Application] = relationship(back_populates="units")
    machine: Mapped[Machine] = relationship(back_populates="units")

    @property
    def name(self) -> str:
        """`application/number`."""
        return f"{self.application.name}/{self.number}"

    @property
    def has_failed(self) -> bool:
        """Whether a hook has failed and is in the way of all others."""
        return bool(self.agent.get("failed"))


class Relation(Base):
    """A relation; `endpoints` are maps of application, name, role, interface and scope.

    A regular relation has its requirer first and its provider second, a peer relation has one.
    """

    __tablename__ = "relations"
    __table_args__ = (UniqueConstraint("model_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))
    number: Mapped[int]
    life: Mapped[str] = mapped_column(default=ALIVE)
    since: Mapped[float] = mapped_column(default=time.time)
    endpoints: Mapped[list]
    model: Mapped[Model] = relationship(back_populates="relations")
    bags: Mapped[list["Bag"]] = relationship(
        back_populates="relation", cascade="all, delete-orphan", order_by="Bag.id"
    )

    @property
    def is_peer(self) -> bool:
        """Whether this is an application's relation with itself."""
        return len(self.endpoints) == 1

    @property
    def key(self) -> str:
        """`requirer:endpoint provider:endpoint`."""
        return " ".join(f"{end['application']}:{end['name']}" for end in self.endpoints)

    def end_of(self, application: str) -> dict | None:
        """The endpoint on `application`'s side, or None when it has no part in this relation."""
        return next((end for end in self.endpoints if end["application"] == application), None)

    def end_facing(self, application: str) -> dict:
        """The endpoint opposite `application`; its own in a peer relation."""
        return next(
            (end for end in self.endpoints if end["application"] != application),
            self.endpoints[0],
        )

    def bag(self, owner: str) -> "Bag | None":
        """The data bag of a unit or of an application."""
        return next((bag for bag in self.bags if bag.owner == owner), None)


class Bag(Base):
    """What one unit or application wrote into a relation; `in_scope` matters for units only."""

    __tablename__ = "bags"
    __table_args__ = (UniqueConstraint("relation_id", "owner"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    relation_id: Mapped[int] = mapped_column(ForeignKey("relations.id"))
    owner: Mapped[str]
    settings: Mapped[dict] = mapped_column(default=dict)
    version: Mapped[int] = mapped_column(default=0)
    in_scope: Mapped[bool] = mapped_column(default=False)
    relation: Mapped[Relation] = relationship(back_populates="bags")

    def update(self, changes: dict[str, str]) -> bool:
        """Write `changes` (an empty value deletes); True, and a new version, if it differs."""
        merged = {key: value for key, value in {**self.settings, **changes}.items() if value}
        if merged == self.settings:
            return False
        self.settings = merged
        self.version += 1
        return True


class Operation(Base):
    """What one `juju run` or `juju exec` asked for: a task on each of its targets."""

    __tablename__ = "operations"
    __table_args__ = (UniqueConstraint("model_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))
    number: Mapped[int]
    summary: Mapped[str]
    failure: Mapped[str] = mapped_column(default="")
    enqueued: Mapped[float] = mapped_column(default=time.time)
    model: Mapped[Model] = relationship(back_populates="operations")
    tasks: Mapped[list["Task"]] = relationship(
        back_populates="operation", cascade="all, delete-orphan", order_by="Task.number"
    )


class Task(Base):
    """An action or command for one receiver, a unit's name or a machine's tag (`machine-0`).

    `unlocked` tasks (actions declared parallel) run beside whatever else runs on the machine.
    """

    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    operation_id: Mapped[int] = mapped_column(ForeignKey("operations.id"))
    number: Mapped[int]
    receiver: Mapped[str]
    name: Mapped[str]
    params: Mapped[dict] = mapped_column(default=dict)
    unlocked: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(default="pending")
    message: Mapped[str] = mapped_column(default="")
    results: Mapped[dict] = mapped_column(default=dict)
    log: Mapped[list] = mapped_column(default=list)
    enqueued: Mapped[float] = mapped_column(default=time.time)
    started: Mapped[float | None] = mapped_column(default=None)
    completed: Mapped[float | None] = mapped_column(default=None)
    operation: Mapped[Operation] = relationship(back_populates="tasks")

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will come."""
        return self.status not in ("pending", "running")


class Secret(Base):
    """A secret of an application or unit; see secretstore for its document."""

    __tablename__ = "secrets"
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))
    uri: Mapped[str] = mapped_column(unique=True)
    document: Mapped[dict]
    model: Mapped[Model] = relationship(back_populates="secrets")


class StatusRecord(Base):
    """One past status of a unit's workload or agent, an application or a machine."""

    __tablename__ = "status_history"
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int]
    entity: Mapped[str]
    kind: Mapped[str]
    status: Mapped[dict]


_HISTORY_KEPT = 100


class Store:
    """The database; use it from any thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Action parameters and data bags may hold secrets: the file is root's alone from the start
        # (SQLite gives its journal files the same mode).
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._engine = create_engine(
            f"sqlite:///{path}",
            poolclass=StaticPool,
            # Errors must not show values: they may be secrets.
            hide_parameters=True,
            connect_args={"check_same_thread": False},
        )
        event.listen(self._engine, "connect", _tune)
        Base.metadata.create_all(self._engine)
        self._condition = threading.Condition(threading.Lock())
        self._holder: int | None = None
        self.revision = 0
        """Counts all committed changes."""
        self.decisions = 0
        """Counts the changes that may give an agent something to do."""

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._holder == threading.get_ident():
            raise RuntimeError("a transaction within a transaction")
        with self._condition:
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent look at the state; nothing of it may be changed."""
        with self._alone(), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def transaction(self, *, quiet: bool = False) -> Iterator[Session]:
        """A change, committed at the end of the block unless that raises.

        `quiet` changes (status, logs) matter to those who watch the model, not to agents.
        """
        with self._alone():
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
            self.revision += 1
            if not quiet:
                self.decisions += 1
            self._condition.notify_all()

    def notify(self) -> None:
        """Wake everybody: something outside the database changed."""
        with self._condition:
            self.revision += 1
            self.decisions += 1
            self._condition.notify_all()

    def wait(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until `predicate` (called under the lock: no database in it) or the timeout."""
        with self._condition:
            return self._condition.wait_for(predicate, timeout)

    def wait_for_change(self, seen: int, timeout: float | None = None) -> int:
        """Wait until something was committed after revision `seen`; returns the revision now."""
        self.wait(lambda: self.revision != seen, timeout)
        return self.revision

    def close(self) -> None:
        """Let go of the file, once nobody is reading or writing."""
        with self._alone():
            self._engine.dispose()


def _tune(connection: Any, _record: Any) -> None:
    # A killed process loses nothing in this mode, a power cut at most the last transactions, and a
    # hook tool does not wait for the disk.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def get_setting(session: Session, name: str) -> str | None:
    """A value of the controller, None when it is not set."""
    row = session.get(Setting, name)
    return row.value if row else None


def put_setting(session: Session, name: str, value: str) -> None:
    """Set a value of the controller."""
    session.merge(Setting(name=name, value=value))


def record_status(
    session: Session, model_id: int, entity: str, kind: str, status: dict[str, Any]
) -> None:
    """Add to the history of `entity` (kind: unit, workload, application, machine …)."""
    session.add(StatusRecord(model_id=model_id, entity=entity, kind=kind, status=status))
    too_old = (
        select(StatusRecord.id)
        .filter_by(model_id=model_id, entity=entity, kind=kind)
        .order_by(StatusRecord.id.desc())
        .limit(-1)
        .offset(_HISTORY_KEPT)
    )
    session.execute(delete(StatusRecord).where(StatusRecord.id.in_(too_old)))


def status_history(
    session: Session, model_id: int, entity: str, kinds: tuple[str, ...], limit: int
) -> list[StatusRecord]:
    """The newest `limit` records of `entity`, oldest first."""
    rows = session.scalars(
        select(StatusRecord)
        .where(
            StatusRecord.model_id == model_id,
            StatusRecord.entity == entity,
            StatusRecord.kind.in_(kinds),
        )
        .order_by(StatusRecord.id.desc())
        .limit(limit)
    ).all()
    return list(reversed(rows))
