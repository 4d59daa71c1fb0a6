"""A machine's addresses and the spaces that they are in, as hook tools and status show them.

`Machine.network` lists its interfaces once the machine has started: name, mac, and addresses, each
with its subnet. `Model.spaces` holds the subnets of each space that was added; all others are in
`alpha`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from juju_lab.controller.charmdir import Charm
from juju_lab.controller.store import Application, Machine, Model, Unit
from juju_lab.errors import JujuError
from juju_lab.hosts.spec import SUBNETS

ALPHA = "alpha"
JUJU_INFO = "juju-info"


def add_space(model: Model, name: str, subnets: Sequence[str]) -> None:
    """Move these subnets to a new space; JujuError when one is unknown or the name is taken."""
    if name in spaces(model):
        raise JujuError(f'cannot add space "{name}": space "{name}" already exists')
    known = [subnet for network in SUBNETS for subnet in network]
    for subnet in subnets:
        if subnet not in known:
            raise JujuError(f'cannot add space "{name}": subnet "{subnet}" not found')
    left = {
        other: [each for each in held if each not in subnets]
        for other, held in model.spaces.items()
    }
    model.spaces = {**left, name: list(subnets)}


def spaces(model: Model) -> dict[str, list[str]]:
    """The subnets of each space, in the order in which the spaces were added."""
    held = {subnet for subnets in model.spaces.values() for subnet in subnets}
    rest = [subnet for network in SUBNETS for subnet in network if subnet not in held]
    return {ALPHA: rest, **model.spaces}


def space_of(model: Model, subnet: str) -> str:
    """The space that a subnet is in."""
    return next((name for name, held in model.spaces.items() if subnet in held), ALPHA)


def networks(model: Model) -> int:
    """In how many of the lab's networks a new machine is: with spaces in all, else in one."""
    return len(SUBNETS) if model.spaces else 1


def bindings(
    model: Model, charm: Charm, wanted: Mapping[str, str], present: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The space of each endpoint and extra binding, and under the empty name that of others.

    `wanted` names what changes `present`; its empty name is for all that it does not name.
    """
    known = [*charm.endpoints, *charm.extra_bindings]
    for name, space in wanted.items():
        if name and name not in known:
            raise JujuError(f'endpoint "{name}" not found')
        if space not in spaces(model):
            raise JujuError(f'space not found: "{space}"')
    present = present or {}
    default = wanted.get("", present.get("", ALPHA))
    kept = {} if "" in wanted else {name: present.get(name, default) for name in known}
    return {"": default, **dict.fromkeys(known, default), **kept, **wanted}


def check(application: Application, machine: Machine) -> None:
    """JujuError when a machine that has started is in none of a space's subnets."""
    for space in sorted(set(application.bindings.values())):
        if machine.network and not _in_space(machine, space):
            raise JujuError(f'machine "{machine.number}" has no devices in space "{space}"')


def address(machine: Machine, space: str = ALPHA) -> str:
    """The machine's first address in `space`, empty until it has started.

    In alpha that is its preferred one, wherever its subnet is.
    """
    found = _in_space(machine, space)
    return found[0]["addresses"][0]["address"] if found else ""


def all_addresses(interface: Mapping[str, Any]) -> list[str]:
    """The addresses of one of the machine's interfaces."""
    return [each["address"] for each in interface["addresses"]]


def document(unit: Unit, binding: str) -> dict[str, Any]:
    """What network-get prints; the older spellings of the keys say the same again.

    JujuError when the machine is in none of the subnets of the binding's space.
    """
    space = _space(unit, binding)
    found = _in_space(unit.machine, space)
    if not found:
        raise JujuError(f'machine "{unit.machine.number}" has no devices in space "{space}"')
    ingress = sorted(
        (each for interface in found for each in all_addresses(interface)),
        key=lambda each: ":" in each,
    )
    return {
        "bind-addresses": [
            {
                "mac-address": interface["mac"],
                "macaddress": interface["mac"],
                "interface-name": interface["name"],
                "interfacename": interface["name"],
                "addresses": [
                    {
                        "hostname": "",
                        "value": each["address"],
                        "address": each["address"],
                        "cidr": each["cidr"],
                    }
                    for each in interface["addresses"]
                ],
            }
            for interface in found
        ],
        "egress-subnets": [_host_subnet(ingress[0])],
        "ingress-addresses": ingress,
    }


def scope_settings(unit: Unit, binding: str) -> dict[str, str]:
    """What a unit's data bag holds from the start, in a relation of the endpoint `binding`."""
    first = address(unit.machine, _space(unit, binding))
    return {
        "egress-subnets": _host_subnet(first),
        "ingress-address": first,
        "private-address": first,
    }


def _space(unit: Unit, binding: str) -> str:
    bound = unit.application.bindings
    return bound.get(binding, bound.get("", ALPHA))


def _host_subnet(host: str) -> str:
    return f"{host}/{128 if ':' in host else 32}"


def _in_space(machine: Machine, space: str) -> list[dict[str, Any]]:
    """The machine's interfaces with their addresses in `space`, without those that have none.

    As in Juju, alpha holds the machine's preferred address alone, whatever its subnet's space.
    """
    if space == ALPHA:
        return [
            {**interface, "addresses": interface["addresses"][:1]}
            for interface in machine.network[:1]
        ]
    found = []
    for interface in machine.network:
        held = [
            each
            for each in interface["addresses"]
            if space_of(machine.model, each["cidr"]) == space
        ]
        if held:
            found.append({**interface, "addresses": held})
    return found
