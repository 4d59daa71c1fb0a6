"""The lab's network: a namespace of its own with a bridge, and a port in it for each host.

A user-mode Linux host has a tap in the lab's namespace; a container has a namespace of its own,
named after the lab's, and a veth pair between the two.
"""

import json
import os
import re
import subprocess
from pathlib import Path

from juju_lab.hosts.errors import HostError
from juju_lab.hosts.process import kill_all
from juju_lab.hosts.spec import BRIDGE_ADDRESS, PREFIX_LENGTH, address, mac

BRIDGE = "br0"
# What a bridge's port does, as the kernel numbers it.
_DISABLED, _FORWARDING = "0", "3"
NETNS_DIR = Path("/run/netns")


def enter(netns: str) -> list[str]:
    """Start of a command line that runs the rest of it in the network namespace `netns`."""
    return ["nsenter", f"--net={NETNS_DIR / netns}", "--"]


def tap_commands(slot: int) -> list[str]:
    """`ip` commands, for the lab's namespace, that make the tap of a user-mode Linux host."""
    device = port(slot)
    return [f"tuntap add {device} mode tap", f"link set {device} master {BRIDGE} up"]


def veth_commands(slot: int, netns: str) -> list[str]:
    """`ip` commands, for the lab's namespace, that plug the container namespace `netns` in."""
    device = port(slot)
    return [
        f"link add {device} type veth peer name eth0 address {mac(slot)} netns {netns}",
        f"link set {device} master {BRIDGE} up",
    ]


def link_argv(netns: str, slot: int, up: bool) -> list[str]:
    """Command that has the bridge forward to and from the host in `slot`, or not.

    The tap itself stays up: user-mode Linux would take its end for the end of the device.
    """
    state = _FORWARDING if up else _DISABLED
    return ["bridge", "-netns", netns, "link", "set", "dev", port(slot), "state", state]


def port(slot: int) -> str:
    """Name of the bridge's port to the host in `slot`."""
    return f"host{slot}"


class Network:
    """The namespace `netns` and all that is in it."""

    def __init__(self, netns: str) -> None:
        self.netns = netns

    def exists(self) -> bool:
        """Whether the namespace is there."""
        return self.netns in _namespaces()

    def up(self) -> None:
        """Make the namespace and its bridge, as far as they are missing."""
        self._make_namespace(self.netns)
        if BRIDGE not in self._devices():
            self._ip(
                "link set lo up",
                f"link add {BRIDGE} type bridge forward_delay 0",
                f"address add {BRIDGE_ADDRESS}/{PREFIX_LENGTH} dev {BRIDGE}",
                f"link set {BRIDGE} up",
            )

    def plug_tap(self, slot: int) -> str:
        """Give the host in `slot` a new tap; returns the name of it."""
        self.unplug(slot)
        self._ip(*tap_commands(slot))
        return port(slot)

    def plug_container(self, slot: int) -> str:
        """Give the container in `slot` a network namespace with eth0; returns its name."""
        netns = self._container_netns(slot)
        self.unplug(slot)
        self._make_namespace(netns)
        self._ip(*veth_commands(slot, netns))
        self._ip(
            "link set lo up",
            f"address add {address(slot)}/{PREFIX_LENGTH} dev eth0",
            "link set eth0 up",
            netns=netns,
        )
        return netns

    def unplug(self, slot: int) -> None:
        """Remove the port of the host in `slot`, and its namespace if it has one."""
        if port(slot) in self._devices():
            self._ip(f"link del {port(slot)}")
        netns = self._container_netns(slot)
        if netns in _namespaces():
            _remove_namespace(netns)

    def set_link(self, slot: int, up: bool) -> None:
        """Connect the host in `slot` with the others, or cut it off."""
        _run(link_argv(self.netns, slot, up))

    def down(self) -> None:
        """Kill every process in the lab's namespaces, save this one's line, and remove them."""
        for netns in sorted(_namespaces(), reverse=True):
            if netns == self.netns or re.fullmatch(rf"{re.escape(self.netns)}\.\d+", netns):
                _remove_namespace(netns)

    def _container_netns(self, slot: int) -> str:
        return f"{self.netns}.{slot}"

    def _make_namespace(self, netns: str) -> None:
        # After an unclean end of the machine a name can be there without its namespace.
        name = NETNS_DIR / netns
        if name.exists() and not _is_namespace(name):
            name.unlink()
        if not name.exists():
            _run(["ip", "netns", "add", netns])

    def _devices(self) -> set[str]:
        if not self.exists():
            return set()
        listed = _run(["ip", "-json", "-netns", self.netns, "link", "show"])
        return {link["ifname"] for link in json.loads(listed) if link}

    def _ip(self, *commands: str, netns: str | None = None) -> None:
        batch = "".join(f"{command}\n" for command in commands).encode()
        _run(["ip", "-netns", netns or self.netns, "-batch", "-"], batch)


def _namespaces() -> set[str]:
    return {path.name for path in NETNS_DIR.glob("*") if _is_namespace(path)}


def _is_namespace(path: Path) -> bool:
    return os.path.ismount(path)


def _remove_namespace(netns: str) -> None:
    spared = _line_of(os.getpid())
    # Whoever is killed may just have started another one.
    while pids := _pids(netns) - spared:
        kill_all(pids)
    _run(["ip", "netns", "delete", netns])


def _pids(netns: str) -> set[int]:
    return {int(pid) for pid in _run(["ip", "netns", "pids", netns]).split()}


def _line_of(pid: int) -> set[int]:
    """This process and all that it descends from."""
    line = set()
    while pid > 1:
        line.add(pid)
        status = Path(f"/proc/{pid}/stat").read_text()
        pid = int(status.rpartition(")")[2].split()[1])
    return line


def _run(argv: list[str], stdin: bytes = b"") -> bytes:
    result = subprocess.run(argv, input=stdin, capture_output=True)
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        raise HostError(f"{' '.join(argv[:4])}: {said[0] if said else result.returncode}")
    return result.stdout
