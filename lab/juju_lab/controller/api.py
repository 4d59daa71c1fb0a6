"""What the command can ask of the daemon. `model` is a reference, None for the current model."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from juju_lab import (
    AGENT_VERSION,
    CLOUD_NAME,
    CONTROLLER_NAME,
    REGION_NAME,
    USER_NAME,
    names,
)
from juju_lab.controller import (
    applications,
    charmdir,
    models,
    network,
    osupgrade,
    relations,
    secretstore,
    settings,
    status,
    tasks,
)
from juju_lab.controller.applications import Deployment
from juju_lab.controller.controller import Controller
from juju_lab.controller.logs import Filter
from juju_lab.controller.machineagent import MachineAgent
from juju_lab.controller.store import (
    ALIVE,
    DYING,
    Machine,
    Model,
    Operation,
    status_history,
)
from juju_lab.errors import JujuError
from juju_lab.hosts import HostError
from juju_lab.hosts.bases import BASES, DEFAULT_BASE, successor

_CONTROLLER_UUID = "00000000-0000-4000-8000-000000000000"
_HISTORY_KINDS = {
    "unit": ("workload", "juju-unit"),
    "workload": ("workload",),
    "juju-unit": ("juju-unit",),
    "machine": ("machine",),
    "juju-machine": ("machine",),
}


class Api:
    """Every public method is one request."""

    def __init__(self, controller: Controller, shutdown: Callable[[], None]) -> None:
        self._controller = controller
        self._world = controller.world
        self._store = controller.world.store
        self._library = controller.world.library
        self._shutdown = shutdown

    def methods(self) -> dict[str, Callable[..., Any]]:
        """The requests by name."""
        return {
            name: getattr(self, name)
            for name in dir(type(self))
            if not name.startswith("_") and name != "methods"
        }

    @contextmanager
    def _change(self, model: str | None) -> Iterator[tuple[Session, Model]]:
        with self._store.transaction() as session:
            found = models.find(session, model)
            if found.life != ALIVE:
                raise JujuError(f'model "{found.name}" is being removed')
            yield session, found

    @contextmanager
    def _look(self, model: str | None) -> Iterator[tuple[Session, Model]]:
        with self._store.read() as session:
            yield session, models.find(session, model)

    # -- the daemon -------------------------------------------------------------------------

    def ping(self) -> dict[str, Any]:
        """Whether the daemon is there, and its process id."""
        return {"pid": os.getpid()}

    def shutdown(self) -> None:
        """End the daemon; hosts go on."""
        self._shutdown()

    # -- models -----------------------------------------------------------------------------

    def add_model(self, name: str, config: Mapping[str, str], switch: bool) -> None:
        """Make a model."""
        with self._store.transaction() as session:
            models.add(session, name, config)
            if switch:
                models.switch(session, name)

    def destroy_model(self, model: str, force: bool) -> Iterator[dict[str, int]]:
        """Remove a model with all that is in it; tells how much is left until it is gone."""
        with self._store.transaction() as session:
            found = models.find(session, model)
            name = found.name
            found.life = DYING
            for application in list(found.applications):
                applications.remove_application(
                    session, found, application.name, force=force, no_wait=force
                )
            for machine in found.machines:
                models.collect_machine(machine)
        while True:
            seen = self._store.revision
            with self._store.read() as session:
                left = session.scalar(select(Model).where(Model.name == name))
                if left is None:
                    return
                counts = {
                    "machines": len(left.machines),
                    "applications": len(left.applications),
                }
            yield counts
            self._store.wait_for_change(seen)

    def models(self) -> dict[str, Any]:
        """What `juju models` prints."""
        with self._store.read() as session:
            return {
                "models": [self._model_summary(each) for each in models.every(session)],
                "current-model": models.current(session),
            }

    def show_model(self, model: str | None) -> dict[str, Any]:
        """What `juju show-model` prints."""
        with self._look(model) as (_, found):
            document = self._model_summary(found) | {
                "users": {USER_NAME: {"access": "admin", "last-connection": "just now"}},
                "machines": {str(machine.number): {"cores": 1} for machine in found.machines},
                "sla": "unsupported",
                "credential": {"name": "default", "owner": USER_NAME, "cloud": CLOUD_NAME},
            }
            for key in ("access", "last-connection"):
                del document[key]
            return {found.name: document}

    def _model_summary(self, model: Model) -> dict[str, Any]:
        return {
            "name": f"{USER_NAME}/{model.name}",
            "short-name": model.name,
            "model-uuid": model.uuid,
            "model-type": "iaas",
            "controller-uuid": _CONTROLLER_UUID,
            "controller-name": CONTROLLER_NAME,
            "is-controller": False,
            "cloud": CLOUD_NAME,
            "region": REGION_NAME,
            "type": "lab",
            "life": model.life,
            "status": {
                "current": "available" if model.life == ALIVE else "destroying",
                "since": status.timestamp(model.since, utc=True),
            },
            "access": "admin",
            "last-connection": "just now",
            "agent-version": AGENT_VERSION,
        }

    def current_model(self) -> str:
        """The name of the current model, empty without one."""
        with self._store.read() as session:
            return models.current(session)

    def switch(self, model: str) -> dict[str, str]:
        """Make a model the current one; returns the former and the new one."""
        with self._store.transaction(quiet=True) as session:
            former = models.current(session)
            try:
                found = models.find(session, model)
            except JujuError:
                raise JujuError(f'"{model}" is not the name of a model or controller') from None
            models.switch(session, found.name)
            return {"former": former, "current": found.name}

    def model_config(self, model: str | None) -> dict[str, Any]:
        """What `juju model-config` prints."""
        with self._look(model) as (_, found):
            return models.config_document(found)

    def set_model_config(
        self, model: str | None, values: Mapping[str, str], reset: Sequence[str]
    ) -> None:
        """Change the model's configuration."""
        with self._change(model) as (_, found):
            models.set_config(found, values, reset)

    def model_constraints(self, model: str | None) -> dict[str, str]:
        """What `juju model-constraints` prints."""
        with self._look(model) as (_, found):
            return found.constraints

    def set_model_constraints(self, model: str | None, values: Mapping[str, str]) -> None:
        """Replace the model's constraints."""
        with self._change(model) as (_, found):
            found.constraints = settings.constraints(values)

    # -- spaces -----------------------------------------------------------------------------

    def add_space(self, model: str | None, name: str, subnets: Sequence[str]) -> None:
        """Make a space of subnets; machines made from then on are in all the lab's networks."""
        with self._change(model) as (_, found):
            network.add_space(found, name, subnets)

    def spaces(self, model: str | None) -> dict[str, list[str]]:
        """The model's spaces with their subnets."""
        with self._look(model) as (_, found):
            return network.spaces(found)

    def bind(self, model: str | None, application: str, bindings: Mapping[str, str]) -> None:
        """Move endpoints of an application to other spaces."""
        with self._change(model) as (_, found):
            wanted = relations.find_application(found, application)
            applications.bind(wanted, self._library.charm(wanted), bindings)

    # -- applications -----------------------------------------------------------------------

    def base_for(self, model: str | None, charm: str, base: str, force: bool) -> str:
        """The base that `deploy` of the charm at this path would take."""
        described = charmdir.peek(Path(charm))
        with self._look(model) as (_, found):
            return applications.choose_base(found, described, base, force=force)

    def deploy(self, model: str | None, charm: str, **wish: Any) -> dict[str, Any]:
        """Deploy a charm; the other arguments are those of `Deployment`."""
        with self._library.staged(Path(charm)) as staged, self._change(model) as change:
            made = applications.deploy(
                change[0], self._library, change[1], staged, Deployment(**wish)
            )
            return {
                "application": made.name,
                "charm": made.charm_name,
                "revision": made.charm_revision,
                "base": made.base,
            }

    def add_unit(
        self, model: str | None, application: str, count: int, to: Sequence[str]
    ) -> list[str]:
        """Add units; returns their names."""
        with self._change(model) as (session, found):
            wanted = relations.find_application(found, application)
            return [unit.name for unit in applications.add_units(session, wanted, count, to)]

    def remove_unit(self, model: str | None, unit: str, force: bool, no_wait: bool) -> None:
        """Have a unit leave."""
        with self._change(model) as (session, found):
            applications.remove_unit(session, found, unit, force=force, no_wait=no_wait)

    def remove_application(
        self, model: str | None, application: str, force: bool, no_wait: bool
    ) -> list[str]:
        """Have an application leave; returns the units that go with it."""
        with self._change(model) as (session, found):
            wanted = relations.find_application(found, application)
            units = [unit.name for unit in wanted.units]
            applications.remove_application(
                session, found, application, force=force, no_wait=no_wait
            )
            return units

    def integrate(self, model: str | None, first: str, second: str) -> str:
        """Relate two applications; returns the relation's key."""
        with self._change(model) as (_, found):
            charms = self._library.charms(found)
            return relations.integrate(found, charms, first, second).key

    def remove_relation(self, model: str | None, ends: Sequence[str], force: bool) -> None:
        """Remove the relation between two applications, or the one of a number."""
        with self._change(model) as (session, found):
            if len(ends) == 1:
                relation = next(
                    (each for each in found.relations if str(each.number) == ends[0]), None
                )
                if relation is None:
                    raise JujuError(f"relation {ends[0]} not found")
            else:
                relation = relations.find(found, self._library.charms(found), *ends)
            if relation.is_peer:
                raise JujuError(f'cannot remove relation "{relation.key}": is a peer relation')
            relations.destroy(relation, force=force)
            applications.collect_all(session, found)

    def config(self, model: str | None, application: str) -> dict[str, Any]:
        """What `juju config` prints."""
        with self._look(model) as (_, found):
            wanted = relations.find_application(found, application)
            return applications.config_document(wanted, self._library.charm(wanted))

    def set_config(
        self,
        model: str | None,
        application: str,
        values: Mapping[str, Any],
        reset: Sequence[str],
    ) -> None:
        """Change an application's configuration."""
        with self._change(model) as (_, found):
            wanted = relations.find_application(found, application)
            applications.set_config(wanted, self._library.charm(wanted), values, reset)

    def set_exposed(self, model: str | None, application: str, exposed: bool) -> None:
        """Open an application's ports to the world, or close them."""
        with self._change(model) as (_, found):
            relations.find_application(found, application).exposed = exposed

    def refresh(
        self, model: str | None, application: str, path: str, force_units: bool
    ) -> dict[str, Any]:
        """Upgrade an application's charm."""
        with self._library.staged(Path(path)) as staged, self._change(model) as (_, found):
            wanted = relations.find_application(found, application)
            applications.refresh(self._library, wanted, staged, force_units=force_units)
            return {"charm": wanted.charm_name, "revision": wanted.charm_revision}

    def resolved(self, model: str | None, units: Sequence[str], every: bool, retry: bool) -> None:
        """Have failed hooks run again, or be taken as done."""
        with self._change(model) as (_, found):
            for unit in applications.units_in_error(found) if every else units:
                applications.resolve(found, unit, retry=retry)

    # -- machines ---------------------------------------------------------------------------

    def add_machine(
        self, model: str | None, base: str, constraints: Mapping[str, str], count: int
    ) -> list[str]:
        """Add machines without units; returns their numbers."""
        wanted = base.removesuffix("/stable") or DEFAULT_BASE
        if wanted not in BASES:
            raise JujuError(f'base "{wanted}" is not one of the lab\'s: {", ".join(BASES)}')
        with self._change(model) as (session, found):
            checked = settings.constraints(constraints)
            added = [models.add_machine(session, found, wanted, checked) for _ in range(count)]
            return [str(machine.number) for machine in added]

    def remove_machine(self, model: str | None, machine: str, force: bool) -> None:
        """Remove a machine, with its units only by `force`."""
        with self._change(model) as (session, found):
            wanted = models.find_machine(found, machine)
            if wanted.units and not force:
                held = ", ".join(unit.name for unit in wanted.units)
                raise JujuError(f"machine {machine} has unit(s) {held} assigned")
            for unit in list(wanted.units):
                applications.delete_unit(session, unit)
            models.collect_machine(wanted)

    def prepare_upgrade(
        self, model: str | None, machine: str, base: str, force: bool
    ) -> Iterator[str]:
        """Have the units of a machine get ready for another base; tells what they do."""
        with self._change(model) as (_, found):
            row = models.find_machine(found, machine)
            osupgrade.prepare(row, self._library.charms(found), base, force=force)
            started = f'machine-{machine} started upgrade from "{row.base}" to "{base}"'
        yield started
        yield from self._upgrade_hooks(model, machine, prepared=True)
        yield f"machine-{machine} binaries and service files written"

    def complete_upgrade(self, model: str | None, machine: str) -> Iterator[str]:
        """Have the units of a machine go on after its upgrade; tells what they do."""
        with self._change(model) as (_, found):
            osupgrade.complete(models.find_machine(found, machine))
        yield f"machine-{machine} complete phase started"
        yield from self._upgrade_hooks(model, machine, prepared=False)
        yield f"machine-{machine} series upgrade complete"

    def _upgrade_hooks(self, model: str | None, machine: str, *, prepared: bool) -> Iterator[str]:
        hook = osupgrade.HOOKS[prepared]
        told: set[str] = set()
        while True:
            seen = self._store.revision
            with self._look(model) as (_, found):
                units = models.find_machine(found, machine).units
                done = {unit.name for unit in units if osupgrade.is_prepared(unit) == prepared}
                waiting = {unit.name for unit in units} - done
            for name in sorted(done - told):
                yield f"{name} {hook} completed"
            told |= done
            if not waiting:
                return
            self._store.wait_for_change(seen)

    def release_upgrade(self, model: str | None, machine: str) -> dict[str, str]:
        """From which base to which a machine's host can be upgraded."""
        with self._look(model) as (_, found):
            host = self._agent(models.find_machine(found, machine)).host
        target = successor(host.release)
        if target is None:
            raise JujuError(f"machine {machine} has {host.release}: the lab has no later base")
        return {"from": host.release, "to": target}

    def upgrade_release(self, model: str | None, machine: str) -> None:
        """Stop a machine's host in order, bring its disk to the next base, and start it."""
        target = self.release_upgrade(model, machine)["to"]
        with self._change(model) as (_, found):
            row = models.find_machine(found, machine)
            row.powered = False
            agent = self._agent(row)
        try:
            agent.host.shutdown()
            agent.host.upgrade(target)
        except HostError as error:
            raise JujuError(str(error)) from None
        finally:
            self.power(model, machine, True)

    def hosts(self) -> list[dict[str, Any]]:
        """All hosts of the lab, of whatever model."""
        with self._store.read() as session:
            rows = session.scalars(select(Machine).order_by(Machine.slot)).all()
            return [
                {
                    "host": f"host-{row.slot}",
                    "address": self._agent(row).host.address,
                    "kind": row.kind,
                    "base": row.base,
                    "memory": row.memory_mib,
                    "running": self._agent(row).host.running,
                    "status": row.agent_status["current"],
                    "model": row.model.name,
                    "machine": str(row.number),
                    "units": [unit.name for unit in row.units],
                }
                for row in rows
                if self._controller.machine(row.id)
            ]

    def power(self, model: str | None, machine: str, on: bool) -> None:
        """Give a machine's host power, or cut it."""
        with self._change(model) as (_, found):
            row = models.find_machine(found, machine)
            row.powered = on
            agent = self._agent(row)
        if on:
            agent.power_on()
        else:
            agent.power_off()

    def link(self, model: str | None, machine: str, up: bool) -> None:
        """Plug a host's network in, or pull it."""
        with self._look(model) as (_, found):
            agent = self._agent(models.find_machine(found, machine))
        agent.host.set_link(up)

    def kill_agent(self, model: str | None, machine: str) -> None:
        """End a machine's agent with all that runs under it, and start it again."""
        with self._look(model) as (_, found):
            machine_id = models.find_machine(found, machine).id
        self._controller.kill_agent(machine_id)

    def console(self, model: str | None, machine: str) -> str:
        """The file with what a machine's host said on its console."""
        with self._look(model) as (_, found):
            return str(self._agent(models.find_machine(found, machine)).host.console)

    def ssh_argv(self, model: str | None, target: str, user: str, tty: bool) -> list[str]:
        """Command line of an ssh to a unit's or machine's host, up to the destination."""
        with self._look(model) as (_, found):
            agent = self._agent(self._target_machine(found, target))
        return agent.host.ssh_argv(user=user, tty=tty)

    def _target_machine(self, model: Model, target: str) -> Machine:
        if names.is_machine(target):
            return models.find_machine(model, target)
        application, slash, part = target.partition("/")
        if slash and part == "leader":
            leader = relations.find_application(model, application).leader
            if not leader:
                raise JujuError(f'could not determine leader for "{application}"')
            target = leader
        return relations.find_unit(model, target).machine

    def _agent(self, machine: Machine) -> MachineAgent:
        agent = self._controller.machine(machine.id)
        if agent is None:
            raise JujuError(f"machine {machine.number} is not there yet")
        return agent

    # -- operations -------------------------------------------------------------------------

    def run(
        self, model: str | None, units: Sequence[str], action: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Enqueue an action on units."""
        with self._store.transaction() as session:
            found = models.find(session, model)
            try:
                operation = tasks.enqueue_action(found, self._library, units, action, params)
            except tasks.Failures as failure:
                return {"operation": failure.operation, "tasks": [], "failures": failure.reasons}
            session.flush()
            return self._enqueued(operation)

    def exec(self, model: str | None, command: str, **targets: Any) -> dict[str, Any]:
        """Enqueue a command; `targets` are units, applications, machines, every_machine."""
        with self._change(model) as (session, found):
            operation = tasks.enqueue_exec(found, command=command, **targets)
            session.flush()
            return self._enqueued(operation)

    def _enqueued(self, operation: Operation) -> dict[str, Any]:
        return {
            "operation": operation.number,
            "id": operation.id,
            "tasks": [
                {"id": str(task.number), "receiver": task.receiver} for task in operation.tasks
            ],
            "failures": [],
        }

    def watch_tasks(self, operation: int, timeout: float | None) -> Iterator[dict[str, Any]]:
        """Progress of an operation (by row id): its new log lines, and at last all its tasks."""
        deadline = None if timeout is None else time.monotonic() + timeout
        told: dict[int, int] = {}
        while True:
            seen = self._store.revision
            with self._store.read() as session:
                row = session.get(Operation, operation)
                found = list(row.tasks) if row else []
            for task in found:
                for line in task.log[told.get(task.id, 0) :]:
                    yield {"task": str(task.number), "message": line["message"]}
                told[task.id] = len(task.log)
            left = None if deadline is None else deadline - time.monotonic()
            done = all(task.is_finished for task in found)
            if done or (left is not None and left <= 0):
                yield {"tasks": {task.receiver: tasks.task_document(task) for task in found}}
                return
            self._store.wait_for_change(seen, left)

    def actions(self, model: str | None, application: str) -> dict[str, Any]:
        """The actions of an application's charm, with their schemas."""
        with self._look(model) as (_, found):
            charm = self._library.charm(relations.find_application(found, application))
        return {
            name: tasks.parameter_schema(definition, name)
            for name, definition in sorted(charm.actions.items())
        }

    def operations(self, model: str | None) -> list[dict[str, Any]]:
        """All operations of a model."""
        with self._look(model) as (_, found):
            return [
                {"id": str(each.number), **tasks.operation_document(each)}
                for each in found.operations
            ]

    def show_operation(self, model: str | None, number: str) -> dict[str, Any]:
        """One operation; its row id is in `row`, for `watch_tasks`."""
        with self._look(model) as (_, found):
            operation = tasks.find_operation(found, number)
            return {"row": operation.id, "document": tasks.operation_document(operation)}

    def show_task(self, model: str | None, number: str) -> dict[str, Any]:
        """One task; the row id of its operation is in `row`."""
        with self._look(model) as (session, found):
            task = tasks.find_task(session, found, number)
            return {"row": task.operation_id, "document": tasks.task_document(task)}

    def cancel_task(self, model: str | None, number: str) -> dict[str, Any]:
        """Cancel a task that has not begun."""
        with self._change(model) as (session, found):
            task = tasks.find_task(session, found, number)
            tasks.cancel(task)
            return tasks.task_document(task)

    # -- looking ----------------------------------------------------------------------------

    def status(self, model: str | None, patterns: Sequence[str], utc: bool) -> dict[str, Any]:
        """The status document, and the relations for its table."""
        with self._look(model) as (_, found):
            document = status.StatusDocument(found, utc=utc, patterns=patterns)
            return {"document": document.build(), "relations": document.relations()}

    def show_unit(self, model: str | None, units: Sequence[str]) -> dict[str, Any]:
        """What `juju show-unit` prints."""
        with self._look(model) as (_, found):
            return {name: status.show_unit(relations.find_unit(found, name)) for name in units}

    def show_application(self, model: str | None, wanted: Sequence[str]) -> dict[str, Any]:
        """What `juju show-application` prints."""
        with self._look(model) as (_, found):
            return {
                name: status.show_application(relations.find_application(found, name))
                for name in wanted
            }

    def secrets(self, model: str | None, owner: str) -> dict[str, Any]:
        """What `juju secrets` prints."""
        with self._look(model) as (_, found):
            return {
                uri: secretstore.show(document)
                for uri, document in secretstore.load(found).items()
                if not owner or document["owner"] == owner.removeprefix("application-")
            }

    def show_secret(
        self,
        model: str | None,
        secret: str,
        reveal: bool,
        revision: int | None,
        revisions: bool,
    ) -> dict[str, Any]:
        """What `juju show-secret` prints; the content only when asked for."""
        with self._look(model) as (_, found):
            uri, document = secretstore.find(found, secret)
            shown = secretstore.show(document, revisions=revisions)
            if reveal:
                shown["content"] = {"Data": secretstore.content(document, revision)}
            return {uri: shown}

    def status_log(
        self, model: str | None, entity: str, kind: str, limit: int, utc: bool
    ) -> list[dict[str, str]]:
        """Past statuses of a unit (kind unit, workload, juju-unit) or machine."""
        with self._look(model) as (session, found):
            if kind.endswith("machine"):
                entity = f"machine-{models.find_machine(found, entity).number}"
            else:
                relations.find_unit(found, entity)
            rows = status_history(session, found.id, entity, _HISTORY_KINDS[kind], limit)
            return [
                {
                    "time": status.timestamp(row.status["since"], utc=utc),
                    "type": row.kind,
                    "status": row.status["current"],
                    "message": row.status["message"],
                }
                for row in rows
            ]

    def wait_change(self, revision: int, timeout: float) -> int:
        """Returns the revision of the state once it is another one, or after `timeout` s."""
        return self._store.wait_for_change(revision, timeout)

    def debug_log(
        self,
        model: str | None,
        wanted: Mapping[str, Any],
        last: int | None,
        limit: int | None,
        follow: bool,
    ) -> Iterator[dict[str, Any]]:
        """Lines of the model's log; `wanted` are the arguments of `Filter`."""
        with self._look(model) as (_, found):
            log = self._world.log_of(found.uuid)
        return log.read(
            Filter(**wanted),
            last=last,
            limit=limit,
            follow=follow,
            alive=lambda: not self._world.stopping,
        )
