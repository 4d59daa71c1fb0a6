"""The gateways as a change meets them: their state, and whether they are up and alike."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from ceph_iscsi import gwcli
from ceph_iscsi.api import REPLAY_TIMEOUTS, Api
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.plan import State

# What is said of an image that isn't there.
GONE = "gone from the Ceph cluster"


@dataclass(frozen=True)
class Gateways:
    """The ways to the gateways and the cluster.

    ``unit`` is the name of the one that asks, ``units`` are names of units by those of gateways.
    """

    unit: str
    cluster: Cluster
    units: Mapping[str, str] = field(default_factory=dict)
    api_of: Callable[..., Api] = Api.of
    run: Callable[..., None] = gwcli.run

    def state(self, disks: Collection[str]) -> State:
        """The state as it is now, with these disks' images."""
        state = self.api_of().config(decrypted=True)
        images = self.cluster.images(disks) if disks else {}
        for name, image in images.items():
            if not image.get("problem", GONE).endswith(GONE):
                raise GatewayError(f"image {name} cannot be read: {image['problem']}")
        state["images"] = {name: image for name, image in images.items() if "size" in image}
        for image in state["images"].values():
            image["snapshots"] = [snapshot["name"] for snapshot in image["snapshots"]]
        return state

    def replay(self, iqn: str | None) -> dict[str, GatewayError]:
        """Have the LIO of all gateways agree with what is stored.

        :param iqn: the target in question; it may be in this gateway's LIO without being stored
        :returns: why not, by the names of those that could not be brought to it
        """
        failed = {}
        targets = self.api_of().config(decrypted=True)["targets"]
        if iqn and iqn not in targets:
            self.api_of().clear(iqn)
        for name, target in targets.items():
            for fqdn in target["portals"]:
                try:
                    self.api_of(fqdn, timeouts=REPLAY_TIMEOUTS).replay(name, target)
                except GatewayError as error:
                    failed[fqdn] = error
        return failed

    def check(self, names: Collection[str]) -> None:
        """Raise unless each of these gateways is up, knows its name, and is configured alike.

        One that is down would fail a change half-way, with the undoing of it as well.
        """
        local_hash = self.api_of().settings_hash()
        for fqdn in names:
            try:
                api = self.api_of(fqdn)
                api.ping()
                if (name := api.hostname()) != fqdn:
                    raise GatewayError(
                        f"it calls itself {name}; its own name and its address disagree"
                    )
                if api.settings_hash() != local_hash:
                    raise GatewayError(
                        "its iscsi-gateway.cfg differs from this unit's; "
                        "wait until all units are idle"
                    )
            except GatewayError as error:
                raise GatewayError(
                    f"gateway {self.label(fqdn)} is not usable, and a change needs all gateways: "
                    f"{error}"
                ) from error

    def require(self, names: Collection[str], behind: Mapping[str, GatewayError]) -> None:
        """Raise if one of these gateways is behind what is stored, as ``replay`` found."""
        for fqdn in names:
            if fqdn in behind:
                raise GatewayError(
                    f"a change was cut off, and gateway {self.label(fqdn)} may differ from what "
                    f"is stored: {behind[fqdn]}"
                ) from behind[fqdn]

    def label(self, fqdn: str) -> str:
        """A gateway's name, with that of its unit if it is known."""
        return f"{fqdn} ({self.units[fqdn]})" if fqdn in self.units else fqdn
