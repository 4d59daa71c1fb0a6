"""Tables of text, and the status table."""

from collections.abc import Sequence
from typing import Any

from juju_lab import names
from juju_lab.controller import ports

_VERSION_WIDTH = 15
_MESSAGE_WIDTH = 120
_GAP = 2


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> str:
    """Columns two spaces apart; those named in `right` end at a common edge."""
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    text = ""
    for line in lines:
        cells = [
            cell.rjust(width) if head in right else cell.ljust(width)
            for head, cell, width in zip(heads, line, widths, strict=True)
        ]
        text += (" " * _GAP).join(cells).rstrip() + "\n"
    return text


def status(document: dict[str, Any], relations: Sequence[dict[str, str]] | None) -> str:
    """The status table of a document; `relations` adds the block of relations."""
    blocks = [
        _model(document),
        _applications(document["applications"]),
        _units(document["applications"]),
        _machines(document["machines"]),
        _relations(relations or ()),
    ]
    return "\n".join(block for block in blocks if block)


def _model(document: dict[str, Any]) -> str:
    model = document["model"]
    row = [
        model["name"],
        model["controller"],
        f"{model['cloud']}/{model['region']}",
        model["version"],
        model["sla"],
        document["controller"]["timestamp"],
    ]
    heads = ["Model", "Controller", "Cloud/Region", "Version", "SLA", "Timestamp"]
    return table(heads, [row])


def _applications(applications: dict[str, Any]) -> str:
    if not applications:
        return ""
    rows = []
    for name in sorted(applications, key=names.natural):
        application = applications[name]
        status_ = application["application-status"]
        version = application.get("version", "")
        if len(version) > _VERSION_WIDTH:
            version = f"{version[: _VERSION_WIDTH - 3]}..."
        rows.append(
            [
                name,
                version,
                status_["current"],
                _scale(application.get("units", {})),
                application["charm-name"],
                application.get("charm-channel", ""),
                str(application["charm-rev"]),
                "yes" if application["exposed"] else "no",
                status_.get("message", "")[:_MESSAGE_WIDTH],
            ]
        )
    heads = [
        "App",
        "Version",
        "Status",
        "Scale",
        "Charm",
        "Channel",
        "Rev",
        "Exposed",
        "Message",
    ]
    return table(heads, rows, right=("Scale", "Rev"))


def _scale(units: dict[str, Any]) -> str:
    alive = [unit for unit in units.values() if unit["juju-status"]["current"] != "lost"]
    return str(len(units)) if len(alive) == len(units) else f"{len(alive)}/{len(units)}"


def _units(applications: dict[str, Any]) -> str:
    units = {
        name: unit
        for application in applications.values()
        for name, unit in application.get("units", {}).items()
    }
    if not units:
        return ""
    rows = []
    for name in sorted(units, key=names.natural):
        unit = units[name]
        workload, agent = unit["workload-status"], unit["juju-status"]
        message = workload.get("message", "")
        if agent["current"] == "executing":
            message = f"({_doing(agent.get('message', ''))}) {message}".rstrip()
        rows.append(
            [
                f"{name}{'*' if unit.get('leader') else ''}",
                workload["current"],
                agent["current"],
                unit.get("machine", ""),
                unit.get("public-address", ""),
                ports.grouped(unit.get("open-ports", [])),
                message[:_MESSAGE_WIDTH],
            ]
        )
    return table(
        ["Unit", "Workload", "Agent", "Machine", "Public address", "Ports", "Message"], rows
    )


def _doing(message: str) -> str:
    """`running start hook` to `start`; `running action 2` to `action 2`."""
    return message.removeprefix("running ").partition(" hook")[0]


def _machines(machines: dict[str, Any]) -> str:
    if not machines:
        return ""
    rows = [
        [
            number,
            machine["juju-status"]["current"],
            machine.get("dns-name", ""),
            machine.get("instance-id", ""),
            f"{machine['base']['name']}@{machine['base']['channel']}",
            "",
            machine["machine-status"].get("message", ""),
        ]
        for number, machine in sorted(machines.items(), key=lambda each: names.natural(each[0]))
    ]
    return table(["Machine", "State", "Address", "Inst id", "Base", "AZ", "Message"], rows)


def _relations(relations: Sequence[dict[str, str]]) -> str:
    if not relations:
        return ""
    keys = ("provider", "requirer", "interface", "type", "message")
    rows = sorted([relation[key] for key in keys] for relation in relations)
    return table(["Integration provider", "Requirer", "Interface", "Type", "Message"], rows)
