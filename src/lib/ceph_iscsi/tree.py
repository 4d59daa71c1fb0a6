"""An inventory as a text that people read: a line a thing, indented under what it belongs to."""

from collections.abc import Iterator
from typing import Any

from ceph_iscsi.inventory import LOGGED_IN, UNKNOWN
from ceph_iscsi.validation import human_size

Document = dict[str, Any]

_AUTH = {"none": "no CHAP", "chap": "CHAP", "mutual": "mutual CHAP", "unknown": "CHAP unknown"}


def render(inventory: Document) -> str:
    """The lines of an inventory as ``ceph_iscsi.inventory`` takes it."""
    lines: list[str] = []
    for target in inventory["targets"]:
        lines += _target(target)
    if not inventory["targets"]:
        lines.append("no targets")
    if inventory["unused-disks"]:
        lines.append("disks of no target")
        for disk in inventory["unused-disks"]:
            lines += _indent(_disk(disk))
    if inventory["discovery-auth"] != "none":
        lines.append(f"discovery asks for {_AUTH[inventory['discovery-auth']]}")
    if inventory["problems"]:
        lines += ["problems", *_indent(inventory["problems"])]
    return "\n".join(lines)


def _target(target: Document) -> Iterator[str]:
    auth = f"  {_AUTH[target['auth']]}" if target["auth"] != "none" else ""
    anybody = "  any initiator may log in" if target["acl"] is False else ""
    yield f"{target['iqn']}{auth}{anybody}"
    for title, part, lines in (
        ("gateways", target["gateways"], _gateway),
        ("disks", target["disks"], _disk),
        ("clients", target["clients"], _client),
        ("host groups", target["host-groups"], _group),
    ):
        if part or title != "host groups":
            yield f"  {title}{'' if part else ': none'}"
        for thing in part:
            yield from _indent(lines(thing), 4)


def _gateway(gateway: Document) -> Iterator[str]:
    unit = f" ({gateway['unit']})" if gateway["unit"] else ""
    yield f"{gateway['name']}{unit}  {' '.join(gateway['portals'])}  {gateway['state']}"


def _disk(disk: Document) -> Iterator[str]:
    size = "size unknown" if disk["size"] is None else human_size(disk["size"])
    yield f"{disk['name']}  {size}  owner {disk['owner'] or 'none'}"
    for snapshot in disk["snapshots"] or ():
        yield f"  snapshot {snapshot['name']}  {snapshot['created']}"
    if disk["snapshots"] is None:
        yield "  snapshots unknown"


def _client(client: Document) -> Iterator[str]:
    group = f"  host group {client['host-group']}" if client["host-group"] else ""
    yield f"{client['name']}  {_AUTH[client['auth']]}  {_sessions(client['sessions'])}{group}"
    for disk, lun in sorted(client["luns"].items(), key=lambda item: item[1]):
        yield f"  LUN {lun}  {disk}"


def _sessions(sessions: dict[str, str]) -> str:
    there = [gateway for gateway, state in sessions.items() if state == LOGGED_IN]
    unknown = [gateway for gateway, state in sessions.items() if state == UNKNOWN]
    words = f"logged in on {', '.join(there)}" if there else "not logged in"
    return words + (f" (unknown on {', '.join(unknown)})" if unknown else "")


def _group(group: Document) -> Iterator[str]:
    yield f"{group['name']}"
    yield f"  members: {', '.join(group['members']) or 'none'}"
    yield f"  disks: {', '.join(group['disks']) or 'none'}"


def _indent(lines: Any, by: int = 2) -> Iterator[str]:
    return (f"{' ' * by}{line}" for line in lines)
