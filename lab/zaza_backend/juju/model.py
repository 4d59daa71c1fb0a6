"""The model."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from juju.application import Application
from juju.document import Document
from juju.errors import (
    JujuAppError,
    JujuConnectionError,
    JujuError,
    JujuModelError,
    JujuUnitError,
)
from juju.lab import ask, command
from juju.machine import Machine
from juju.relation import Relation
from juju.status import full_status
from juju.unit import Unit
from juju_lab import names

#: Seconds for which what was read is taken for true; what this process changes is read anew.
_FRESH = 0.2


class Connection:
    """Stands for the connection; each request makes one of its own, so it is never broken."""

    def __init__(self) -> None:
        self.is_open = True


class Model:
    """A model of the lab; `connect` says which."""

    def __init__(self, max_frame_size: int | None = None, **options: Any) -> None:
        self._connection: Connection | None = None
        self._name = ""
        self._info = Document()
        self._seen: tuple[float, dict[str, Any]] | None = None
        self._lock = threading.Lock()

    # Connecting

    async def connect(self, model_name: str | None = None, **options: Any) -> None:
        """Connect to `[controller:][owner/]model`, by default to $JUJU_MODEL or the current one.

        JujuConnectionError when it is not there.
        """
        wanted = model_name or options.get("model_name") or os.environ.get("JUJU_MODEL") or None
        try:
            ((self._name, shown),) = ask("show_model", model=wanted).items()
        except JujuError as error:
            raise JujuConnectionError(error.message) from None
        self._info = Document(
            {
                "name": self._name,
                "uuid": shown["model-uuid"],
                "type": shown["model-type"],
                "controller-uuid": shown["controller-uuid"],
                "provider-type": shown["type"],
                "cloud-tag": f"cloud-{shown['cloud']}",
                "cloud-region": shown["region"],
                "owner-tag": f"user-{shown['name'].partition('/')[0]}",
                "life": shown["life"],
                "status": Document(status=shown["status"]["current"]),
                "agent-version": shown["agent-version"],
                "default-base": "",
                "users": [],
                "machines": [],
            }
        )
        self._connection = Connection()

    async def connect_model(self, model_name: str, **options: Any) -> None:
        """Connect to a model by its name."""
        await self.connect(model_name)

    async def connect_current(self) -> None:
        """Connect to $JUJU_MODEL or the current model."""
        await self.connect()

    async def disconnect(self) -> None:
        """Have done with it."""
        if self._connection:
            self._connection.is_open = False
        self._connection = None

    def is_connected(self) -> bool:
        """Whether there is a model to ask."""
        return self._connection is not None

    def connection(self) -> Connection:
        """The connection; JujuConnectionError without one."""
        if self._connection is None:
            raise JujuConnectionError("not connected")
        return self._connection

    async def __aenter__(self) -> "Model":
        await self.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.disconnect()

    async def get_controller(self) -> Any:
        """A connected controller."""
        from juju.controller import Controller

        controller = Controller()
        await controller.connect()
        return controller

    # What there is

    @property
    def name(self) -> str:
        """The model's name."""
        self.connection()
        return self._name

    @property
    def uuid(self) -> str:
        """The model's id."""
        return self.info.uuid

    @property
    def info(self) -> Document:
        """Name, uuid, cloud … as they were when it was connected."""
        self.connection()
        return self._info

    def snapshot(self) -> dict[str, Any]:
        """The status document, not older than a moment."""
        return self._look()["document"]

    def relation_rows(self) -> list[dict[str, Any]]:
        """The relations: id, requirer, provider, interface, type."""
        return self._look()["relations"]

    def forget(self) -> None:
        """Read anew the next time: something was changed."""
        with self._lock:
            self._seen = None

    def _look(self) -> dict[str, Any]:
        with self._lock:
            if self._seen is None or time.monotonic() - self._seen[0] > _FRESH:
                answer = ask("status", model=self.name, patterns=[], utc=True)
                self._seen = (time.monotonic(), answer)
            return self._seen[1]

    @property
    def applications(self) -> dict[str, Application]:
        """The applications by name."""
        return {name: Application(name, self) for name in self.snapshot()["applications"]}

    @property
    def remote_applications(self) -> dict[str, Any]:
        """None: the lab has no relations across models."""
        return {}

    @property
    def units(self) -> dict[str, Unit]:
        """All units by name."""
        return {unit.name: unit for each in self.applications.values() for unit in each.units}

    @property
    def subordinate_units(self) -> dict[str, Unit]:
        """None: the lab has no subordinates."""
        return {}

    @property
    def machines(self) -> dict[str, Machine]:
        """The machines by number."""
        numbers = sorted(self.snapshot()["machines"], key=names.natural)
        return {number: Machine(number, self) for number in numbers}

    @property
    def relations(self) -> list[Relation]:
        """All relations, peers' too."""
        return [Relation(str(row["id"]), self) for row in self.relation_rows()]

    async def get_machines(self) -> list[str]:
        """The numbers of the machines."""
        return list(self.machines)

    async def get_status(
        self, filters: Iterable[str] | None = None, utc: bool = False
    ) -> Document:
        """The full status, of all or of what matches the filters; read anew."""
        answer = ask("status", model=self.name, patterns=list(filters or ()), utc=True)
        return full_status(answer["document"], answer["relations"])

    def all_units_idle(self) -> bool:
        """Whether no agent has anything to do."""
        return all(unit.agent_status == "idle" for unit in self.units.values())

    # Waiting

    async def block_until(
        self,
        *conditions: Callable[[], bool],
        timeout: float | None = None,
        wait_period: float = 0.5,
    ) -> None:
        """Wait until all conditions are true; TimeoutError after `timeout` seconds."""

        async def wait() -> None:
            while not all(condition() for condition in conditions):
                await asyncio.sleep(wait_period)

        await asyncio.wait_for(wait(), timeout)

    async def wait_for_idle(
        self,
        apps: Iterable[str] | None = None,
        raise_on_error: bool = True,
        raise_on_blocked: bool = False,
        wait_for_active: bool = False,
        timeout: float | None = 600,
        idle_period: float = 15,
        check_freq: float = 0.5,
        status: str | None = None,
        wait_for_at_least_units: int | None = None,
        wait_for_exact_units: int | None = None,
    ) -> None:
        """Wait until all agents (of `apps`) have been idle for a while and units are as asked."""
        wanted = "active" if wait_for_active else status
        refused = ["error"] * raise_on_error + ["blocked"] * raise_on_blocked
        fewest = wait_for_at_least_units or 1
        idle_since: float | None = None

        def settled() -> bool:
            nonlocal idle_since
            ready = all(
                self._settled(name, wanted, refused, fewest, wait_for_exact_units)
                for name in apps or self.applications
            )
            idle_since = (idle_since or time.monotonic()) if ready else None
            return idle_since is not None and time.monotonic() - idle_since >= idle_period

        await self.block_until(settled, timeout=timeout, wait_period=check_freq)

    def _settled(
        self, name: str, wanted: str | None, refused: list[str], fewest: int, exactly: int | None
    ) -> bool:
        application = self.applications.get(name)
        if application is None:
            return False
        if application.status in refused:
            raise JujuAppError(f"{name} is in {application.status}: {application.status_message}")
        units = application.units
        for unit in units:
            if unit.workload_status in refused:
                message = unit.workload_status_message
                raise JujuUnitError(f"{unit.name} is in {unit.workload_status}: {message}")
        enough = len(units) >= fewest if exactly is None else len(units) == exactly
        return enough and all(
            unit.agent_status == "idle" and wanted in (None, unit.workload_status)
            for unit in units
        )

    # Changing it

    async def deploy(
        self,
        entity_url: str,
        application_name: str | None = None,
        bind: Any = None,
        channel: str | None = None,
        config: dict[str, Any] | None = None,
        constraints: dict[str, Any] | None = None,
        force: bool = False,
        num_units: int = 1,
        overlays: Any = (),
        base: str | None = None,
        resources: Any = None,
        series: str | None = None,
        revision: int | None = None,
        storage: Any = None,
        to: Any = None,
        devices: Any = None,
        trust: bool = False,
        attach_storage: Any = (),
    ) -> Application:
        """Deploy the built charm in a directory or .charm file."""
        words = ["deploy", "-m", self.name, os.path.abspath(str(entity_url))]
        words += [application_name] if application_name else []
        words += ["-n", str(num_units)]
        words += ["--base", base] if base else []
        words += ["--to", to if isinstance(to, str) else ",".join(to)] if to else []
        words += ["--force"] * force + ["--trust"] * trust
        for option, values in (("--config", config), ("--constraints", constraints)):
            for key, value in (values or {}).items():
                words += [option, f"{key}={value}"]
        before = set(self.applications)
        await command(*words)
        self.forget()
        return self.applications[application_name or (set(self.applications) - before).pop()]

    async def integrate(self, relation1: str, relation2: str) -> Relation:
        """Relate two `application[:endpoint]`; returns the relation that is there then."""
        try:
            ask("integrate", model=self.name, first=relation1, second=relation2)
        except JujuError as error:
            if "already exists" not in error.message:
                raise
        self.forget()
        for relation in self.relations:
            if relation.matches(relation1, relation2):
                return relation
        raise JujuModelError(f"relation {relation1} {relation2} has gone again")

    relate = integrate
    add_relation = integrate

    async def destroy_units(self, *unit_names: str, **options: Any) -> None:
        """Have units leave."""
        for name in unit_names:
            await Unit(name, self).destroy(force=options.get("force", False))

    destroy_unit = destroy_units

    async def remove_application(
        self,
        app_name: str,
        block_until_done: bool = False,
        force: bool = False,
        destroy_storage: bool = False,
        no_wait: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Remove an application with its units; wait until it has gone if that is wanted."""
        name = self.name
        ask("remove_application", model=name, application=app_name, force=force, no_wait=no_wait)
        self.forget()
        if block_until_done:
            await self.block_until(lambda: app_name not in self.applications, timeout=timeout)

    async def add_machine(
        self,
        spec: str | None = None,
        constraints: dict[str, Any] | None = None,
        disks: Any = None,
        series: str | None = None,
        base: str | None = None,
    ) -> Machine:
        """Add a machine without units."""
        before = set(self.machines)
        words = ["add-machine", "-m", self.name]
        words += ["--base", base] if base else []
        for key, value in (constraints or {}).items():
            words += ["--constraints", f"{key}={value}"]
        await command(*words)
        self.forget()
        return self.machines[(set(self.machines) - before).pop()]

    # Configuration

    async def get_config(self) -> dict[str, Any]:
        """The model's configuration: each key with value and source."""
        shown = ask("model_config", model=self.name)
        return {
            key: Document(value=entry["Value"], source=entry["Source"])
            for key, entry in shown.items()
        }

    async def set_config(self, config: dict[str, Any]) -> None:
        """Set keys of the model's configuration."""
        values = {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in config.items()
        }
        ask("set_model_config", model=self.name, values=values, reset=[])

    async def get_constraints(self) -> dict[str, str]:
        """The model's constraints."""
        return ask("model_constraints", model=self.name)

    async def set_constraints(self, constraints: dict[str, Any]) -> None:
        """Replace the model's constraints."""
        values = {key: str(value) for key, value in constraints.items()}
        ask("set_model_constraints", model=self.name, values=values)

    # Tasks

    async def get_action_output(
        self, action_uuid: str, wait: float | None = None
    ) -> dict[str, Any]:
        """The results of a task that has ended; waits for that, at most so long."""

        async def ended() -> dict[str, Any]:
            while True:
                shown = ask("show_task", model=self.name, number=action_uuid)["document"]
                if "completed" in shown["timing"]:
                    return shown
                await asyncio.sleep(0.5)

        return (await asyncio.wait_for(ended(), wait)).get("results", {})

    async def get_action_status(
        self, uuid_or_prefix: str | None = None, name: str | None = None
    ) -> dict[str, str]:
        """The statuses of tasks by number: of the one with this number, or of all of an action."""
        found = {}
        for operation in ask("operations", model=self.name):
            for number, task in operation["tasks"].items():
                if number == uuid_or_prefix or (name and operation["action"].get("name") == name):
                    found[number] = task["status"]
        return found
