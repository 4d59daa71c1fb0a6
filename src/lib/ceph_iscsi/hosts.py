"""How the gateways' names resolve on this host, and a block in /etc/hosts for those that don't.

A gateway is known by its fqdn: the daemons and gwcli reach it under that name alone.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ceph_iscsi import files, process

ETC_HOSTS = Path("/etc/hosts")
BEGIN = "# iSCSI gateways, by Juju: changes in this block are overwritten"
END = "# end of iSCSI gateways"
_BLOCK = re.compile(rf"^{BEGIN}\n((?:(?!{BEGIN}$|{END}$).*\n)*){END}\n", re.MULTILINE)
NOT_FOUND = 2
# Seconds; a resolver asks several servers several times before it gives up.
RESOLVER_TIME_LIMIT = 45


@dataclass(frozen=True)
class Peer:
    """A gateway: its name, and the address that it is reached at by the other gateways."""

    name: str
    address: str


def keep(peers: Mapping[str, Peer], own: Peer, *, manage: bool) -> None:
    """Have the gateways' names in the block that resolve nowhere else, and no others.

    A name that only a name server might know by now stays as long as the peer does: asking it is
    no use, since a local resolver answers from /etc/hosts as well.

    :param peers: the other gateways by unit
    :param own: this one, whose API is asked under its name from this host as well
    :param manage: whether there may be a block
    """
    text = ETC_HOSTS.read_text()
    rest = _BLOCK.sub("", text)
    there = {name for _, name in _names(_lines(text))}
    elsewhere = set(_names(rest.splitlines()))

    def is_needed(peer: Peer) -> bool:
        if not peer.address or (peer.address, peer.name) in elsewhere:
            return False
        return peer.name in there or not _of_family(resolve(peer.name), peer.address)

    others = [peer for peer in peers.values() if peer.name != own.name]
    lines = {
        f"{peer.address} {peer.name}\n" for peer in [own, *others] if manage and is_needed(peer)
    }
    if lines == set(_lines(text)):
        return
    if rest and not rest.endswith("\n"):
        rest += "\n"
    if lines:
        rest += "".join([f"{BEGIN}\n", *sorted(lines), f"{END}\n"])
    files.write(ETC_HOSTS, rest, 0o644)


def remove() -> None:
    """Remove the block."""
    keep({}, Peer("", ""), manage=False)


def problems(peers: Mapping[str, Peer], own_name: str) -> list[str]:
    """What is wrong with the names of peers, a few words each; nothing if all is well.

    :param peers: by unit
    """
    found = []
    owners = {own_name: "this unit"}
    for unit, peer in sorted(peers.items()):
        if peer.name in owners:
            found.append(f"{unit} and {owners[peer.name]} are both called {peer.name}")
            continue
        owners[peer.name] = unit
        # The first one counts: it is where a connection goes to.
        addresses = resolve(peer.name)
        if not addresses:
            found.append(f"{peer.name} ({unit}) does not resolve")
        elif addresses[0] != peer.address:
            found.append(f"{peer.name} ({unit}) resolves to {addresses[0]}, not {peer.address}")
    return found


def resolve(name: str) -> list[str]:
    """Addresses that a name stands for on this host, in the order in which programs try them."""
    try:
        answer = process.run(["getent", "ahosts", name], timeout=RESOLVER_TIME_LIMIT)
    except process.CommandFailed as error:
        if error.code == NOT_FOUND:
            return []
        raise
    return list(dict.fromkeys(line.split()[0] for line in answer.splitlines()))


def _lines(text: str) -> list[str]:
    """The lines in the block of a hosts file."""
    block = _BLOCK.search(text)
    return block[1].splitlines(keepends=True) if block else []


def _names(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each address with each name that the lines of a hosts file give to it."""
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            yield address, name


def _of_family(addresses: list[str], like: str) -> list[str]:
    """Those of addresses that are IPv4 or IPv6 as another one is."""
    version = ipaddress.ip_address(like).version
    return [address for address in addresses if _version(address) == version]


def _version(address: str) -> int:
    return ipaddress.ip_address(address.partition("%")[0]).version
