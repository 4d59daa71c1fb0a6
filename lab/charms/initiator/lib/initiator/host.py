"""This host as an initiator: its sessions, its multipath devices, and how they come and go."""

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import records

# where open-iscsi keeps its node records: since 2.1.11, and before
NODES = (Path("/var/lib/iscsi/nodes"), Path("/etc/iscsi/nodes"))
SESSIONS = Path("/sys/class/iscsi_session")

# seconds until a disk has all its paths: a host under qemu takes its time
PATHS_LIMIT = 180


class InitiatorError(Exception):
    """Something that the one who asked has to know; the text names the command's own words."""


@dataclass(frozen=True)
class Session:
    """A login to one portal of a target, and the disks (``sda``) it brought."""

    iqn: str
    portal: str
    state: str
    disks: tuple[str, ...]


@dataclass(frozen=True)
class Way:
    """One way to a multipath device's data."""

    disk: str
    portal: str
    priority: int
    state: str
    group: str


@dataclass(frozen=True)
class Device:
    """A multipath device: ``/dev/mapper/NAME``, and whose target it belongs to."""

    name: str
    wwid: str
    iqn: str
    paths: tuple[Way, ...]


def sessions(root: Path = SESSIONS) -> list[Session]:
    """Return the sessions that the kernel has."""
    found = []
    for session in sorted(root.glob("session*")):
        # one connection each: iscsiadm does not make more
        connections = session.glob("device/connection*/iscsi_connection/connection*")
        portal = next(map(_portal, connections), "")
        disks = sorted(disk.name for disk in session.glob("device/target*/*/block/*"))
        iqn = (session / "targetname").read_text().strip()
        state = (session / "state").read_text().strip()
        found.append(Session(iqn, portal, state, tuple(disks)))
    return found


def _portal(connection: Path) -> str:
    """Address and port of a connection, written as a discovery writes them."""
    address = (connection / "persistent_address").read_text().strip()
    port = (connection / "persistent_port").read_text().strip()
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def devices(maps: dict[str, Any], logged_in: list[Session]) -> list[Device]:
    """Return the multipath devices in the answer to ``multipathd show maps json`` that have
    their paths over the sessions LOGGED_IN."""
    by_disk = {disk: session for session in logged_in for disk in session.disks}
    found = []
    for entry in maps.get("maps", []):
        paths = [
            Way(
                disk=path["dev"],
                portal=by_disk[path["dev"]].portal,
                priority=int(path["pri"]),
                state=f"{path['dm_st']} {path['chk_st']}",
                group=group["dm_st"],
            )
            for group in entry.get("path_groups", [])
            for path in group["paths"]
            if path["dev"] in by_disk
        ]
        if paths:
            iqn = by_disk[paths[0].disk].iqn
            device = Device(entry["name"], entry["uuid"], iqn, tuple(paths))
            found.append(device)
    return found


def show() -> dict[str, str]:
    """Return what the ``show`` action tells."""
    return {
        "initiator-name": initiator_name(),
        "sessions": json.dumps([asdict(session) for session in sessions()]),
        "devices": json.dumps([asdict(device) for device in current_devices()]),
        "multipath": _run("multipath", "-ll").stdout,
    }


def initiator_name() -> str:
    """Return this host's IQN."""
    text = Path("/etc/iscsi/initiatorname.iscsi").read_text()
    return text.partition("InitiatorName=")[2].split()[0]


def current_devices() -> list[Device]:
    """Return the multipath devices of this host."""
    maps = json.loads(_run("multipathd", "show", "maps", "json").stdout)
    return devices(maps, sessions())


def login(portals: list[str], iqn: str, username: str, password: str) -> None:
    """Log in to IQN over every portal that one of PORTALS tells, and wait for all its paths."""
    there = _discover(portals, iqn)
    settings = records.chap(username, password)
    for record in _node_records(iqn):
        _rewrite(record, records.with_values(record.read_text(), settings))
    missing = set(there) - {session.portal for session in sessions() if session.iqn == iqn}
    for portal in sorted(missing):
        _run("iscsiadm", "-m", "node", "-T", iqn, "-p", portal, "--login")
    deadline = time.monotonic() + PATHS_LIMIT
    while not _all_paths(iqn, len(there)):
        if time.monotonic() > deadline:
            raise InitiatorError(f"logged in to {iqn}, but its disks lack paths: {show()}")
        time.sleep(0.5)


def logout(iqn: str) -> None:
    """Take IQN's multipath devices away, then its sessions, then what is stored about it."""
    for device in current_devices():
        if device.iqn == iqn:
            _run("multipath", "-f", device.name)
    if any(session.iqn == iqn for session in sessions()):
        _run("iscsiadm", "-m", "node", "-T", iqn, "--logout")
    if _node_records(iqn):
        _run("iscsiadm", "-m", "node", "-T", iqn, "-o", "delete")


def _node_records(iqn: str) -> list[Path]:
    return [record for nodes in NODES for record in nodes.glob(f"{iqn}/*/*")]


def _discover(portals: list[str], iqn: str) -> list[str]:
    errors = []
    for portal in portals:
        try:
            answer = _run("iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", portal)
        except InitiatorError as error:
            errors.append(str(error))
            continue
        there = records.portals(answer.stdout, iqn)
        if there:
            return there
        errors.append(f"{portal} has no target {iqn}")
    raise InitiatorError("; ".join(errors))


def _all_paths(iqn: str, portals: int) -> bool:
    own = [device for device in current_devices() if device.iqn == iqn]
    disks = sum(len(session.disks) for session in sessions() if session.iqn == iqn)
    ready = sum(path.state == "active ready" for device in own for path in device.paths)
    return bool(own) and ready == disks == portals * len(own)


def _rewrite(path: Path, text: str) -> None:
    """Replace PATH whole, readable to root alone at every moment."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if ended.returncode:
        words = (ended.stderr or ended.stdout).strip()
        raise InitiatorError(f"{' '.join(command)}: {words or ended.returncode}")
    return ended
