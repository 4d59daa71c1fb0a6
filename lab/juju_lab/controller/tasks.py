"""Operations and tasks: asking for actions and commands, and what comes of them."""

import base64
import copy
import datetime
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from juju_lab.controller.charmdir import Charm
from juju_lab.controller.library import Library
from juju_lab.controller.models import find_machine
from juju_lab.controller.relations import find_application, find_unit
from juju_lab.controller.store import Application, Model, Operation, Task, Unit
from juju_lab.errors import JujuError, UsageError

EXEC = "juju-exec"


@dataclass
class Failures(Exception):
    """Nothing could be scheduled: the operation's number and why, by target."""

    operation: int
    reasons: list[str]


def enqueue_action(
    model: Model, library: Library, targets: Sequence[str], name: str, params: Mapping[str, Any]
) -> Operation:
    """An operation that runs an action on units, `app/leader` meaning the leader.

    Raises Failures when no task could be scheduled.
    """
    operation = _operation(model, f"{name} run on {','.join(targets)}")
    for target in targets:
        try:
            unit = _unit(model, target)
            charm = library.charm(unit.application)
            checked = _validated(charm, unit, name, params)
        except UsageError:
            raise
        except JujuError as error:
            operation.failure = error.text
            raise Failures(operation.number, [error.text]) from None
        definition = charm.actions[name]
        _task(
            operation,
            unit.name,
            name,
            checked,
            unlocked=bool(definition.get("parallel")) and not definition.get("execution-group"),
        )
    return operation


def enqueue_exec(
    model: Model,
    *,
    command: str,
    units: Sequence[str] = (),
    applications: Sequence[str] = (),
    machines: Sequence[str] = (),
    every_machine: bool = False,
    relation: Mapping[str, Any] | None = None,
) -> Operation:
    """An operation that runs a shell command in units and on machines.

    `relation` (number, remote_unit, remote_app) gives the command a relation hook's context.
    """
    receivers = [_unit(model, name).name for name in units]
    for name in applications:
        receivers += [unit.name for unit in find_application(model, name).units]
    receivers += [f"machine-{find_machine(model, number).number}" for number in machines]
    if every_machine:
        receivers += [f"machine-{machine.number}" for machine in model.machines]
    if not receivers:
        raise JujuError("no units or machines to run the command on")
    operation = _operation(model, f"{EXEC} run on {','.join(receivers)}")
    for receiver in dict.fromkeys(receivers):
        _task(operation, receiver, EXEC, {"command": command, "relation": dict(relation or {})})
    return operation


def _operation(model: Model, summary: str) -> Operation:
    operation = Operation(number=_next_number(model), summary=summary)
    model.operations.append(operation)
    return operation


def _task(
    operation: Operation,
    receiver: str,
    name: str,
    params: Mapping[str, Any],
    *,
    unlocked: bool = False,
) -> None:
    operation.tasks.append(
        Task(
            number=_next_number(operation.model),
            receiver=receiver,
            name=name,
            params=dict(params),
            unlocked=unlocked,
            status="pending",
            results={},
            log=[],
        )
    )


def _next_number(model: Model) -> int:
    """Operations and tasks are numbered together, from 1."""
    return model.take_number("task") + 1


def _unit(model: Model, target: str) -> Unit:
    name, slash, part = target.partition("/")
    if slash and part == "leader":
        application = find_application(model, name)
        if not application.leader:
            raise JujuError(f'could not determine leader for "{name}"')
        return find_unit(model, application.leader)
    return find_unit(model, target)


def _validated(charm: Charm, unit: Unit, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    # Imported late: it takes a while, and most of what the controller does has no use for it.
    from jsonschema import Draft4Validator
    from jsonschema.exceptions import best_match

    if not charm.actions:
        raise JujuError(f'no actions defined on charm "{charm_url(unit.application)}"')
    if name not in charm.actions:
        raise JujuError(f'action "{name}" not defined on unit "{unit.name}"')
    schema = parameter_schema(charm.actions[name], name)
    error = best_match(Draft4Validator(schema).iter_errors(dict(params)))
    if error is not None:
        place = ".".join(["(root)", *map(str, error.absolute_path)])
        raise JujuError(f"validation failed: {place} : {_without_values(error)}")
    return _with_defaults(schema, params)


def _without_values(error: Any) -> str:
    """What is wrong, without the value that is: it may be a secret."""
    rule = error.validator_value
    match error.validator:
        case "required":
            missing = [key for key in rule if key not in error.instance]
            return f'"{missing[0]}" property is missing and required'
        case "type":
            return f"must be of type {rule}"
        case "additionalProperties":
            extra = sorted(set(error.instance) - set(error.schema.get("properties", {})))
            return f'additional property "{extra[0]}" is not allowed'
        case "enum":
            return f"must be one of {', '.join(map(str, rule))}"
    return f"does not satisfy {error.validator} {rule}"


def parameter_schema(definition: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The JSON schema of an action's parameters, from its entry in actions.yaml."""
    schema: dict[str, Any] = {
        "type": "object",
        "title": name,
        "description": definition.get("description") or "No description",
        "properties": dict(definition.get("params") or {}),
        "additionalProperties": definition.get("additionalProperties", True),
    }
    if definition.get("required"):
        schema["required"] = list(definition["required"])
    return schema


def _with_defaults(schema: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    filled = copy.deepcopy(dict(params))
    for name, rule in (schema.get("properties") or {}).items():
        if not isinstance(rule, Mapping):
            continue
        if name not in filled and "default" in rule:
            filled[name] = rule["default"]
        elif "properties" in rule and isinstance(filled.get(name, {}), Mapping):
            nested = _with_defaults(rule, filled.get(name, {}))
            if nested:
                filled[name] = nested
    return filled


def charm_url(application: Application) -> str:
    """`local:name-revision`."""
    return f"local:{application.charm_name}-{application.charm_revision}"


def find_task(session: Session, model: Model, number: str) -> Task:
    """The task of this number, else JujuError."""
    task = session.scalar(
        select(Task)
        .join(Operation)
        .where(Operation.model_id == model.id, Task.number == int(number))
    )
    if task is None:
        raise JujuError(f"task {number} not found")
    return task


def find_operation(model: Model, number: str) -> Operation:
    """The operation of this number, else JujuError."""
    for operation in model.operations:
        if str(operation.number) == number:
            return operation
    raise JujuError(f"operation {number} not found")


def pending_for(session: Session, model_id: int, receiver: str) -> list[Task]:
    """The tasks that a unit or machine has yet to run, in order."""
    return list(
        session.scalars(
            select(Task)
            .join(Operation)
            .where(
                Operation.model_id == model_id,
                Task.receiver == receiver,
                Task.status == "pending",
            )
            .order_by(Task.number)
        ).all()
    )


def start(task: Task) -> None:
    """Mark a task as begun."""
    task.status = "running"
    task.started = time.time()


def finish(
    task: Task, status: str, message: str = "", results: Mapping[str, Any] | None = None
) -> None:
    """Mark a task as ended, with its status, message and results."""
    task.status = status
    task.message = message
    task.results = dict(results or {})
    task.completed = time.time()
    task.started = task.started or task.completed


def fail_interrupted(session: Session, model_id: int, receiver: str) -> None:
    """Fail the tasks that were running when the receiver's agent went away."""
    interrupted = session.scalars(
        select(Task)
        .join(Operation)
        .where(Operation.model_id == model_id, Task.receiver == receiver, Task.status == "running")
    )
    for task in interrupted.all():
        finish(task, "failed", "action terminated")


def cancel(task: Task) -> None:
    """Cancel a task that has not begun; JujuError when it has."""
    if task.status != "pending":
        raise JujuError(f"task {task.number} is {task.status} and cannot be cancelled")
    finish(task, "cancelled", "task cancelled")


def output_results(stdout: bytes, stderr: bytes, *, lines: bool) -> dict[str, str]:
    """Captured output as results: `stdout` and `stderr`, absent when empty.

    `lines` ends the last line with a newline, as is done for actions. What is not UTF-8 is given
    in base64, with its `-encoding` beside it.
    """
    results = {}
    for name, data in (("stdout", stdout), ("stderr", stderr)):
        if not data:
            continue
        try:
            text = data.decode()
        except UnicodeDecodeError:
            results[name] = base64.b64encode(data).decode()
            results[f"{name}-encoding"] = "base64"
            continue
        results[name] = f"{text.rstrip(chr(10))}\n" if lines else text
    return results


def task_document(task: Task) -> dict[str, Any]:
    """A task as `juju run --format json` prints it; empty entries are left out."""
    document: dict[str, Any] = {
        "id": str(task.number),
        "status": task.status,
        "message": task.message,
        "results": task.results,
        "log": [f"{_moment(line['time'])} {line['message']}" for line in task.log],
        "timing": {
            name: _moment(value)
            for name, value in (
                ("enqueued", task.enqueued),
                ("started", task.started),
                ("completed", task.completed),
            )
            if value
        },
    }
    if not task.receiver.startswith("machine-") or "/" in task.receiver:
        document["unit"] = task.receiver
    return {key: value for key, value in document.items() if value}


def operation_document(operation: Operation) -> dict[str, Any]:
    """An operation as `juju show-operation` prints it."""
    tasks = operation.tasks
    started = [task.started for task in tasks if task.started]
    completed = [task.completed for task in tasks if task.completed]
    timing = {"enqueued": _moment(operation.enqueued)}
    if started:
        timing["started"] = _moment(min(started))
    if completed and len(completed) == len(tasks):
        timing["completed"] = _moment(max(completed))
    document: dict[str, Any] = {
        "summary": operation.summary,
        "status": operation_status(operation),
        "fail": operation.failure,
        # Without the parameters: they may hold secrets.
        "action": {"name": tasks[0].name} if tasks else {},
        "timing": timing,
        "tasks": {
            str(task.number): {
                "host": task.receiver,
                **{
                    key: value
                    for key, value in task_document(task).items()
                    if key not in ("id", "unit")
                },
            }
            for task in tasks
        },
    }
    return {key: value for key, value in document.items() if value}


def operation_status(operation: Operation) -> str:
    """The status of an operation, from those of its tasks."""
    statuses = [task.status for task in operation.tasks]
    for status in ("running", "pending", "failed", "error", "aborted", "cancelled"):
        if status in statuses:
            return status
    return "error" if operation.failure else "completed"


def _moment(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} +0000 UTC"
