"""The life of the charm: which flags lead to what.

Flags of this module, and of the layers and interfaces that it listens to:

``charm.installed``              set here when the packages are there; stays
``config.rendered``              set here when files are written and daemons were started on them;
                                 cleared here when the cluster's data are gone
``ceph-client.connected``        a relation to Ceph is there
``ceph-client.available``        it has key and monitors
``ceph-client.pools.available``  the cluster carried out what was asked for
``cluster.connected``            the peer relation can be used
``cluster.available``            the API's password is known
``cluster.restart.requested``    this unit asks for its turn to restart, or has it
``cluster.restart.outstanding``  some unit does
``certificates.available``       there is an authority to ask for a certificate
``certificates.*.changed``       set by the interface; cleared here when what came is in use
``admin-access.connected``       the API has clients in the model
``charm.retired``                set in the charm class when a unit that leaves has stopped; stays
``charm.paused``                 set and cleared by the actions, in the charm class
``gateway.down``                 the gateway was found not to serve; set when its peers are told,
                                 cleared when it is announced again, in the charm class

Everything is computed anew in each hook, so handlers stay in force as long as their flags do. In
update-status nothing is done but what no other hook would do: to tell the peers that a daemon has
gone down; to start again what an action stopped that was killed; and, while a unit waits for its
turn to restart, to see whether another's turn has run out, on the leader, and whether others serve
again, on the unit.
"""

import charms.reactive as reactive
import charms_openstack.bus
import charms_openstack.charm as charm
from ceph_iscsi import turns
from charmhelpers.core import hookenv

charms_openstack.bus.discover()
charm.use_defaults("update-status", "upgrade-charm")


@hookenv.atstart
def tell_status():
    """Have the status told in every hook; the community's layers don't do it by themselves."""
    with charm.provide_charm_instance() as gateway:
        gateway.assess_status()


@reactive.when_not("charm.installed", "is-update-status-hook")
def install():
    with charm.provide_charm_instance() as gateway:
        if gateway.install():
            reactive.set_flag("charm.installed")


@reactive.when("charm.installed", "ceph-client.connected")
@reactive.when_not("is-update-status-hook")
def request_pools():
    with charm.provide_charm_instance() as gateway:
        gateway.request_pools(reactive.endpoint_from_name("ceph-client"))


@reactive.when("charm.installed", "cluster.connected")
@reactive.when_not("is-update-status-hook")
def share_secrets():
    with charm.provide_charm_instance() as gateway:
        gateway.share_secrets(reactive.endpoint_from_name("cluster"))


@reactive.when("charm.installed", "cluster.connected")
@reactive.when_not("is-update-status-hook")
def meet_peers():
    with charm.provide_charm_instance() as gateway:
        gateway.meet_peers(reactive.endpoint_from_name("cluster"))


@reactive.when("charm.installed", "cluster.restart.outstanding")
def hand_out_turns():
    turns.hand_out(reactive.endpoint_from_name("cluster"))


@reactive.when("charm.installed", "certificates.available")
@reactive.when_not("is-update-status-hook")
def request_certificate():
    with charm.provide_charm_instance() as gateway:
        gateway.request_certificate(reactive.endpoint_from_name("certificates"))


@reactive.when(
    "charm.installed",
    "ceph-client.available",
    "ceph-client.pools.available",
    "cluster.available",
)
@reactive.when_not("is-update-status-hook")
def configure():
    with charm.provide_charm_instance() as gateway:
        if gateway.configure(
            reactive.endpoint_from_name("ceph-client"),
            reactive.endpoint_from_name("cluster"),
            reactive.endpoint_from_flag("admin-access.connected"),
            reactive.endpoint_from_name("certificates"),
        ):
            reactive.set_flag("config.rendered")
            for what in ("ca", "certs", "application.certs"):
                reactive.clear_flag(f"certificates.{what}.changed")


@reactive.when("config.rendered", "cluster.restart.requested", "is-update-status-hook")
def take_turn():
    with charm.provide_charm_instance() as gateway:
        gateway.reconfigure()


@reactive.when("config.rendered", "cluster.connected", "is-update-status-hook")
def watch():
    with charm.provide_charm_instance() as gateway:
        gateway.watch(reactive.endpoint_from_name("cluster"))


@reactive.when("config.rendered", "cluster.connected")
@reactive.when_not("ceph-client.available", "is-update-status-hook")
def withdraw():
    reactive.endpoint_from_name("cluster").withdraw_ready()
    reactive.clear_flag("config.rendered")


@reactive.when("charm.installed")
@reactive.when_not("is-update-status-hook")
def retire():
    with charm.provide_charm_instance() as gateway:
        if gateway.is_leaving:
            gateway.retire()
