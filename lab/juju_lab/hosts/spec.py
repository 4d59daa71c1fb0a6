"""What a host is, before it exists: its slot in the lab's network, and its kind."""

from dataclasses import dataclass
from typing import Literal

from juju_lab.hosts.bases import BASES, DEFAULT_BASE

SLOTS = range(1, 61)
DOMAIN = "lab"
BRIDGE_ADDRESS = "10.85.0.1"
PREFIX_LENGTH, PREFIX_LENGTH_6 = 24, 64
SUBNETS = (("10.85.0.0/24", "fd85::/64"), ("10.86.0.0/24", "fd86::/64"))
"""The lab's networks; a host is in the first one, by IPv4 alone, or in both, by IPv4 and IPv6."""


def hostname(slot: int) -> str:
    """Name of the host in `slot`, without the domain."""
    return f"host-{slot}"


def fqdn(slot: int) -> str:
    """Full name of the host in `slot`."""
    return f"{hostname(slot)}.{DOMAIN}"


def address(slot: int) -> str:
    """IPv4 address of the host in `slot`."""
    return f"10.85.0.{10 + slot}"


def addresses(slot: int, networks: int) -> list[list[str]]:
    """What the host in `slot` has on each interface when it is in so many networks, as CIDRs."""
    if networks == 1:
        return [[f"{address(slot)}/{PREFIX_LENGTH}"]]
    return [
        [
            f"10.{85 + n}.0.{10 + slot}/{PREFIX_LENGTH}",
            f"fd{85 + n}::{10 + slot}/{PREFIX_LENGTH_6}",
        ]
        for n in range(networks)
    ]


def mac(slot: int, network: int = 0) -> str:
    """Ethernet address of the host in `slot`: a restart keeps it, so neighbours need not ask."""
    return f"02:{85 + network}:00:00:00:{10 + slot:02x}"


def etc_hosts() -> str:
    """Content of every host's /etc/hosts: all slots, in the place of a name server."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    lines += [f"{address(slot)} {fqdn(slot)} {hostname(slot)}" for slot in SLOTS]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class HostSpec:
    """A host to be: `slot` 1 to 60, `kind` of machine, `base` as Juju names it, memory in MiB,
    in how many of the lab's networks.

    `uml` hosts have a kernel and systemd of their own; so have `qemu` hosts, with Debian's
    ordinary kernel, and are several times slower; `container` hosts run on the machine's kernel,
    without systemd, and their memory is not limited.
    """

    slot: int
    kind: Literal["uml", "qemu", "container"] = "uml"
    base: str = DEFAULT_BASE
    memory_mib: int = 1024
    networks: int = 1

    def __post_init__(self) -> None:
        if self.slot not in SLOTS:
            raise ValueError(f"slot {self.slot}: there are {SLOTS.start} to {SLOTS.stop - 1}")
        if self.kind not in ("uml", "qemu", "container"):
            raise ValueError(f"kind {self.kind}: there are uml, qemu and container")
        if self.base not in BASES:
            raise ValueError(f"base {self.base}: there are {', '.join(BASES)}")
        if self.kind == "container" and self.base != DEFAULT_BASE:
            raise ValueError(f"base {self.base}: containers have {DEFAULT_BASE} only")
        if self.memory_mib < 256:
            raise ValueError(f"memory {self.memory_mib} MiB: a host needs 256")
        if not 1 <= self.networks <= len(SUBNETS):
            raise ValueError(f"{self.networks} networks: there are {len(SUBNETS)}")
