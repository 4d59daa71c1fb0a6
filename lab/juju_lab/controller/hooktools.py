"""The hook tools: each a function over the context of the hook that called it.

Arguments may hold secrets and are never logged. A tool returns what it prints, as text, or as a
value that `--format` shapes; it raises JujuError (exit 1) or UsageError (exit 2).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import yaml

from juju_lab import formats, names
from juju_lab.controller import network, ports, status
from juju_lab.controller.context import Context
from juju_lab.controller.toolargs import Flag, Parsed, parse
from juju_lab.errors import JujuError, UsageError

_FORMATS = ("smart", "json", "yaml")
_FORMAT = Flag(("format",), "Specify output format (json|smart|yaml)")
_OUTPUT = Flag(("o", "output"), "Specify an output file")
_RELATION = Flag(("r", "relation"), "Specify a relation by id")
_FILE = Flag(("file",), "Path to a YAML file with key-value pairs, - for standard input")
_APP = Flag(("app",), "Use the data bag of the application, not of the unit", switch=True)
_WORKLOAD = ("maintenance", "blocked", "waiting", "active")
_LEVELS = {
    "TRACE": "TRACE",
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "WARNING": "WARNING",
    "WARN": "WARNING",
    "ERROR": "ERROR",
    "CRITICAL": "CRITICAL",
}
_RESULT_KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_RESERVED_RESULTS = ("stdout", "stdout-encoding", "stderr", "stderr-encoding")
_STATE_VALUE_LIMIT = 65536
_TRIED_IN_VAIN = "action failed without reason given, check action for errors"


class GuestFiles(Protocol):
    """Files of the host on which a tool was called; paths are relative to its directory there."""

    def read(self, path: str) -> bytes:
        """Contents of a file, `-` being standard input; OSError when it cannot be read."""

    def write(self, path: str, content: bytes) -> None:
        """Write a file; OSError when that fails."""


@dataclass
class Call:
    """A tool being called: whose context, with which arguments, where its files are."""

    context: Context
    parsed: Parsed
    files: GuestFiles

    @property
    def arguments(self) -> list[str]:
        """The positional arguments."""
        return self.parsed.arguments

    def option(self, key: str, default: Any = None) -> Any:
        """The value of an option, `default` when it is not given."""
        return self.parsed.options.get(key, default)


@dataclass(frozen=True)
class Result:
    """What the caller gets: exit status, standard output and standard error."""

    code: int = 0
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True)
class Tool:
    """A tool's usage line, options and function; `style` is its default format, None for text."""

    name: str
    usage: str
    summary: str
    flags: tuple[Flag, ...]
    function: Callable[[Call], Any]
    style: str | None

    def help(self) -> str:
        """What `--help` prints."""
        options = "".join(
            f"{flag}{'' if flag.switch else ' VALUE'}\n    {flag.help}\n" for flag in self.flags
        )
        return (
            f"Usage: {self.name} {self.usage}\n\nSummary:\n{self.summary}\n\nOptions:\n{options}"
        )


TOOLS: dict[str, Tool] = {}


def tool(
    *tool_names: str,
    usage: str = "[options]",
    flags: Sequence[Flag] = (),
    style: str | None = None,
) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
    """Register a function under its names; its docstring is the summary of its help."""

    def register(function: Callable[[Call], Any]) -> Callable[[Call], Any]:
        every = (*flags, _FORMAT, _OUTPUT) if style else tuple(flags)
        for name in tool_names:
            TOOLS[name] = Tool(name, usage, function.__doc__ or "", every, function, style)
        return function

    return register


def run(name: str, words: Sequence[str], context: Context, files: GuestFiles) -> Result:
    """Run the tool called `name` with the command line `words`."""
    found = TOOLS[name]
    if "--help" in words or "-h" in words:
        return Result(stdout=found.help())
    try:
        call = Call(context, parse(found.flags, words), files)
        return Result(stdout=_output(found, call))
    except JujuError as error:
        return Result(error.code, stderr=f"ERROR {error.text}\n")


def _output(found: Tool, call: Call) -> str:
    style = call.option("format", found.style)
    if found.style and style not in _FORMATS:
        raise UsageError(f'invalid value "{style}" for option --format: unknown format "{style}"')
    value = found.function(call)
    if found.style is None:
        return value or ""
    text = formats.render(value, style)
    target = call.option("output")
    if not target:
        return text
    try:
        call.files.write(target, text.encode())
    except OSError as error:
        raise JujuError(f"cannot write {target}: {error.strerror}") from error
    return ""


def _key_values(call: Call) -> dict[str, str]:
    """`--file` as a YAML map, overlaid by `key=value` arguments."""
    values: dict[str, str] = {}
    path = call.option("file")
    if path:
        try:
            document = yaml.safe_load(call.files.read(path).decode()) or {}
        except OSError as error:
            raise JujuError(f"cannot open {path}: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise JujuError("cannot read key-value pairs: invalid YAML") from error
        if not isinstance(document, dict):
            raise JujuError("cannot read key-value pairs: expected a map")
        values = {str(key): _as_text(value) for key, value in document.items()}
    for argument in call.arguments:
        key, equals, value = argument.partition("=")
        if not equals or not key:
            raise UsageError(f'expected "key=value", got "{argument}"')
        values[key] = value
    return values


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _pick(values: dict[str, Any], key: str) -> Any:
    return values if key in ("", "-") else values.get(key)


def _argument(call: Call, position: int = 0) -> str:
    return call.arguments[position] if len(call.arguments) > position else ""


def _no_more(call: Call, most: int) -> None:
    if len(call.arguments) > most:
        extra = call.arguments[most:]
        raise UsageError(f"unrecognized args: {formats.to_json(extra)}")


# -- relations ----------------------------------------------------------------------------------


@tool(
    "relation-ids",
    usage="[options] <name>",
    style="smart",
)
def relation_ids(call: Call) -> list[str]:
    """List all relation ids of an endpoint."""
    _no_more(call, 1)
    name = _argument(call)
    if not name:
        hook = call.context.hook
        if hook is None or hook.relation is None:
            raise UsageError("no endpoint name specified")
        name = hook.endpoint
    return call.context.relation_ids(name)


@tool(
    "relation-list",
    usage="[options]",
    flags=(_RELATION, Flag(("app",), "List the remote application instead", switch=True)),
    style="smart",
)
def relation_list(call: Call) -> list[str] | str:
    """List the remote units of a relation."""
    _no_more(call, 0)
    number = call.context.relation_number(call.option("relation"))
    if call.option("app"):
        return call.context.relation_app(number)
    return call.context.relation_members(number)


@tool(
    "relation-get",
    usage="[options] <key> <unit id>",
    flags=(_RELATION, _APP),
    style="smart",
)
def relation_get(call: Call) -> Any:
    """Read relation data of a unit or an application; key - or none means everything."""
    _no_more(call, 2)
    number = call.context.relation_number(call.option("relation"))
    owner = _bag_owner(call, _argument(call, 1))
    return _pick(call.context.read_bag(number, owner), _argument(call))


def _bag_owner(call: Call, name: str) -> str:
    hook = call.context.hook
    if not name and hook and hook.relation is not None:
        if call.option("app") or not hook.remote_unit:
            return hook.remote_app
        return hook.remote_unit
    if not name:
        raise UsageError("no unit or application specified")
    if call.option("app"):
        return names.application_of(name)
    if names.is_unit(name):
        return name
    if names.is_application(name):
        raise UsageError(f'expected unit name, got application name "{name}"')
    raise UsageError(f'invalid unit name "{name}"')


@tool(
    "relation-set",
    usage="[options] key=value [key=value ...]",
    flags=(_RELATION, _APP, _FILE, Flag(("format",), "Accepted and ignored")),
)
def relation_set(call: Call) -> None:
    """Write relation data of this unit or, as the leader, of this application."""
    number = call.context.relation_number(call.option("relation"))
    call.context.write_bag(number, _key_values(call), app=bool(call.option("app")))


@tool("relation-model-get", usage="[options]", flags=(_RELATION,), style="smart")
def relation_model_get(call: Call) -> dict[str, str]:
    """Tell the model on the other side of a relation."""
    call.context.relation_number(call.option("relation"))
    with call.context.store.read() as session:
        return {"uuid": call.context.row(session).application.model.uuid}


# -- configuration and leadership ---------------------------------------------------------------


@tool(
    "config-get",
    usage="[options] [<key>]",
    flags=(Flag(("a", "all"), "Print all keys, those without a value too", switch=True),),
    style="smart",
)
def config_get(call: Call) -> Any:
    """Print the application's configuration."""
    _no_more(call, 1)
    key = _argument(call)
    if key and call.option("all"):
        raise UsageError(f'cannot use argument --all together with key "{key}"')
    config = call.context.config()
    if key:
        return config.get(key)
    if call.option("all"):
        return config
    return {name: value for name, value in config.items() if value is not None}


@tool("is-leader", style="smart")
def is_leader(call: Call) -> bool:
    """Print whether this unit leads its application."""
    _no_more(call, 0)
    return call.context.is_leader()


@tool("leader-get", usage="[options] [<key>]", style="smart")
def leader_get(call: Call) -> Any:
    """Print settings that the leader shares."""
    _no_more(call, 1)
    key = _argument(call)
    if "=" in key:
        raise UsageError(f'invalid key "{key}"')
    return _pick(call.context.leader_settings(), key)


@tool("leader-set", usage="key=value [key=value ...]", flags=(_FILE,))
def leader_set(call: Call) -> None:
    """Share settings with the other units; leader only."""
    call.context.write_leader_settings(_key_values(call))


# -- status -------------------------------------------------------------------------------------

_APPLICATION = Flag(("application",), "Use the status of the application", switch=True)


@tool("status-set", usage="[options] <status> [message]", flags=(_APPLICATION,))
def status_set(call: Call) -> None:
    """Set the status that users see."""
    if not call.arguments:
        raise UsageError("invalid args, require <status> [message]")
    current = call.arguments[0]
    if current not in _WORKLOAD:
        raise UsageError(
            f'invalid status "{current}", expected one of [{" ".join(_WORKLOAD)}]',
        )
    _no_more(call, 2)
    message = _argument(call, 1)
    if call.option("application"):
        call.context.set_application_status(current, message)
    else:
        call.context.set_status(current, message)


@tool(
    "status-get",
    usage="[options]",
    flags=(_APPLICATION, Flag(("include-data",), "Print all of the status", switch=True)),
    style="smart",
)
def status_get(call: Call) -> Any:
    """Print the status of the unit or, for the leader, of the application."""
    _no_more(call, 0)
    with call.context.store.read() as session:
        unit = call.context.row(session)
        if call.option("application"):
            if unit.application.leader != unit.name:
                raise JujuError(f'finding application status: "{unit.name}" is not the leader')
            document = {
                "application-status": {
                    **_status_document(status.of_application(unit.application)),
                    "units": {
                        each.name: _status_document(status.of_workload(each))
                        for each in unit.application.units
                    },
                }
            }
            whole, current = document, document["application-status"]["status"]
        else:
            whole = _status_document(unit.workload_status)
            current = whole["status"]
    return whole if call.option("include-data") else current


def _status_document(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "message": value["message"],
        "status": value["current"],
        "status-data": value["data"],
    }


@tool("application-version-set", usage="<version>")
def application_version_set(call: Call) -> None:
    """Tell the version of the application that the charm manages."""
    if not call.arguments:
        raise UsageError("no version specified")
    _no_more(call, 1)
    call.context.set_workload_version(call.arguments[0])


@tool("goal-state", style="yaml")
def goal_state(call: Call) -> dict[str, Any]:
    """Print which units and relations there are to be."""
    _no_more(call, 0)
    with call.context.store.read() as session:
        return status.goal_state(call.context.row(session))


@tool(
    "juju-log",
    usage="[options] <message>",
    flags=(
        Flag(("debug",), "Log at debug level", switch=True),
        Flag(("l", "log-level"), "Log at the given level"),
        Flag(("format",), "Accepted and ignored"),
    ),
)
def juju_log(call: Call) -> str:
    """Write a message to the log."""
    if not call.arguments:
        raise UsageError("no message specified")
    level = "DEBUG" if call.option("debug") else "INFO"
    named = call.option("log-level")
    if named:
        level = _LEVELS.get(named.upper(), "")
        if not level:
            call.context.log("WARNING", "juju-log", f'log level "{named}" is not known')
            level = "INFO"
    hook = call.context.hook
    prefix = f"{hook.endpoint}:{hook.relation}: " if hook and hook.relation is not None else ""
    call.context.log(level, "juju-log", prefix + " ".join(call.arguments))
    return ""


# -- network ------------------------------------------------------------------------------------


@tool("unit-get", usage="[options] <setting>", style="smart")
def unit_get(call: Call) -> str:
    """Print the unit's private or public address."""
    setting = _argument(call)
    if not setting:
        raise UsageError("no setting specified")
    if setting not in ("private-address", "public-address"):
        raise UsageError(f'unknown setting "{setting}"')
    with call.context.store.read() as session:
        unit = call.context.row(session)
        return network.address(unit.machine, unit.application.bindings[""])


@tool(
    "network-get",
    usage="[options] <binding-name>",
    flags=(
        Flag(("primary-address",), "Print the primary address only", switch=True),
        Flag(("bind-address",), "Print the address to bind to", switch=True),
        Flag(("ingress-address",), "Print the address that others reach", switch=True),
        Flag(("egress-subnets",), "Print the subnets that traffic comes from", switch=True),
        _RELATION,
    ),
    style="smart",
)
def network_get(call: Call) -> Any:
    """Print the network configuration of a binding."""
    binding = _argument(call)
    if not binding:
        raise UsageError("no arguments specified")
    charm = call.context.unit.charm
    if binding not in (*charm.endpoints, *charm.extra_bindings, network.JUJU_INFO):
        raise JujuError(f'no network config found for binding "{binding}"')
    if call.option("relation") is not None:
        call.context.relation_number(call.option("relation"))
    with call.context.store.read() as session:
        document = network.document(call.context.row(session), binding)
    bind = document["bind-addresses"][0]["addresses"][0]["address"]
    if call.option("primary-address"):
        return bind
    values = {
        "bind-address": bind,
        "ingress-address": document["ingress-addresses"][0],
        "egress-subnets": document["egress-subnets"],
    }
    asked = [key for key in values if call.option(key)]
    if not asked:
        return document
    return values[asked[0]] if len(asked) == 1 else {key: values[key] for key in asked}


_ENDPOINTS = Flag(("endpoints",), "Only for these endpoints, separated by commas")


@tool("open-port", usage="[options] <port>[/<protocol>]", flags=(_ENDPOINTS,))
def open_port(call: Call) -> None:
    """Open a port or a range of ports."""
    port = _port(call)
    for endpoint in _endpoints(call):
        for unit, opened in call.context.neighbours_ports().items():
            ports.check_conflict(port, call.context.unit.name, opened, unit)
        mine = call.context.committed_ports().get(endpoint, [])
        if str(port) not in mine:
            ports.check_conflict(port, call.context.unit.name, mine, call.context.unit.name)
            call.context.open_port(endpoint, str(port))


@tool("close-port", usage="[options] <port>[/<protocol>]", flags=(_ENDPOINTS,))
def close_port(call: Call) -> None:
    """Close a port or a range of ports."""
    port = _port(call)
    for endpoint in _endpoints(call):
        call.context.close_port(endpoint, str(port))


@tool(
    "opened-ports",
    flags=(Flag(("endpoints",), "List the endpoints of each port too", switch=True),),
    style="smart",
)
def opened_ports(call: Call) -> list[str]:
    """List the ports that the unit has opened."""
    by_port: dict[str, list[str]] = {}
    for endpoint, opened in call.context.committed_ports().items():
        for port in opened:
            by_port.setdefault(port, []).append(endpoint or "*")
    found = sorted((ports.parse(port) for port in by_port), key=ports.order)
    if call.option("endpoints"):
        return [f"{port} ({', '.join(sorted(by_port[str(port)]))})" for port in found]
    return [str(port) for port in found]


def _port(call: Call) -> ports.Ports:
    if not call.arguments:
        raise UsageError("no port or range specified")
    _no_more(call, 1)
    return ports.parse(call.arguments[0])


def _endpoints(call: Call) -> list[str]:
    named = [name for name in (call.option("endpoints") or "").split(",") if name]
    charm = call.context.unit.charm
    for name in named:
        if name not in (*charm.endpoints, *charm.extra_bindings):
            raise JujuError(f'endpoint "{name}" not found')
    return named or [""]


# -- actions ------------------------------------------------------------------------------------


@tool("action-get", "function-get", usage="[options] [<key>[.<key>.<key>...]]", style="smart")
def action_get(call: Call) -> Any:
    """Print the action's parameters."""
    _no_more(call, 1)
    value: Any = call.context.running_action().params
    for part in filter(None, _argument(call).split(".")):
        value = value.get(part) if isinstance(value, dict) else None
    return value


@tool("action-set", "function-set", usage="<key>=<value> [<key>=<value> ...]")
def action_set(call: Call) -> None:
    """Set results of the action."""
    action = call.context.running_action()
    for argument in call.arguments:
        path, equals, value = argument.partition("=")
        if not equals:
            raise UsageError(f'argument "{argument}" must be of the form key...=value')
        keys = path.split(".")
        if keys[0] in _RESERVED_RESULTS:
            raise JujuError(f'cannot set reserved action key "{keys[0]}"')
        for key in keys:
            if not _RESULT_KEY.fullmatch(key):
                raise UsageError(
                    f'key "{key}" must start and end with lowercase alphanumeric, '
                    "and contain only lowercase alphanumeric and hyphens"
                )
        _nest(action.results, keys, value)


def _nest(results: dict[str, Any], keys: Sequence[str], value: str) -> None:
    for key in keys[:-1]:
        if not isinstance(results.get(key), dict):
            results[key] = {}
        results = results[key]
    results[keys[-1]] = value


@tool("action-fail", "function-fail", usage='["<failure message>"]')
def action_fail(call: Call) -> None:
    """Mark the action as failed; it goes on running."""
    _no_more(call, 1)
    call.context.running_action().failure = _argument(call) or _TRIED_IN_VAIN


@tool("action-log", "function-log", usage="<message>")
def action_log(call: Call) -> None:
    """Report the progress of the action."""
    if not call.arguments:
        raise UsageError("no message specified")
    call.context.log_progress(" ".join(call.arguments))


# -- the unit's state, its host, its cloud ------------------------------------------------------


@tool(
    "state-get",
    usage="[options] [<key>]",
    flags=(Flag(("strict",), "Fail when the key is not there", switch=True),),
    style="smart",
)
def state_get(call: Call) -> Any:
    """Print state that the controller keeps for the unit."""
    _no_more(call, 1)
    key = _argument(call)
    state = call.context.state()
    if call.option("strict") and key not in ("", "-") and key not in state:
        raise JujuError(f'"{key}" not found')
    return _pick(state, key)


@tool("state-set", usage="[options] key=value [key=value ...]", flags=(_FILE,))
def state_set(call: Call) -> None:
    """Have the controller keep state for the unit."""
    values = _key_values(call)
    for key, value in values.items():
        if len(value.encode()) > _STATE_VALUE_LIMIT:
            raise JujuError(f'max allowed size exceeded: value of "{key}" is too long')
    call.context.write_state(values)


@tool("state-delete", usage="<key>")
def state_delete(call: Call) -> None:
    """Delete state that the controller keeps for the unit."""
    if not call.arguments:
        raise UsageError("missing required key")
    _no_more(call, 1)
    call.context.write_state({call.arguments[0]: ""})


@tool(
    "juju-reboot",
    flags=(Flag(("now",), "Reboot at once, and run the hook again afterwards", switch=True),),
)
def juju_reboot(call: Call) -> None:
    """Reboot the host."""
    if call.context.action is not None:
        raise JujuError("juju-reboot is not supported when running an action.")
    call.context.reboot = "now" if call.option("now") else "after"
    if call.option("now"):
        call.context.kill()


@tool("credential-get", style="smart")
def credential_get(call: Call) -> None:
    """Print the credential of the cloud, to which this lab has none."""
    raise JujuError(
        "cannot access cloud credentials: application is not trusted or the cloud has none"
    )
