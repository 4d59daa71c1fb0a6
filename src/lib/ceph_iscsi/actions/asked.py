"""What actions on the gateways have in common: their parameters, and carrying a change out."""

from typing import Any

import charms.reactive as reactive
import charms_openstack.charm as charm
from charmhelpers.core import hookenv

from ceph_iscsi import plan, transaction, validation
from ceph_iscsi.auth import NO_CREDENTIALS, Credentials
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.change import Change
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.gateways import Gateways

CREDENTIALS = ("username", "password", "mutual-username", "mutual-password")
METHODS = {"none": 0, "chap": 2, "mutual-chap": 4}


class Asked:
    """The parameters of the action that runs, each checked as it is taken.

    Methods raise a GatewayError that names the parameter, the value and what is allowed.
    """

    def __init__(self) -> None:
        self.given: dict[str, Any] = hookenv.action_get()

    def __contains__(self, parameter: str) -> bool:
        return self.given.get(parameter) not in (None, "")

    def text(self, parameter: str) -> str | None:
        """A parameter that has been checked otherwise; None if not given."""
        return self.given[parameter] if parameter in self else None

    @property
    def iqn(self) -> str:
        """The target."""
        return validation.iqn("iqn", self.given["iqn"])

    @property
    def initiator(self) -> str:
        """The client's name."""
        return validation.iqn("client-initiatorname", self.given["client-initiatorname"])

    @property
    def size(self) -> int | None:
        """The size of the disk in bytes, None if not given."""
        if "image-size" not in self:
            return None
        return validation.size_in_bytes(validation.size("image-size", self.given["image-size"]))

    @property
    def pools(self) -> tuple[str, str | None]:
        """The disk's pool, and the one for its data if that is another; see options."""
        names = [
            validation.name(parameter, self.given[parameter]) if parameter in self else None
            for parameter in ("rbd-pool-name", "ec-rbd-metadata-pool")
        ]
        with charm.provide_charm_instance() as gateway:
            return gateway.target_pools(*names)

    @property
    def disk(self) -> str:
        """The disk's name, ``pool/image``."""
        image = validation.name("image-name", self.given["image-name"])
        return f"{self.pools[0]}/{image}"

    @property
    def controls(self) -> dict[str, int]:
        """Settings of a disk that are given, by the gateways' names."""
        return {
            name: validation.whole_number(parameter, self.given[parameter], least, most)
            for name, (least, most, _) in plan.CONTROLS.items()
            if (parameter := name.replace("_", "-")) in self
        }

    @property
    def meant(self) -> bool:
        """Whether the user means it."""
        return bool(self.given.get("i-really-mean-it"))

    @property
    def credentials(self) -> Credentials:
        """Credentials by the parameters ``method``, ``username`` …"""
        method = self.given["method"]
        if method not in METHODS:
            raise GatewayError(f"method: {method!r} is not valid; allowed: {', '.join(METHODS)}")
        needed = CREDENTIALS[: METHODS[method]]
        for parameter in CREDENTIALS:
            if parameter in needed and parameter not in self:
                raise GatewayError(f"{parameter}: needed with method={method}")
            if parameter in self and parameter not in needed:
                raise GatewayError(f"{parameter}: not to be given with method={method}")
        if method == "none":
            return NO_CREDENTIALS
        values = [self.given[parameter] for parameter in needed]
        validation.credentials(*values[:2])
        if values[2:]:
            validation.credentials(*values[2:], whose="mutual ")
        return Credentials(*values)

    def together(self, *parameters: str) -> bool:
        """Whether all of these parameters are given, or none.

        :raises GatewayError: some are
        """
        missing = [parameter for parameter in parameters if parameter not in self]
        if missing and len(missing) < len(parameters):
            given = ", ".join(name for name in parameters if name in self)
            raise GatewayError(f"{', '.join(missing)}: needed together with {given}")
        return not missing


def require_gateway() -> None:
    """Raise unless this unit has been configured."""
    if not reactive.is_flag_set("config.rendered"):
        raise GatewayError("the gateway is not configured yet; see the unit's status")


def cluster() -> Cluster:
    """The Ceph cluster, as this unit's key sees it."""
    with charm.provide_charm_instance() as gateway:
        return gateway.ceph_cluster


def carry_out(wanted: Change, **results: str) -> None:
    """Make a change, and set the action's results: ``changed`` and those given."""
    require_gateway()
    ready = reactive.endpoint_from_name("cluster").ready_peer_details
    units = {details["fqdn"]: unit for unit, details in ready.items()}
    changed = transaction.make(wanted, Gateways(hookenv.local_unit(), cluster(), units))
    hookenv.action_set({**results, "changed": "true" if changed else "false"})
