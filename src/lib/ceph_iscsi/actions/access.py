"""Actions on who may reach the gateways' API, and on how safe a unit is."""

import charms.reactive as reactive
import charms_openstack.charm as charm
from charmhelpers.core import hookenv

from ceph_iscsi import audit, rotation, validation
from ceph_iscsi.api import Api
from ceph_iscsi.errors import GatewayError


def add_trusted_ip() -> None:
    """Have the API trust further addresses, or these instead of those that were added before."""
    cluster = _cluster_on_leader()
    asked = hookenv.action_get()
    addresses = validation.addresses("ips", asked["ips"])
    cluster.set_allowed_ips(addresses, append=not asked.get("overwrite"))
    _use(cluster)


def remove_trusted_ip() -> None:
    """Have the API no longer trust addresses that were added."""
    cluster = _cluster_on_leader()
    addresses = set(validation.addresses("ips", hookenv.action_get()["ips"]))
    with charm.provide_charm_instance() as gateway:
        stay = addresses.intersection(gateway.related_addresses(cluster, _clients()))
    if stay:
        raise GatewayError(
            f"ips: {', '.join(sorted(stay))} stays trusted, as a gateway's address or that of an "
            "application related over admin-access"
        )
    cluster.set_allowed_ips(set(cluster.allowed_ips) - addresses, append=False)
    _use(cluster)


def rotate_admin_password() -> None:
    """Have the API and all its clients take another password; see ``ceph_iscsi.rotation``."""
    cluster = _cluster_on_leader()
    _check_configured(cluster)
    if not hasattr(cluster, "set_admin_passwords"):
        raise GatewayError("the interface that the charm was built with has no way to do this")
    if not rotation.in_progress(cluster):
        cluster.set_admin_passwords(cluster.admin_password, following=rotation.password())
    with charm.provide_charm_instance() as gateway:
        gateway.reconfigure()
    outcome = "replaced"
    if rotation.in_progress(cluster):
        outcome = f"begun; waiting for {', '.join(rotation.waiting_for(cluster))}"
    hookenv.action_set({"outcome": outcome})


def security_checklist() -> None:
    """Check that this unit is as safe as it should be; one result per check."""
    cluster = reactive.endpoint_from_flag("cluster.available")
    _check_configured(cluster)
    with charm.provide_charm_instance() as gateway:
        trusted = gateway.trusted_addresses(cluster, _clients())
        results = audit.run(audit.Gateway(gateway.application_name, tuple(trusted), Api.of()))
    hookenv.action_set(results)
    if failed := [name for name, result in results.items() if result != "PASS"]:
        raise GatewayError(f"failed: {', '.join(failed)}")


def _cluster_on_leader():
    """The endpoint of the peers, where its application data may be written."""
    if not hookenv.is_leader():
        raise GatewayError("Action must be run on leader")
    cluster = reactive.endpoint_from_flag("cluster.connected")
    if not cluster:
        raise GatewayError("the units don't know of one another yet; see the unit's status")
    return cluster


def _check_configured(cluster) -> None:
    if not cluster or not reactive.is_flag_set("config.rendered"):
        raise GatewayError("the gateway is not configured yet; see the unit's status")


def _clients():
    return reactive.endpoint_from_flag("admin-access.connected")


def _use(cluster) -> None:
    """Put changed addresses into effect here; the other units do as soon as they hear of them."""
    with charm.provide_charm_instance() as gateway:
        gateway.reconfigure()
    hookenv.action_set({"trusted-ips": " ".join(cluster.allowed_ips)})
