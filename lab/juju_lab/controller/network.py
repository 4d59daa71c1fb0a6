"""A machine's addresses, as hook tools and status show them.

`Machine.network` holds name, mac, address and cidr of its interface once the machine has started.
"""

from typing import Any

from juju_lab.controller.store import Machine


def address(machine: Machine) -> str:
    """The machine's address, empty until it has started."""
    return machine.network.get("address", "")


def egress(machine: Machine) -> str:
    """Where its traffic comes from, as a subnet."""
    host = address(machine)
    return f"{host}/{128 if ':' in host else 32}"


def document(machine: Machine) -> dict[str, Any]:
    """What network-get prints; the older spellings of the keys say the same again."""
    interface = machine.network
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
                        "value": interface["address"],
                        "address": interface["address"],
                        "cidr": interface["cidr"],
                    }
                ],
            }
        ],
        "egress-subnets": [egress(machine)],
        "ingress-addresses": [interface["address"]],
    }


def scope_settings(machine: Machine) -> dict[str, str]:
    """What a unit's data bag holds from the start."""
    return {
        "egress-subnets": egress(machine),
        "ingress-address": address(machine),
        "private-address": address(machine),
    }
