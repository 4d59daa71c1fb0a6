"""The address of a binding that others are to use."""

import ipaddress
import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any


def of(binding: str) -> dict[str, Any]:
    """What Juju says of the network of a binding: the answer of network-get.

    hookenv.network_get asks for Juju's version each time, which costs more than the answer.
    """
    answer = subprocess.run(
        ["network-get", binding, "--format=json"], stdout=subprocess.PIPE, check=True
    )
    return json.loads(answer.stdout)


def address(network: Mapping[str, Any], *, prefer_ipv6: bool) -> str | None:
    """The address that Juju would have others use; with prefer_ipv6 an IPv6 one if there is one.

    :param network: answer of network-get
    """
    ingress = network.get("ingress-addresses") or []
    found = [*ingress, *_bound(network)]
    if prefer_ipv6:
        found.sort(key=lambda candidate: not _is_global_ipv6(candidate))
    return found[0] if found else None


def _bound(network: Mapping[str, Any]) -> Iterator[str]:
    for interface in network.get("bind-addresses") or ():
        for entry in interface.get("addresses") or ():
            if value := entry.get("value") or entry.get("address"):
                yield value


def _is_global_ipv6(candidate: str) -> bool:
    parsed = ipaddress.ip_address(candidate)
    return parsed.version == 6 and not parsed.is_link_local
