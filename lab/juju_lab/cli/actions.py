"""run, run-action, exec, and what there is to see of operations and tasks."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
import yaml

from juju_lab import formats, names
from juju_lab.cli import client, common, tabular
from juju_lab.errors import JujuError, UsageError

_WAIT = "60s"


def _wait_options(default: str) -> Any:
    def decorate(command: Any) -> Any:
        command = click.option("--background", is_flag=True, help="Do not wait.")(command)
        return click.option("--wait", default=default, metavar="DURATION", help="At most.")(
            command
        )

    return decorate


@click.command("run", context_settings={"ignore_unknown_options": False})
@click.argument("words", nargs=-1, required=True, metavar="UNIT... ACTION [KEY=VALUE...]")
@click.option("--params", metavar="FILE", help="YAML file with parameters.")
@click.option("--string-args", is_flag=True, help="Take all values as text.")
@click.option("--utc", is_flag=True, help="Accepted; times are in UTC.")
@_wait_options(_WAIT)
@common.format_option("plain", "json", "yaml")
@common.model_option
def run(
    words: Sequence[str],
    params: str | None,
    string_args: bool,
    utc: bool,
    wait: str,
    background: bool,
    style: str,
    output: str | None,
    model: str | None,
) -> None:
    """Run an action on units and wait for its results."""
    units, action, arguments = _split(words)
    values = _parameters(params, arguments, string_args)
    enqueued = client.call("run", model=model, units=units, action=action, params=values)
    if enqueued["failures"]:
        common.say(f"Operation {enqueued['operation']} failed to schedule any tasks:")
        for reason in enqueued["failures"]:
            common.say(reason)
        return
    _announce(enqueued, background)
    if not background:
        _report(enqueued, common.seconds(wait), style, output)


def _split(words: Sequence[str]) -> tuple[list[str], str, list[str]]:
    units = []
    rest = list(words)
    while rest and (names.is_unit(rest[0]) or rest[0].endswith("/leader")):
        units.append(rest.pop(0))
    if not units:
        raise UsageError("no unit specified" if rest else "missing unit name")
    if not rest:
        raise UsageError("no action specified")
    action, *arguments = rest
    return units, action, arguments


def _parameters(path: str | None, arguments: Iterable[str], as_text: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if path:
        values = common.read_yaml(path) or {}
        if not isinstance(values, dict):
            raise JujuError("params file must contain a YAML map")
    for key, text in common.key_values(arguments).items():
        place = values
        *parents, last = key.split(".")
        for parent in parents:
            if not isinstance(place.get(parent), dict):
                place[parent] = {}
            place = place[parent]
        place[last] = text if as_text else _typed(text)
    return values


def _typed(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    # YAML's dates and empty values are texts to an action.
    return value if isinstance(value, bool | int | float | str | list | dict) else text


def _announce(enqueued: dict[str, Any], background: bool) -> None:
    tasks = enqueued["tasks"]
    plural = "task" if len(tasks) == 1 else "tasks"
    if background:
        common.say(f"Scheduled operation {enqueued['operation']} with {len(tasks)} {plural}")
        for task in tasks:
            common.say(f"  - task {task['id']} on {_tag(task['receiver'])}")
        common.say(f"Check operation status with 'juju show-operation {enqueued['operation']}'")
        for task in tasks:
            common.say(f"Check task status with 'juju show-task {task['id']}'")
        return
    common.say(f"Running operation {enqueued['operation']} with {len(tasks)} {plural}")
    for task in tasks:
        common.say(f"  - task {task['id']} on {_tag(task['receiver'])}")
    common.say("")
    for task in tasks:
        common.say(f"Waiting for task {task['id']}...")


def _tag(receiver: str) -> str:
    return names.unit_tag(receiver) if names.is_unit(receiver) else receiver


def _report(enqueued: dict[str, Any], wait: float, style: str, output: str | None) -> None:
    """Show progress, then the results; exits 1 for a task that failed or is not done."""
    documents: dict[str, Any] = {}
    for item in client.stream("watch_tasks", operation=enqueued["id"], timeout=wait):
        if "tasks" in item:
            documents = item["tasks"]
        else:
            common.say(item["message"])
    common.say("")
    finished = {key: task for key, task in documents.items() if "completed" in task["timing"]}
    if finished:
        _show(finished, style, output)
    missing = [key for key in documents if key not in finished]
    if missing:
        listed = ", ".join(f"unit {key}" if names.is_unit(key) else key for key in missing)
        raise JujuError(f"timed out waiting for results from: {listed}")
    _fail_if_failed(documents)


def _show(documents: dict[str, Any], style: str, output: str | None) -> None:
    if style != "plain":
        shown = {key.replace("machine-", ""): task for key, task in documents.items()}
        common.show(shown, style, output)
        return
    if len(documents) > 1:
        common.show(documents, "yaml", output)
        return
    (task,) = documents.values()
    common.write(_plain(task), output)


def _plain(task: dict[str, Any]) -> str:
    results = dict(task.get("results", {}))
    hidden = ("return-code", "stdout", "stderr", "stdout-encoding", "stderr-encoding")
    stdout, stderr = results.get("stdout", ""), results.get("stderr", "")
    shown = {key: value for key, value in results.items() if key not in hidden}
    text = ""
    if task["status"] == "failed":
        text += f"Action id {task['id']} failed: {task.get('message', '')}\n"
    if shown:
        text += formats.to_yaml(shown)
    text += stdout
    if stderr:
        sys.stderr.write(stderr)
    return text


def _fail_if_failed(documents: dict[str, Any]) -> None:
    failed = {
        task["id"]: task["results"]["return-code"]
        for task in documents.values()
        if task.get("results", {}).get("return-code", 0) != 0
    }
    if failed:
        plural = "task" if len(failed) == 1 else "tasks"
        listed = "".join(
            f' - id "{number}" with return code {code}\n' for number, code in failed.items()
        )
        example = next(iter(failed))
        raise JujuError(
            f"the following {plural} failed:\n{listed}\nuse 'juju show-task' to inspect the "
            f"failure, e.g. 'juju show-task {example}'"
        )


@click.command("run-action")
@click.argument("words", nargs=-1, required=True, metavar="UNIT... ACTION [KEY=VALUE...]")
@click.option("--params", metavar="FILE", help="YAML file with parameters.")
@click.option("--string-args", is_flag=True, help="Take all values as text.")
@click.option(
    "--wait", is_flag=False, flag_value="24h", default="", help="Wait, [at most so long]."
)
@common.format_option("yaml", "json")
@common.model_option
def run_action(
    words: Sequence[str],
    params: str | None,
    string_args: bool,
    wait: str,
    style: str,
    output: str | None,
    model: str | None,
) -> None:
    """Run an action on units; the form of Juju 2.9."""
    units, action, arguments = _split(words)
    values = _parameters(params, arguments, string_args)
    enqueued = client.call("run", model=model, units=units, action=action, params=values)
    if enqueued["failures"]:
        raise JujuError(enqueued["failures"][0])
    if not wait:
        for task in enqueued["tasks"]:
            common.write(f'Action queued with id: "{task["id"]}"\n')
        return
    found: dict[str, Any] = {}
    for item in client.stream(
        "watch_tasks", operation=enqueued["id"], timeout=common.seconds(wait)
    ):
        found = item.get("tasks", found)
    shown = {
        names.unit_tag(unit): {
            "UnitId": unit,
            **{key: value for key, value in task.items() if key != "unit"},
        }
        for unit, task in found.items()
    }
    common.show(shown, style, output)


@common.passthrough("exec")
@click.option("-u", "--unit", "units", multiple=True, help="Units, separated by commas.")
@click.option("-a", "--application", "--app", "applications", multiple=True, help="All units of.")
@click.option("--machine", "machines", multiple=True, help="Machines, separated by commas.")
@click.option("--all", "every", is_flag=True, help="All machines.")
@click.option("--parallel", is_flag=True, help="Accepted.")
@click.option("--execution-group", default="", help="Accepted.")
@click.option("--operator", is_flag=True, help="Accepted.")
@click.option("--utc", is_flag=True, help="Accepted; times are in UTC.")
@_wait_options("5m")
@common.format_option("plain", "json", "yaml")
@common.model_option
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def exec(
    words: Sequence[str],
    units: Sequence[str],
    applications: Sequence[str],
    machines: Sequence[str],
    every: bool,
    parallel: bool,
    execution_group: str,
    operator: bool,
    utc: bool,
    wait: str,
    background: bool,
    style: str,
    output: str | None,
    model: str | None,
) -> None:
    """Run commands in units, as root with the tools of a hook, or on machines as user ubuntu."""
    if not (units or applications or machines or every):
        raise UsageError(
            "You must specify a target, either through --all, --machine, --application or --unit"
        )
    if not words:
        raise UsageError("no commands specified")
    enqueued = client.call(
        "exec",
        model=model,
        command=words[0] if len(words) == 1 else shlex.join(words),
        units=_listed(units),
        applications=_listed(applications),
        machines=_listed(machines),
        every_machine=every,
    )
    _announce(enqueued, background)
    if not background:
        _report(enqueued, common.seconds(wait), style, output)


def _listed(texts: Sequence[str]) -> list[str]:
    return [part for text in texts for part in text.split(",") if part]


@click.command("actions")
@click.argument("application")
@click.option("--schema", is_flag=True, help="With the parameters' schemas.")
@common.format_option("default", "json", "yaml", "tabular")
@common.model_option
def actions(
    application: str, schema: bool, style: str, output: str | None, model: str | None
) -> None:
    """List the actions of an application."""
    found = client.call("actions", model=model, application=application)
    if not found:
        common.say(f"No actions defined for {application}.")
    elif schema:
        common.show(found, "yaml" if style in ("default", "tabular") else style, output)
    elif style in ("default", "tabular"):
        rows = [[name, entry["description"].split("\n")[0]] for name, entry in found.items()]
        common.write(tabular.table(["Action", "Description"], rows), output)
    else:
        common.show({name: entry["description"] for name, entry in found.items()}, style, output)


@click.command("operations")
@common.format_option("plain", "json", "yaml")
@common.model_option
def operations(style: str, output: str | None, model: str | None) -> None:
    """List operations."""
    found = client.call("operations", model=model)
    if style != "plain":
        common.show({entry.pop("id"): entry for entry in found}, style, output)
        return
    if not found:
        common.say("no matching operations")
        return
    rows = [
        [
            entry["id"],
            entry["status"],
            entry["timing"].get("started", ""),
            entry["timing"].get("completed", ""),
            ",".join(entry.get("tasks", {})),
            entry["summary"],
        ]
        for entry in found
    ]
    heads = ["ID", "Status", "Started", "Finished", "Task IDs", "Summary"]
    common.write(tabular.table(heads, rows), output)


@click.command("show-operation")
@click.argument("number")
@click.option("--wait", default="", metavar="DURATION", help="Wait for its end, at most so long.")
@common.format_option("yaml", "json")
@common.model_option
def show_operation(
    number: str, wait: str, style: str, output: str | None, model: str | None
) -> None:
    """Show an operation and its tasks."""
    answer = client.call("show_operation", model=model, number=number)
    if wait:
        _await(answer["row"], wait)
        answer = client.call("show_operation", model=model, number=number)
    common.show(answer["document"], style, output)


@click.command("show-task")
@click.argument("number")
@click.option("--wait", default="", metavar="DURATION", help="Wait for its end, at most so long.")
@common.format_option("plain", "json", "yaml")
@common.model_option
def show_task(number: str, wait: str, style: str, output: str | None, model: str | None) -> None:
    """Show a task and its results."""
    answer = client.call("show_task", model=model, number=number)
    if wait:
        _await(answer["row"], wait)
        answer = client.call("show_task", model=model, number=number)
    document = answer["document"]
    if style == "plain":
        common.write(_plain(document), output)
    else:
        common.show(document, style, output)


def _await(row: int, wait: str) -> None:
    for _ in client.stream("watch_tasks", operation=row, timeout=common.seconds(wait)):
        pass


@click.command("cancel-task")
@click.argument("numbers", nargs=-1, required=True)
@common.format_option("yaml", "json")
@common.model_option
def cancel_task(numbers: Sequence[str], style: str, output: str | None, model: str | None) -> None:
    """Cancel tasks that have not begun."""
    cancelled = {n: client.call("cancel_task", model=model, number=n) for n in numbers}
    common.show(cancelled, style, output)
