"""Port ranges as hook tools write them: `80/tcp`, `8000-8010/udp`, `icmp`."""

from collections.abc import Sequence
from dataclasses import dataclass

from juju_lab.errors import JujuError, UsageError

_PROTOCOLS = ("tcp", "udp", "icmp")


@dataclass(frozen=True)
class Ports:
    """From `first` to `last` of a protocol; icmp has no numbers (both -1)."""

    first: int
    last: int
    protocol: str

    def __str__(self) -> str:
        if self.protocol == "icmp":
            return "icmp"
        if self.first == self.last:
            return f"{self.first}/{self.protocol}"
        return f"{self.first}-{self.last}/{self.protocol}"


def parse(text: str) -> Ports:
    """Read a range, tcp unless it says otherwise; UsageError when it is none."""
    numbers, slash, protocol = text.partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if text.lower() == "icmp":
        return Ports(-1, -1, "icmp")
    if protocol not in _PROTOCOLS:
        raise UsageError(f'invalid protocol "{protocol}", expected "tcp", "udp", or "icmp"')
    first, dash, last = numbers.partition("-")
    try:
        found = Ports(int(first), int(last) if dash else int(first), protocol)
    except ValueError:
        raise UsageError(f'invalid port "{numbers}": expected a number or a range') from None
    if not 1 <= found.first <= found.last <= 65535:
        raise UsageError(f"invalid port range {found}")
    return found


def order(port: Ports) -> tuple[str, int, int]:
    """A sort key: by protocol, then number."""
    return (port.protocol, port.first, port.last)


def check_conflict(port: Ports, unit: str, opened: Sequence[str], owner: str) -> None:
    """Raise JujuError when `port` for `unit` overlaps with a range that `owner` has opened."""
    for other in map(parse, opened):
        if (
            port.protocol == other.protocol
            and port.first <= other.last
            and other.first <= port.last
        ):
            raise JujuError(
                f'cannot open {port} (unit "{unit}"): '
                f'port range conflicts with {other} (unit "{owner}")'
            )


def grouped(opened: Sequence[str]) -> str:
    """Ports as the status table shows them: `80,443/tcp 53/udp`."""
    by_protocol: dict[str, list[str]] = {}
    for port in sorted(map(parse, opened), key=order):
        numbers = str(port).partition("/")[0] if port.protocol != "icmp" else ""
        by_protocol.setdefault(port.protocol, []).append(numbers)
    return " ".join(
        protocol if protocol == "icmp" else f"{','.join(numbers)}/{protocol}"
        for protocol, numbers in by_protocol.items()
    )
