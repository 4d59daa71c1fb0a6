"""The lab's networks: a namespace of its own with a bridge for each, and ports for the hosts.

A user-mode Linux host has a tap in the lab's namespace for each network that it is in; a container
has a namespace of its own, named after the lab's, and veth pairs between the two.
"""

import json
import os
import re
import subprocess
from pathlib import Path

from juju_lab.hosts.errors import HostError
from juju_lab.hosts.process import kill_all
from juju_lab.hosts.spec import BRIDGE_ADDRESS, PREFIX_LENGTH, SUBNETS, addresses, mac

BRIDGES = tuple(f"br{network}" for network in range(len(SUBNETS)))
# What a bridge's port does, as the kernel numbers it.
_DISABLED, _FORWARDING = "0", "3"
NETNS_DIR = Path("/run/netns")


def enter(netns: str) -> list[str]:
    """Start of a command line that runs the rest of it in the network namespace `netns`."""
    return ["nsenter", f"--net={NETNS_DIR / netns}", "--"]


def tap_commands(slot: int, network: int = 0) -> list[str]:
    """`ip` commands, for the lab's namespace, that make a tap of a user-mode Linux host."""
    device = port(slot, network)
    return [f"tuntap add {device} mode tap", f"link set {device} master {BRIDGES[network]} up"]


def veth_commands(slot: int, netns: str, network: int = 0) -> list[str]:
    """`ip` commands, for the lab's namespace, that plug the container namespace `netns` in."""
    device, peer = port(slot, network), f"eth{network} address {mac(slot, network)}"
    return [
        f"link add {device} type veth peer name {peer} netns {netns}",
        f"link set {device} master {BRIDGES[network]} up",
    ]


def address_commands(device: str, cidrs: list[str]) -> list[str]:
    """`ip` commands, for a container's namespace, that give `device` its addresses."""
    # Addresses are the lab's own: nobody has to be asked whether one is taken.
    added = [f"address add {cidr} dev {device}{' nodad' * (':' in cidr)}" for cidr in cidrs]
    return [*added, f"link set {device} up"]


def link_argv(netns: str, device: str, up: bool) -> list[str]:
    """Command that has the bridge forward to and from the host behind the port, or not.

    The tap itself stays up: user-mode Linux would take its end for the end of the device.
    """
    state = _FORWARDING if up else _DISABLED
    return ["bridge", "-netns", netns, "link", "set", "dev", device, "state", state]


def port(slot: int, network: int = 0) -> str:
    """Name of the network's bridge's port to the host in `slot`."""
    return f"host{slot}" + f".{network}" * (network > 0)


class Network:
    """The namespace `netns` and all that is in it."""

    def __init__(self, netns: str) -> None:
        self.netns = netns

    def exists(self) -> bool:
        """Whether the namespace is there."""
        return self.netns in _namespaces()

    def up(self) -> None:
        """Make the namespace and its bridges, as far as they are missing."""
        self._make_namespace(self.netns)
        made = self._devices()
        if BRIDGES[-1] not in made:
            missing = [bridge for bridge in BRIDGES if bridge not in made]
            self._ip(
                "link set lo up",
                *(f"link add {bridge} type bridge forward_delay 0" for bridge in missing),
                f"address replace {BRIDGE_ADDRESS}/{PREFIX_LENGTH} dev {BRIDGES[0]}",
                *(f"link set {bridge} up" for bridge in missing),
            )

    def plug_taps(self, slot: int, networks: int) -> list[str]:
        """Give the host in `slot` a new tap in so many networks; returns their names."""
        self.unplug(slot)
        self._ip(*(line for n in range(networks) for line in tap_commands(slot, n)))
        return [port(slot, n) for n in range(networks)]

    def plug_container(self, slot: int, networks: int) -> str:
        """Give the container in `slot` a network namespace with eth0, or with eth0 and eth1;
        returns its name.
        """
        netns = self._container_netns(slot)
        self.unplug(slot)
        self._make_namespace(netns)
        for network, cidrs in enumerate(addresses(slot, networks)):
            self._ip(*veth_commands(slot, netns, network))
            self._ip(*address_commands(f"eth{network}", cidrs), netns=netns)
        self._ip("link set lo up", netns=netns)
        return netns

    def unplug(self, slot: int) -> None:
        """Remove the ports of the host in `slot`, and its namespace if it has one."""
        for device in self._ports(slot):
            self._ip(f"link del {device}")
        netns = self._container_netns(slot)
        if netns in _namespaces():
            _remove_namespace(netns)

    def set_link(self, slot: int, up: bool) -> None:
        """Connect the host in `slot` with the others, or cut it off."""
        for device in self._ports(slot):
            _run(link_argv(self.netns, device, up))

    def down(self) -> None:
        """Kill every process in the lab's namespaces, save this one's line, and remove them."""
        for netns in sorted(_namespaces(), reverse=True):
            if netns == self.netns or re.fullmatch(rf"{re.escape(self.netns)}\.\d+", netns):
                _remove_namespace(netns)

    def _ports(self, slot: int) -> list[str]:
        return sorted({port(slot, n) for n in range(len(BRIDGES))} & self._devices())

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
