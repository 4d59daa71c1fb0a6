"""Keeps an agent running for every machine and unit, and does what falls to none of them."""

import logging
import shlex
import threading
import time
from collections.abc import Sequence

from sqlalchemy import select

from juju_lab import names
from juju_lab.controller import applications, models, tasks
from juju_lab.controller.hooktools import Result
from juju_lab.controller.machineagent import MachineAgent
from juju_lab.controller.runner import HostLost
from juju_lab.controller.store import DYING, Machine, Model, Operation, Relation, Task, Unit
from juju_lab.controller.toolargs import Flag, parse
from juju_lab.controller.unitagent import UnitAgent
from juju_lab.controller.world import World
from juju_lab.errors import JujuError, UsageError

_LOG = logging.getLogger(__name__)
_AS_UBUNTU = ("/usr/sbin/runuser", "-u", "ubuntu", "--")
_EXEC_FLAGS = (
    Flag(("u", "unit"), "Unit in whose context to run"),
    Flag(("r", "relation"), "Relation whose context to have"),
    Flag(("remote-unit",), "Remote unit of that context"),
    Flag(("remote-app",), "Remote application of that context"),
    Flag(("force-remote-unit",), "Accepted and ignored", switch=True),
    Flag(("operator",), "Accepted and ignored", switch=True),
)


class Controller(threading.Thread):
    """The supervisor: event driven, idle while nothing changes."""

    def __init__(self, world: World) -> None:
        super().__init__(name="controller", daemon=True)
        self.world = world
        self._store = world.store
        self._lock = threading.Lock()
        self._machines: dict[int, MachineAgent] = {}
        self._units: dict[int, UnitAgent] = {}
        self._commanded: set[int] = set()

    def machine(self, machine_id: int) -> MachineAgent | None:
        """The agent of a machine's row."""
        with self._lock:
            return self._machines.get(machine_id)

    def agents(self) -> list[threading.Thread]:
        """The threads of all machines and units."""
        with self._lock:
            return [*self._machines.values(), *self._units.values()]

    def kill_agent(self, machine_id: int) -> None:
        """End the agent of a machine, its units' with it, as by SIGKILL; they start again."""
        with self._lock:
            machine = self._machines[machine_id]
            units = [agent for agent in self._units.values() if agent.is_on(machine)]
        for agent in units:
            agent.start_anew()
        machine.kill()

    def run(self) -> None:
        """Look after everything at each change."""
        while not self.world.stopping:
            seen = self._store.decisions
            timeout = None
            try:
                timeout = self._reconcile()
            except Exception:
                _LOG.exception("controller failed")
                timeout = 1.0
            self._store.wait(
                lambda seen=seen: self._store.decisions != seen or self.world.stopping, timeout
            )

    def stop(self) -> None:
        """Let all threads end; what runs on the hosts is cut short, to be run again."""
        self.world.stopping = True
        self._store.notify()
        with self._lock:
            agents = list(self._machines.values())
        for agent in agents:
            agent.runner.abandon()
            agent.poke()

    def _reconcile(self) -> float | None:
        """Returns the seconds until a unit is due to be removed by force, None without one."""
        with self._store.read() as session:
            machines = session.scalars(select(Machine)).all()
            units = session.scalars(select(Unit)).all()
            with self._lock:
                self._tend_machines(machines)
                self._tend_units(units)
            due = [unit.force_at for unit in units if unit.force_at is not None]
            dying_models = [model.id for model in models.every(session) if model.life == DYING]
            commanded = session.scalars(
                select(Task.receiver).where(
                    Task.status == "pending", Task.receiver.startswith("machine-")
                )
            ).first()
        if due and min(due) <= time.time():
            self._remove_forced()
            return 0
        for model_id in dying_models:
            self._collect_model(model_id)
        if commanded:
            self._start_commands()
        return min(due) - time.time() if due else None

    def _tend_machines(self, machines: Sequence[Machine]) -> None:
        for machine in machines:
            agent = self._machines.get(machine.id)
            if agent is None:
                agent = self._machines[machine.id] = MachineAgent(self.world, machine)
                agent.start()
            if machine.life == DYING:
                threading.Thread(target=agent.remove, daemon=True).start()
        present = {machine.id for machine in machines}
        self._machines = {key: each for key, each in self._machines.items() if key in present}

    def _tend_units(self, units: Sequence[Unit]) -> None:
        for unit in units:
            if unit.id not in self._units:
                agent = UnitAgent(self.world, unit, self._machines[unit.machine_id])
                self._units[unit.id] = agent
                agent.start()
        present = {unit.id for unit in units}
        self._units = {key: agent for key, agent in self._units.items() if key in present}

    def _remove_forced(self) -> None:
        with self._store.transaction() as session:
            forced = select(Unit).where(Unit.force_at <= time.time())
            for unit in session.scalars(forced).all():
                applications.delete_unit(session, unit)

    def _collect_model(self, model_id: int) -> None:
        with self._store.transaction(quiet=True) as session:
            model = session.get(Model, model_id)
            uuid = model.uuid
            gone = models.collect(session, model)
        if gone:
            self.world.library.forget(uuid)
            self.world.forget_log(uuid)

    # -- commands on machines ---------------------------------------------------------------

    def _start_commands(self) -> None:
        with self._lock:
            idle = [key for key in self._machines if key not in self._commanded]
            self._commanded.update(idle)
        for machine_id in idle:
            threading.Thread(target=self._run_commands, args=(machine_id,), daemon=True).start()

    def _run_commands(self, machine_id: int) -> None:
        """Run the pending commands of one machine, one after the other."""
        try:
            agent = self.machine(machine_id)
            while agent is not None and agent.ready and self._run_command(agent):
                pass
        finally:
            with self._lock:
                self._commanded.discard(machine_id)

    def _run_command(self, agent: MachineAgent) -> bool:
        with agent.lock:
            with self._store.transaction(quiet=True) as session:
                machine = session.get(Machine, agent.machine_id)
                if machine is None:
                    return False
                receiver = f"machine-{machine.number}"
                pending = tasks.pending_for(session, machine.model_id, receiver)
                if not pending:
                    return False
                task_id, number = pending[0].id, pending[0].number
                command = pending[0].params["command"]
                tasks.start(pending[0])
            outcome = _run_as_ubuntu(agent, command, f"{receiver}-{number}")
            with self._store.transaction() as session:
                task = session.get(Task, task_id)
                if task is not None:
                    tasks.finish(task, *outcome)
        return True

    # -- juju-exec on a host ----------------------------------------------------------------

    def guest_exec(self, secret: str, words: Sequence[str], in_hook: bool) -> Result:
        """Carry out `juju-exec` that was called on the host with this secret."""
        if in_hook:
            raise JujuError("juju-exec cannot be called from within a hook")
        parsed = parse(_EXEC_FLAGS, words)
        rest = list(parsed.arguments)
        unit_name = parsed.options.get("unit") or (rest.pop(0) if rest else "")
        if not rest:
            raise UsageError("missing commands")
        command = rest[0] if len(rest) == 1 else shlex.join(rest)
        with self._store.transaction() as session:
            machine = session.scalar(select(Machine).where(Machine.secret == secret))
            if not secret or machine is None:
                raise JujuError("permission denied")
            unit = next((each for each in machine.units if _is_named(each, unit_name)), None)
            if unit is None:
                raise JujuError(f'unit "{unit_name}" not found on this machine')
            operation = tasks.enqueue_exec(
                machine.model,
                command=command,
                units=[unit.name],
                relation=_exec_relation(unit, parsed.options),
            )
            session.flush()
            operation_id = operation.id
        (task,) = self.wait_for_tasks(operation_id)
        results = task.results
        if "return-code" not in results:
            raise JujuError(task.message or f"command {task.status}")
        return Result(results["return-code"], results.get("stdout", ""), results.get("stderr", ""))

    def wait_for_tasks(self, operation_id: int, timeout: float | None = None) -> list[Task]:
        """The tasks of an operation once all are finished, or as they are after `timeout` s."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            seen = self._store.revision
            with self._store.read() as session:
                operation = session.get(Operation, operation_id)
                if operation is None:
                    raise JujuError("the model was removed")
                found = list(operation.tasks)
            left = None if deadline is None else deadline - time.monotonic()
            if all(task.is_finished for task in found) or (left is not None and left <= 0):
                return found
            self._store.wait_for_change(seen, left)
            if self.world.stopping:
                raise JujuError("the controller is stopping")


def _is_named(unit: Unit, name: str) -> bool:
    return unit.name == name or names.unit_tag(unit.name) == name


def _exec_relation(unit: Unit, options: dict[str, str]) -> dict[str, object]:
    text = options.get("relation")
    if not text:
        return {}
    relation = next(
        (each for each in unit.application.model.relations if _has_id(each, unit, text)), None
    )
    if relation is None:
        raise UsageError(f'invalid value "{text}" for option -r: relation not found')
    remote = relation.end_facing(unit.application.name)["application"]
    return {
        "number": relation.number,
        "remote_unit": options.get("remote-unit", ""),
        "remote_app": options.get("remote-app", remote),
    }


def _has_id(relation: Relation, unit: Unit, text: str) -> bool:
    bag = relation.bag(unit.name)
    return bool(bag and bag.in_scope) and text.rsplit(":", 1)[-1] == str(relation.number)


def _run_as_ubuntu(
    agent: MachineAgent, command: str, name: str
) -> tuple[str, str, dict[str, object]]:
    output = {"stdout": bytearray(), "stderr": bytearray()}
    argv = [*_AS_UBUNTU, "/bin/bash", "-s"]
    env = {
        "HOME": "/home/ubuntu",
        "USER": "ubuntu",
        "LOGNAME": "ubuntu",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin",
    }
    try:
        result = agent.runner.run(
            argv,
            cwd=agent.paths.root / "home/ubuntu",
            env=env,
            name=name,
            stdin=command.encode(),
            on_output=lambda stream, data: output[stream].extend(data),
        )
    except HostLost:
        agent.suspect()
        return "failed", "action terminated", {}
    results = tasks.output_results(bytes(output["stdout"]), bytes(output["stderr"]), lines=False)
    return "completed", "", {**results, "return-code": result.status}
