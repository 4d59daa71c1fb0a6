"""One unit: a thread that runs its next operation until the unit is gone."""

import hashlib
import json
import logging
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from juju_lab import durations, names
from juju_lab.controller import (
    applications,
    charmdir,
    leadership,
    models,
    osupgrade,
    relations,
    tasks,
    uniter,
)
from juju_lab.controller.charmdir import Charm
from juju_lab.controller.context import ActionData, Context, UnitIdentity
from juju_lab.controller.logs import LineSplitter
from juju_lab.controller.machineagent import MachineAgent
from juju_lab.controller.runner import Exit, HostLost, Surroundings, environment, unit_run_name
from juju_lab.controller.store import (
    ALIVE,
    DYING,
    Relation,
    Task,
    Unit,
    record_status,
    status_value,
)
from juju_lab.controller.uniter import (
    BROKEN,
    CREATED,
    Finish,
    Hook,
    Leave,
    Local,
    Operation,
    Remote,
    RemoteRelation,
    Resign,
    RunTask,
    Skip,
    Unpack,
)
from juju_lab.controller.world import World
from juju_lab.errors import JujuError

_LOG = logging.getLogger(__name__)
_MODULE = "juju.worker.uniter"
_IMPLIED = {
    "install": ("maintenance", "installing charm software"),
    "stop": ("maintenance", "stopping charm software"),
    "remove": ("maintenance", "cleaning up prior to charm deletion"),
}


@dataclass(frozen=True)
class _Step:
    """An operation with what it was decided on."""

    operation: Operation | None
    local: Local
    remote: Remote
    around: Surroundings
    charm: Charm
    unlocked: bool = False


class UnitAgent(threading.Thread):
    """Runs until its unit is removed."""

    def __init__(self, world: World, unit: Unit, machine: MachineAgent) -> None:
        super().__init__(name=names.unit_tag(unit.name), daemon=True)
        self.unit_id = unit.id
        self.unit_name = unit.name
        self._world = world
        self._store = world.store
        self._machine = machine
        self._log = world.log_of(unit.application.model.uuid).writer(names.unit_tag(unit.name))
        self._is_new = True
        self._retry_at: float | None = None
        self._update_status_at: float | None = None

    def run(self) -> None:
        """Do what there is to do, then wait for a change."""
        while not self._world.stopping:
            seen = self._store.decisions
            try:
                if self._is_new:
                    self._restart()
                    self._is_new = False
                if self._work():
                    continue
                if self._is_gone():
                    return
            except HostLost as error:
                _LOG.warning("%s: %s", self.unit_name, error)
                self._fail_interrupted_tasks()
                self._machine.suspect()
            except Exception:
                _LOG.exception("agent of %s failed", self.unit_name)
                time.sleep(1)
            self._store.wait(
                lambda seen=seen: (
                    self._store.decisions != seen or self._is_new or self._world.stopping
                ),
                self._until_timer(),
            )

    def is_on(self, machine: MachineAgent) -> bool:
        """Whether its unit is on this machine."""
        return self._machine is machine

    def start_anew(self) -> None:
        """Go on as an agent does that has just been started."""
        self._is_new = True
        self._store.notify()

    # -- deciding ---------------------------------------------------------------------------

    def _work(self) -> bool:
        """Carry out the next operation; False when there is none that can be done now."""
        if not self._machine.ready:
            return False
        step = self._decide()
        if step is None:
            return False
        if step.operation is None:
            self._settle(step.local)
            return False
        if isinstance(step.operation, Unpack | Resign | Leave | Finish) or step.unlocked:
            self._execute(step)
            return True
        with self._machine.lock:
            # Much may have happened while another unit had its turn.
            again = self._decide()
            if again and again.operation is not None and self._machine.ready:
                self._execute(again)
        return True

    def _is_gone(self) -> bool:
        with self._store.read() as session:
            return session.get(Unit, self.unit_id) is None

    def _decide(self) -> _Step | None:
        with self._store.read() as session:
            unit = session.get(Unit, self.unit_id)
            if unit is None:
                return None
            remote = self._remote(session, unit)
            local = uniter.pruned(Local.from_json(unit.agent), remote)
            operation = uniter.next_operation(local, remote)
            unlocked = False
            if isinstance(operation, RunTask):
                task = tasks.find_task(session, unit.application.model, str(operation.number))
                unlocked = task.unlocked
            revision = unit.application.charm_revision if local.charm is None else local.charm
            return _Step(
                operation,
                local,
                remote,
                self._surroundings(unit),
                self._world.library.charm(unit.application, revision),
                unlocked,
            )

    def _remote(self, session: Session, unit: Unit) -> Remote:
        application = unit.application
        pending = tasks.pending_for(session, application.model_id, unit.name)
        now = time.monotonic()
        automatic = models.config_value(application.model, "automatically-retry-hooks")
        return Remote(
            unit=unit.name,
            charm=application.charm_revision,
            config=_config_hash(unit),
            boot_id=unit.machine.boot_id,
            dying=unit.life != ALIVE,
            force_charm=application.force_units,
            leader=leadership.is_leader(unit),
            leader_settings=application.leader_version,
            relations={
                relation.number: _remote_relation(relation, unit)
                for relation in application.model.relations
                if relation.end_of(application.name)
            },
            tasks=tuple(task.number for task in pending),
            resolved=unit.resolved,
            upgrade=unit.machine.upgrade.get("phase", ""),
            retry_due=bool(automatic and self._retry_at and self._retry_at <= now),
            update_status_due=bool(self._update_status_at and self._update_status_at <= now),
        )

    def _surroundings(self, unit: Unit) -> Surroundings:
        model = unit.application.model
        return Surroundings(
            unit=unit.name,
            machine=unit.machine.number,
            model=model.name,
            model_uuid=model.uuid,
            controller_address=self._world.controller_address,
            target_base=unit.machine.upgrade.get("base", ""),
            model_config=dict(model.config),
        )

    def _until_timer(self) -> float | None:
        timers = [at for at in (self._retry_at, self._update_status_at) if at is not None]
        if not timers or not self._machine.ready:
            return None
        return max(0.05, min(timers) - time.monotonic())

    # -- carrying out -----------------------------------------------------------------------

    def _execute(self, step: _Step) -> None:
        match step.operation:
            case Unpack():
                self._unpack(step)
            case Hook():
                self._run_hook(step)
            case RunTask(number):
                self._run_task(step, number)
            case Finish():
                self._finish()
            case Leave(relation):
                with self._commit(step) as (session, unit):
                    _leave(session, unit, relation)
            case Skip(hook):
                with self._commit(step) as (session, unit):
                    unit.resolved = ""
                    if hook.kind == BROKEN:
                        _leave(session, unit, hook.relation)
                self._retry_at = None
            case Resign():
                with self._commit(step):
                    pass

    @contextmanager
    def _commit(self, step: _Step) -> Iterator[tuple[Session, Unit]]:
        """A transaction in which the operation is done and remembered as done."""
        with self._store.transaction() as session:
            unit = self._row(session)
            yield session, unit
            local = Local.from_json(unit.agent)
            unit.agent = uniter.committed(local, step.operation, step.remote).to_json()
            osupgrade.collect(unit.machine)
        self._plan_update_status()

    def _row(self, session: Session) -> Unit:
        unit = session.get(Unit, self.unit_id)
        if unit is None:
            raise HostLost(f"{self.unit_name} was removed by force")
        return unit

    def _restart(self) -> None:
        """The agent has just begun, for the first time or after it ended."""
        self._fail_interrupted_tasks()
        with self._store.transaction() as session:
            unit = session.get(Unit, self.unit_id)
            if unit is None or not unit.agent:
                return
            local = Local.from_json(unit.agent)
            if not local.leader:
                local = replace(local, leader_settings=None)
            unit.agent = local.to_json()
            if local.failed:
                self._plan_retry(local)
        self._plan_update_status()

    def _fail_interrupted_tasks(self) -> None:
        with self._store.transaction() as session:
            unit = session.get(Unit, self.unit_id)
            if unit is not None:
                tasks.fail_interrupted(session, unit.application.model_id, unit.name)

    def _unpack(self, step: _Step) -> None:
        """Put a charm on the host: the first one with the unit's directories, or a newer one."""
        revision = step.operation.revision
        with self._store.transaction(quiet=True) as session:
            unit = self._row(session)
            wanted = self._world.library.directory(unit.application, revision)
            old = (
                self._world.library.directory(unit.application, step.local.charm)
                if step.local.charm is not None
                else None
            )
            url = f"local:{unit.application.charm_name}-{revision}"
            if old is None:
                self._set_workload(session, unit, "waiting", "installing agent")
        self._push_charm(wanted, old, url)
        with self._store.transaction() as session:
            unit = self._row(session)
            if old is None:
                self._set_workload(session, unit, "waiting", "agent initialising")
            local = Local.from_json(unit.agent)
            unit.agent = uniter.committed(local, step.operation, step.remote).to_json()
            leadership.claim(unit)

    def _push_charm(self, wanted: Any, old: Any, url: str) -> None:
        host, paths = self._machine.host, self._machine.paths
        charm = str(paths.charm(self.unit_name))
        try:
            tools = str(paths.unit_tools(self.unit_name))
            script = 'mkdir -p "$1" "$2" && ln -sfn "$3" "$4" && touch "$1/.juju-deploying"'
            state = str(paths.unit(self.unit_name) / "state")
            host.run(["sh", "-c", script, "sh", charm, state, str(paths.tools), tools])
            host.push_tree(wanted, charm)
            gone = charmdir.files(old) - charmdir.files(wanted) if old else set()
            if gone:
                listed = b"".join(f"{charm}/{path}".encode() + b"\0" for path in sorted(gone))
                host.run(["xargs", "-0", "rm", "-f"], input=listed)
            host.push_file(f"{url}\n".encode(), f"{charm}/.juju-charm", 0o644)
            host.run(["rm", "-f", f"{charm}/.juju-deploying"])
        except Exception as error:
            raise HostLost(f"copying the charm failed: {error}") from error

    def _finish(self) -> None:
        with self._store.transaction() as session:
            unit = self._row(session)
            self._set_workload(session, unit, "terminated", "")
            applications.delete_unit(session, unit)

    # -- hooks ------------------------------------------------------------------------------

    def _run_hook(self, step: _Step) -> None:
        hook = step.operation
        self._begin_hook(step, hook)
        context = self._context(step, hook=hook)
        argv, dispatch = self._program(step.charm, f"hooks/{hook.name}")
        env = environment(
            self._machine.paths, step.around, context.id, hook=hook, dispatch=f"hooks/{hook.name}"
        )
        result = self._run(context, argv, env, hook.name)
        if context.reboot == "now":
            self._machine.reboot()
            return
        if result.was_killed:
            self._log("WARNING", _MODULE, f'hook "{hook.name}" was killed, it will be run again')
            return
        failure = "" if result.ok or result.missing else result.text
        if not failure:
            failure = self._commit_hook(step, hook, context)
        if failure:
            self._log(
                "ERROR",
                f"{_MODULE}.operation",
                f'hook "{hook.name}" (via {dispatch}) failed: {failure}',
            )
            self._fail_hook(step, hook, context)
            return
        self._log("INFO", f"{_MODULE}.operation", _ran(hook, dispatch, result))
        if context.reboot:
            self._machine.reboot()

    def _begin_hook(self, step: _Step, hook: Hook) -> None:
        quiet = hook.kind != CREATED
        with self._store.transaction(quiet=quiet) as session:
            unit = self._row(session)
            local = uniter.begun(Local.from_json(unit.agent), hook)
            unit.agent = uniter.pruned(local, step.remote).to_json()
            unit.resolved = ""
            if hook.kind == CREATED:
                relations.enter_scope(_relation(unit, hook.relation), unit)
            if hook.kind != "update-status":
                running = f"running {hook.name} hook"
                if hook.remote_unit:
                    running += f" for {hook.remote_unit}"
                unit.agent_status = status_value("executing", running)
            if hook.kind in _IMPLIED and not (hook.kind == "install" and local.status_set):
                self._set_workload(session, unit, *_IMPLIED[hook.kind])

    def _commit_hook(self, step: _Step, hook: Hook, context: Context) -> str:
        """Write what the hook did; returns why that was refused, if it was."""
        try:
            with self._commit(step) as (session, unit):
                context.flush(session)
                self._note_status_set(unit, context)
                if hook.kind == BROKEN:
                    _leave(session, unit, hook.relation)
                elif hook.kind == "config-changed":
                    relations.refresh_addresses(unit)
                elif hook.kind == "start" and not Local.from_json(unit.agent).status_set:
                    self._set_workload(session, unit, "unknown", "")
        except JujuError as error:
            return error.text
        self._retry_at = None
        return ""

    def _fail_hook(self, step: _Step, hook: Hook, context: Context) -> None:
        with self._store.transaction() as session:
            unit = self._row(session)
            self._note_status_set(unit, context)
            local = uniter.failed(Local.from_json(unit.agent), hook, step.remote)
            unit.agent = local.to_json()
            unit.agent_status = _error_status(hook)
            record_status(
                session, unit.application.model_id, unit.name, "workload", unit.agent_status
            )
            self._plan_retry(local)

    def _plan_retry(self, local: Local) -> None:
        timings = self._world.timings
        delay = min(timings.retry_first * 2 ** (local.attempts - 1), timings.retry_most)
        self._retry_at = time.monotonic() + delay * random.uniform(0.9, 1.1)  # noqa: S311

    def _plan_update_status(self) -> None:
        with self._store.read() as session:
            unit = session.get(Unit, self.unit_id)
            if unit is None:
                return
            interval = models.config_value(unit.application.model, "update-status-hook-interval")
        wait = durations.parse(interval) * random.uniform(0.8, 1.2)  # noqa: S311
        self._update_status_at = time.monotonic() + wait

    # -- tasks ------------------------------------------------------------------------------

    def _run_task(self, step: _Step, number: int) -> None:
        with self._store.transaction(quiet=True) as session:
            unit = self._row(session)
            task = tasks.find_task(session, unit.application.model, str(number))
            tasks.start(task)
            running = "running commands" if task.name == tasks.EXEC else f"running action {number}"
            unit.agent_status = status_value("executing", running)
            action = ActionData(task.id, number, task.name, dict(task.params))
        if action.name == tasks.EXEC:
            outcome = self._run_command(step, action)
        else:
            outcome = self._run_action(step, action)
        with self._store.transaction() as session:
            task = session.get(Task, action.task_id)
            if task is not None:
                tasks.finish(task, *outcome)

    def _run_action(self, step: _Step, action: ActionData) -> tuple[str, str, dict[str, Any]]:
        context = self._context(step, action=action)
        path = f"actions/{action.name}"
        argv, _ = self._program(step.charm, path)
        env = environment(
            self._machine.paths,
            step.around,
            context.id,
            action=(action.name, action.number),
            dispatch=path,
        )
        output = {"stdout": bytearray(), "stderr": bytearray()}
        result = self._run(context, argv, env, action.name, output)
        if result.missing:
            return "failed", f'action not implemented on unit "{self.unit_name}"', {}
        code, message = result.status, action.failure
        if result.ok:
            refused = self._flush(context)
            if refused:
                code, message = 1, "committing requested changes failed"
        else:
            message = message or result.text
        results = {
            **action.results,
            **tasks.output_results(bytes(output["stdout"]), bytes(output["stderr"]), lines=True),
            "return-code": code,
        }
        return ("completed" if message is None else "failed"), message or "", results

    def _run_command(self, step: _Step, action: ActionData) -> tuple[str, str, dict[str, Any]]:
        relation = action.params.get("relation")
        hook = _command_hook(relation, step.remote) if relation else None
        context = self._context(step, hook=hook, action=action)
        env = environment(
            self._machine.paths,
            step.around,
            context.id,
            hook=hook,
            action=(action.name, action.number),
        )
        output = {"stdout": bytearray(), "stderr": bytearray()}
        script = action.params["command"].encode()
        result = self._run(context, ["/bin/bash", "-s"], env, action.name, output, script)
        refused = "" if result.was_killed else self._flush(context)
        results = {
            **action.results,
            **tasks.output_results(bytes(output["stdout"]), bytes(output["stderr"]), lines=False),
            "return-code": 1 if refused else result.status,
        }
        failure = refused or action.failure
        return ("failed" if failure else "completed"), failure or "", results

    def _flush(self, context: Context) -> str:
        try:
            with self._store.transaction() as session:
                context.flush(session)
        except JujuError as error:
            return error.text
        return ""

    # -- common parts -----------------------------------------------------------------------

    def _context(
        self, step: _Step, *, hook: Hook | None = None, action: ActionData | None = None
    ) -> Context:
        def log(level: str, module: str, message: str) -> None:
            self._log(level, f"unit.{self.unit_name}.{module}", message)

        identity = UnitIdentity(self.unit_id, self.unit_name, step.charm)
        return Context(self._store, identity, step.local, log=log, hook=hook, action=action)

    def _program(self, charm: Charm, path: str) -> tuple[list[str], str]:
        """What to run for `hooks/NAME` or `actions/NAME`, and how the log calls that."""
        directory = self._machine.paths.charm(self.unit_name)
        if charm.dispatches:
            return [str(directory / "dispatch")], "hook dispatching script: dispatch"
        return [str(directory / path)], "explicit, bespoke hook script"

    def _run(
        self,
        context: Context,
        argv: list[str],
        env: Mapping[str, str],
        module: str,
        output: Mapping[str, bytearray] | None = None,
        script: bytes = b"",
    ) -> Exit:
        """Run charm code with `context` open to its hook tools.

        A hook's output goes to the log, that of an action or command to `output`.
        """
        name = f"unit.{self.unit_name}.{module}"
        lines = {
            "stdout": LineSplitter(lambda line: self._log("DEBUG", name, line)),
            "stderr": LineSplitter(lambda line: self._log("WARNING", name, line)),
        }

        def on_output(stream: str, data: bytes) -> None:
            if output is not None:
                output[stream].extend(data)
            else:
                lines[stream].feed(data)

        def started(kill: Any) -> None:
            context.kill = kill

        self._world.contexts.add(context)
        try:
            return self._machine.runner.run(
                argv,
                cwd=self._machine.paths.charm(self.unit_name),
                env=env,
                name=unit_run_name(self.unit_name, context.action),
                stdin=script,
                on_output=on_output,
                started=started,
            )
        finally:
            self._world.contexts.remove(context)
            for splitter in lines.values():
                splitter.end()

    def _note_status_set(self, unit: Unit, context: Context) -> None:
        if context.status_was_set:
            unit.agent = {**unit.agent, "status_set": True}

    def _set_workload(self, session: Session, unit: Unit, current: str, message: str) -> None:
        unit.workload_status = status_value(current, message)
        record_status(
            session, unit.application.model_id, unit.name, "workload", unit.workload_status
        )

    def _settle(self, local: Local) -> None:
        """Show that nothing is left to do, or that a failed hook is in the way."""
        wanted = _error_status(local.pending) if local.failed else status_value("idle")
        with self._store.read() as session:
            unit = session.get(Unit, self.unit_id)
            if unit is None or unit.agent_status["current"] == wanted["current"]:
                return
        with self._store.transaction(quiet=True) as session:
            self._row(session).agent_status = wanted


def _error_status(hook: Hook) -> dict[str, Any]:
    data: dict[str, Any] = {"hook": hook.name}
    if hook.relation is not None:
        data |= {"relation-id": hook.relation, "remote-unit": hook.remote_unit}
    return status_value("error", f'hook failed: "{hook.name}"', data)


def _config_hash(unit: Unit) -> str:
    application = unit.application
    addresses = [each for interface in unit.machine.network for each in interface["addresses"]]
    seen = [application.config, application.trust, addresses, application.bindings]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def _remote_relation(relation: Relation, unit: Unit) -> RemoteRelation:
    application = unit.application.name
    other = relation.end_facing(application)["application"]
    app_bag = relation.bag(other)
    return RemoteRelation(
        number=relation.number,
        endpoint=relation.end_of(application)["name"],
        remote_app=other,
        peer=relation.is_peer,
        dying=relation.life == DYING,
        members={
            bag.owner: bag.version
            for bag in relation.bags
            if bag.in_scope and bag.owner != unit.name and names.application_of(bag.owner) == other
        },
        app_version=app_bag.version if app_bag else 0,
    )


def _relation(unit: Unit, number: int) -> Relation:
    for relation in unit.application.model.relations:
        if relation.number == number:
            return relation
    raise JujuError(f"relation {number} not found")


def _leave(session: Session, unit: Unit, number: int) -> None:
    model = unit.application.model
    for relation in list(model.relations):
        if relation.number == number:
            relations.leave_scope(relation, unit.name)
    session.flush()
    applications.collect_all(session, model)


def _command_hook(relation: Mapping[str, Any], remote: Remote) -> Hook:
    known = remote.relations[relation["number"]]
    return Hook(
        "",
        known.number,
        known.endpoint,
        relation.get("remote_unit", ""),
        relation.get("remote_app", known.remote_app),
    )


def _ran(hook: Hook, dispatch: str, result: Exit) -> str:
    if result.missing:
        return f'skipped "{hook.name}" hook (missing)'
    return f'ran "{hook.name}" hook (via {dispatch})'
