"""Actions that tell what there is and change nothing."""

import json
import socket

import charms.reactive as reactive
import charms_openstack.charm as charm
from charmhelpers.core import hookenv

from ceph_iscsi import inventory, tree, validation
from ceph_iscsi.errors import GatewayError

# A hook tool gets a result as one word on its command line, which Linux limits to 128 KiB.
LONGEST_RESULT = 120_000


def list_targets() -> None:
    """Tell all targets or one, as JSON and as a tree."""
    iqn = hookenv.action_get().get("iqn")
    only = validation.iqn("iqn", iqn) if iqn else None
    with charm.provide_charm_instance() as gateway:
        taken = inventory.take(gateway.ceph_cluster, *_peers(), only)
    results = {"targets": json.dumps(taken, separators=(",", ":")), "tree": tree.render(taken)}
    if max(map(len, results.values())) > LONGEST_RESULT:
        raise GatewayError("too much for the result of an action: name one target with iqn")
    hookenv.action_set(results)


def _peers() -> tuple[list[str], dict[str, str]]:
    """Addresses of the other units, and the units by the names of their gateways."""
    addresses, units = [], {socket.getfqdn(): hookenv.local_unit()}
    for unit in reactive.endpoint_from_name("cluster").all_joined_units:
        told = unit.received_raw
        if address := told.get("host_address") or told.get("ingress-address"):
            addresses.append(address)
        if name := told.get("host_name") or told.get("gateway_fqdn"):
            units[name] = unit.unit_name
    return addresses, units
