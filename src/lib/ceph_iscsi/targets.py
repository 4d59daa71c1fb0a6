"""Targets: making and deleting them, and the gateways that serve them."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ceph_iscsi import plan, process
from ceph_iscsi.api import Api
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.change import Change, lacking_target
from ceph_iscsi.clients import NewClient
from ceph_iscsi.disks import NewDisk
from ceph_iscsi.plan import State

# ceph-iscsi's library waits for its lock on the stored configuration.
FORGET_TIME_LIMIT = 120


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


def portals_at(state: State, addresses: Collection[str]) -> list[tuple[str, str]]:
    """Targets and gateways (IQN, fqdn) whose portal has one of these addresses."""
    return [
        (iqn, fqdn)
        for iqn, target in sorted(state["targets"].items())
        for fqdn, portal in sorted(target["portals"].items())
        if not set(portal["portal_ip_addresses"]).isdisjoint(addresses)
    ]


def addresses_of(state: State, fqdns: Collection[str]) -> set[str]:
    """Addresses of the portals of gateways, wherever these were when the targets were made."""
    return {
        address
        for target in state["targets"].values()
        for fqdn, portal in target["portals"].items()
        if fqdn in fqdns
        for address in portal["portal_ip_addresses"]
    }


def forget_gateways(
    addresses: Collection[str], program: Path, api_of: Callable[..., Api] = Api.of
) -> None:
    """Take gateways that have left the application out of all targets, as far as these are stored.

    The remaining gateways have them in LIO until they restart. A target keeps its last gateway.

    :param addresses: of the portals of the gateways that have left
    :param program: files/forget_gateway.py
    :raises GatewayError: not all could be taken out; it may be tried again
    """
    for fqdn in sorted({fqdn for _, fqdn in portals_at(api_of().config(), addresses)}):
        forget_gateway(fqdn, program)


def forget_gateway(fqdn: str, program: Path) -> None:
    """Take one gateway out of all targets, as forget_gateways does; its API need not run.

    :param program: files/forget_gateway.py
    :raises GatewayError: the cluster can't be reached, or the program failed
    """
    process.run(["/usr/bin/python3", "-I", str(program), fqdn], timeout=FORGET_TIME_LIMIT)
