"""Targets: making and deleting them, and the gateways that serve them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from ceph_iscsi import plan
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.change import Change, lacking_target
from ceph_iscsi.clients import NewClient
from ceph_iscsi.disks import NewDisk
from ceph_iscsi.plan import State


@dataclass(frozen=True)
class Gateway:
    """A unit as a gateway: its name in the state, and the address of its portal in new targets.

    Where it has a portal in a target already, that stays: initiators know it.
    """

    unit: str
    fqdn: str
    ip: str


@dataclass(frozen=True, kw_only=True)
class NewTarget(Change):
    """A target on some gateways, perhaps with a disk, a client, or one for the other.

    ``gateways_only`` says that the target must have no others.
    """

    iqn: str
    gateways: tuple[Gateway, ...]
    gateways_only: bool = False
    disk: NewDisk | None = None
    client: NewClient | None = None
    disks: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "disks", self.disk.disks if self.disk else ())

    def check_cluster(self, cluster: Cluster) -> None:
        if self.disk:
            self.disk.check_cluster(cluster)

    def contradictions(self, state: State) -> Iterator[str]:
        portals = state["targets"].get(self.iqn, {}).get("portals", {})
        wanted = {gateway.fqdn for gateway in self.gateways}
        if self.gateways_only and (others := sorted(set(portals) - wanted)):
            yield f"gateway-units: {self.iqn} is on {', '.join(others)} as well"
        if self.disk:
            yield from self.disk.contradictions_in(state)
        if self.client:
            yield from self.client.contradictions_in(state)

    def wish(self, state: State) -> None:
        target = state["targets"].setdefault(self.iqn, plan.new_target())
        for gateway in self.gateways:
            portal = {"portal_ip_addresses": [gateway.ip]}
            target["portals"].setdefault(gateway.fqdn, portal)
        if self.disk:
            self.disk.wish(state)
        if self.client:
            self.client.wish(state)
        if self.disk and self.client:
            luns = target["clients"][self.client.name]["luns"]
            luns.setdefault(self.disk.name, {})


@dataclass(frozen=True, kw_only=True)
class NoTarget(Change):
    """A target that is no longer to be; its disks stay, in no target."""

    iqn: str
    forcible: ClassVar[bool] = False

    def contradictions(self, state: State) -> Iterator[str]:
        target = state["targets"].get(self.iqn)
        if target and not self.meant and (target["clients"] or target["disks"]):
            clients, disks = (", ".join(sorted(target[key])) for key in ("clients", "disks"))
            yield (
                f"i-really-mean-it: {self.iqn} has clients ({clients or 'none'}) and disks "
                f"({disks or 'none'}); it is deleted with them only if this is true"
            )

    def wish(self, state: State) -> None:
        state["targets"].pop(self.iqn, None)

    def taken(self, state: State) -> Collection[tuple[str, str]]:
        return [(self.iqn, client) for client in state["targets"][self.iqn]["clients"]]


@dataclass(frozen=True, kw_only=True)
class MoreGateways(Change):
    """Gateways that are to serve a target as well."""

    iqn: str
    gateways: tuple[Gateway, ...]

    def contradictions(self, state: State) -> Iterator[str]:
        yield from lacking_target(state, self.iqn)

    def wish(self, state: State) -> None:
        for gateway in self.gateways:
            portal = {"portal_ip_addresses": [gateway.ip]}
            state["targets"][self.iqn]["portals"].setdefault(gateway.fqdn, portal)


@dataclass(frozen=True, kw_only=True)
class FewerGateways(Change):
    """Gateways, by name, that are no longer to serve a target.

    With ``force`` they are not asked: they are gone for good.
    """

    iqn: str
    gateways: frozenset[str]
    force: bool = False

    @property
    def dead(self) -> frozenset[str]:
        return self.gateways if self.force else frozenset()

    def contradictions(self, state: State) -> Iterator[str]:
        yield from lacking_target(state, self.iqn)
        portals = state["targets"].get(self.iqn, {}).get("portals", {})
        if portals and self.gateways.issuperset(portals):
            yield (
                f"{self.iqn} would have no gateway left; delete-target deletes it with what it has"
            )

    def wish(self, state: State) -> None:
        for fqdn in self.gateways:
            state["targets"][self.iqn]["portals"].pop(fqdn, None)
