#!/usr/bin/env python3
"""Actions: one function each, found by the name under which this file is called."""

import os
import sys
import traceback
from pathlib import Path

CHARM_DIR = Path(os.environ.get("CHARM_DIR", Path(__file__).resolve().parent.parent))
for part in ("lib", "."):
    sys.path.insert(0, str(CHARM_DIR / part))

from charms.layer import basic  # noqa: E402

basic.bootstrap_charm_deps()

import charms.reactive as reactive  # noqa: E402
import charms_openstack.bus  # noqa: E402
import charms_openstack.charm as charm  # noqa: E402
from ceph_iscsi.errors import GatewayError  # noqa: E402
from charmhelpers.core import hookenv, unitdata  # noqa: E402


def pause() -> None:
    """Stop the gateway, until resumed."""
    with charm.provide_charm_instance() as gateway:
        gateway.pause()


def resume() -> None:
    """Start the gateway again."""
    with charm.provide_charm_instance() as gateway:
        gateway.resume()


def create_target() -> None:
    """Make a target with a disk for a client, or add them to it."""
    from ceph_iscsi import targets, validation
    from ceph_iscsi.ceph import Cluster

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


ACTIONS = {
    "create-target": create_target,
    "pause": pause,
    "resume": resume,
}


def main(name: str) -> None:
    """Run an action; whatever goes wrong becomes its message, never a traceback.

    The framework's start and end are run around it: without them, what an action sets in the
    relations, and its flags, would be lost.
    """
    basic.init_config_states()
    charms_openstack.bus.discover()
    hookenv._run_atstart()
    try:
        ACTIONS[name]()
    except GatewayError as error:
        fail(str(error))
    except Exception as error:
        # Its text may hold anything, a secret too: only its kind and place are told.
        place = "".join(traceback.format_tb(error.__traceback__))
        hookenv.log(f"{name}: {type(error).__name__} at\n{place}", hookenv.ERROR)
        fail(f"{name} failed unexpectedly ({type(error).__name__}); the unit's log says where")
    with charm.provide_charm_instance() as gateway:
        gateway.assess_status()
    hookenv._run_atexit()
    unitdata.kv().flush()


def fail(message: str) -> None:
    """Have the action fail, with the message as its result ``err`` too."""
    hookenv.action_set({"err": message})
    hookenv.action_fail(message)


if __name__ == "__main__":
    main(Path(sys.argv[0]).name)
