"""Actions on targets."""

import charms.reactive as reactive
from charmhelpers.core import hookenv

from ceph_iscsi import credentials, targets, validation
from ceph_iscsi.actions import generated
from ceph_iscsi.actions.asked import Asked, carry_out, require_gateway
from ceph_iscsi.api import Api
from ceph_iscsi.auth import Credentials
from ceph_iscsi.clients import NewClient
from ceph_iscsi.disks import NewDisk
from ceph_iscsi.targets import Gateway

CLIENT = ("client-initiatorname", "client-username", "client-password")


def create_target() -> None:
    """Make a target, with a disk for a client if they are named, or add them to it."""
    asked = Asked()
    iqn = asked.iqn
    client = disk = None
    generate = generated.wanted(asked, *CLIENT[1:])
    if generate:
        name = asked.initiator
        client = NewClient(iqn=iqn, name=name, credentials=generated.for_client(iqn, name))
    elif asked.together(*CLIENT):
        client = NewClient(
            iqn=iqn,
            name=asked.initiator,
            credentials=Credentials(asked.text("client-username"), asked.text("client-password")),
        )
    size = asked.size
    if asked.together("image-name", "image-size"):
        pools = asked.pools
        disk = NewDisk(iqn=iqn, name=asked.disk, size=size, data_pool=pools[1])
    if client:
        validation.credentials(client.credentials.username, client.credentials.password)
    wanted = targets.NewTarget(
        iqn=iqn,
        gateways=_gateways(asked, local_first=True),
        gateways_only="gateway-units" in asked,
        disk=disk,
        client=client,
    )
    carry_out(wanted, iqn=iqn)
    if generate:
        generated.keep(asked, iqn, client.name, client.credentials)


def delete_target() -> None:
    """Delete a target with its clients; its disks stay."""
    asked = Asked()
    require_gateway()
    target = Api.of().config()["targets"].get(asked.iqn, {"clients": ()})
    carry_out(targets.NoTarget(iqn=asked.iqn, meant=asked.meant))
    for client in target["clients"]:
        credentials.forget(asked.iqn, client)


def add_gateways() -> None:
    """Have more units serve a target."""
    asked = Asked()
    carry_out(targets.MoreGateways(iqn=asked.iqn, gateways=_gateways(asked)))


def remove_gateways() -> None:
    """Have fewer gateways serve a target."""
    asked = Asked()
    names = frozenset(asked.text("gateway-names").split())
    force = bool(asked.given.get("force"))
    carry_out(targets.FewerGateways(iqn=asked.iqn, gateways=names, force=force))


def _gateways(asked: Asked, *, local_first: bool = False) -> tuple[Gateway, ...]:
    """The gateways on the units that are named; all that are ready if none is.

    :param local_first: for a new target, which has to be on this unit and another one
    """
    require_gateway()
    peers = reactive.endpoint_from_name("cluster")
    local = hookenv.local_unit()
    ready = peers.ready_peer_details
    known = [local, *(unit.unit_name for unit in peers.all_joined_units)]
    value = asked.text("gateway-units")
    check = validation.gateway_units if local_first else validation.more_gateway_units
    units = check(value, local=local, ready=ready, known=known)
    return tuple(Gateway(unit=unit, **ready[unit]) for unit in units)
