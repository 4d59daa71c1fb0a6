"""Actions on targets."""

import charms.reactive as reactive
import charms_openstack.charm as charm
from charmhelpers.core import hookenv

from ceph_iscsi import targets, validation
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.errors import GatewayError


def create_target() -> None:
    """Make a target with a disk for a client, or add them to it."""
    asked = hookenv.action_get()
    iqn = validation.iqn("iqn", asked["iqn"])
    initiator = validation.iqn("client-initiatorname", asked["client-initiatorname"])
    size = validation.size("image-size", asked["image-size"])
    image = validation.name("image-name", asked["image-name"])
    named_pools = [
        asked.get(parameter) and validation.name(parameter, asked[parameter])
        for parameter in ("rbd-pool-name", "ec-rbd-metadata-pool")
    ]
    validation.credentials(asked["client-username"], asked["client-password"])
    with charm.provide_charm_instance() as gateway:
        if not reactive.is_flag_set("config.rendered"):
            raise GatewayError("the gateway is not configured yet; see the unit's status")
        peers = reactive.endpoint_from_name("cluster")
        pool, data_pool = gateway.target_pools(*named_pools)
        units = validation.gateway_units(
            asked.get("gateway-units"),
            local=hookenv.local_unit(),
            ready=peers.ready_peer_details,
            known=[hookenv.local_unit(), *(unit.unit_name for unit in peers.all_joined_units)],
        )
        request = targets.TargetRequest(
            iqn=iqn,
            gateways=tuple(
                targets.Gateway(unit=unit, **peers.ready_peer_details[unit]) for unit in units
            ),
            gateways_only=bool(asked.get("gateway-units")),
            pool=pool,
            data_pool=data_pool,
            image=image,
            size=size,
            initiator=initiator,
            username=asked["client-username"],
            password=asked["client-password"],
        )
        targets.create(request, Cluster(gateway.application_name))
    hookenv.action_set({"iqn": iqn})
