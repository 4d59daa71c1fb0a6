"""Gateways that leave the application, and what is left of them on those that stay.

A unit takes itself out of the stored targets; what it could not do, the leader does. LIO of the
other gateways has it until they restart.
"""

import socket
from collections.abc import Collection
from pathlib import Path
from typing import Any

from charmhelpers.core import hookenv

from ceph_iscsi import drain, process
from ceph_iscsi.api import GATEWAY_CFG, Api
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.errors import GatewayError

# ceph-iscsi's library waits for its lock on the stored configuration.
TIME_LIMIT = 120
# Seconds that a change may go on meanwhile: it may be one that waits for the gateway that leaves.
# Later hooks try it again, and at last the leader's, so a unit that leaves is not held up.
LOCK_LIMIT = 30


def take_self_out(ceph: Cluster) -> None:
    """Take this gateway, which has stopped, out of all targets.

    :param ceph: the cluster, which has the lock on changes
    :raises GatewayError: it could not be; it may be tried again
    """
    if GATEWAY_CFG.exists():
        _take_out(socket.getfqdn(), ceph)


def take_out(cluster: Any, ceph: Cluster) -> None:
    """Take units that have left out of the stored targets, on the leader; else see it done.

    They have done so themselves if they could. What is not done yet is known by the endpoint,
    over changes of the leader too, and is taken up by the next hook.

    :param cluster: endpoint of the peers
    :param ceph: the cluster, which has the lock on changes
    """
    if not cluster.all_departed_units:
        return
    told = [unit.received_raw for unit in cluster.all_departed_units]
    keys = ("ingress-address", "host_address", "portal_address")
    addresses = {data[key] for data in told for key in keys if data.get(key)}
    names = {data.get("host_name") for data in told}
    names -= {name for name, _ in cluster.host_names.values()}
    gone = addresses.difference(cluster.peer_addresses, cluster.portal_addresses)
    try:
        state = Api.of().config()
        gone |= _addresses_of(state, names)
        if hookenv.is_leader():
            for name in sorted(_gateways_at(state, gone)):
                _take_out(name, ceph)
        if not _gateways_at(Api.of().config(), gone):
            cluster.all_departed_units.clear()
    except GatewayError as error:
        hookenv.log(f"departed gateways are still in targets: {error}", hookenv.ERROR)


def portals(cluster: Any) -> set[str]:
    """Portals, as LIO has them, that are no longer in the stored configuration.

    :param cluster: endpoint of the peers
    """
    known = {*cluster.peer_addresses, *cluster.portal_addresses}
    # Only others can have left; whether they have is not looked up in every hook.
    unknown = {
        portal
        for tpg in drain.own_groups()
        for portal in drain.other_portals(tpg)
        if _address(portal) not in known
    }
    if not unknown:
        return set()
    try:
        state = Api.of().config()
    except GatewayError as error:
        hookenv.log(f"gateways that have left: {error}", hookenv.ERROR)
        return set()
    return {portal for portal in unknown if not _gateways_at(state, {_address(portal)})}


def call_for_restart(cluster: Any) -> bool:
    """Whether a restart would have LIO forget gateways that have left, and cut nobody off."""
    return bool(portals(cluster)) and not drain.last_paths()


def _take_out(fqdn: str, ceph: Cluster) -> None:
    """Take one gateway out of all targets; a target keeps its last one. Its API need not run."""
    program = Path(hookenv.charm_dir(), "files", "forget_gateway.py")
    with ceph.lock(hookenv.local_unit(), LOCK_LIMIT):
        process.run(["/usr/bin/python3", "-I", str(program), fqdn], timeout=TIME_LIMIT)


def _gateways_at(state: dict[str, Any], addresses: Collection[str]) -> set[str]:
    """Names of the gateways that have a portal at one of these addresses."""
    return {
        fqdn
        for target in state["targets"].values()
        for fqdn, portal in target["portals"].items()
        if not set(portal["portal_ip_addresses"]).isdisjoint(addresses)
    }


def _addresses_of(state: dict[str, Any], fqdns: Collection[str]) -> set[str]:
    """Addresses of the portals of gateways, wherever these were when the targets were made."""
    return {
        address
        for target in state["targets"].values()
        for fqdn, portal in target["portals"].items()
        if fqdn in fqdns
        for address in portal["portal_ip_addresses"]
    }


def _address(portal: str) -> str:
    """The address of a portal, as ``10.0.0.1:3260`` or ``[fd00::1]:3260``."""
    return portal.rpartition(":")[0].strip("[]")
