"""Disks: RBD images that a target shows, their size and settings, and which client gets which."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from ceph_iscsi.ceph import Cluster, Pool
from ceph_iscsi.change import Change, lacking_client, lacking_target
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.plan import State
from ceph_iscsi.validation import human_size


def check_pools(pool: str, data_pool: str | None, pools: Mapping[str, Pool]) -> None:
    """Raise a GatewayError unless the pools of a disk are there, of the right kind, with room."""
    expected = [("rbd-pool-name", pool, "replicated")]
    if data_pool:
        expected = [
            ("ec-rbd-metadata-pool", pool, "replicated"),
            ("rbd-pool-name", data_pool, "erasure"),
        ]
    for parameter, name, kind in expected:
        if name not in pools:
            fitting = sorted(other for other in pools if pools[other].kind == kind)
            raise GatewayError(
                f"{parameter}: there is no pool {name!r} in the Ceph cluster; "
                f"{kind} pools: {', '.join(fitting) or 'none'}"
            )
        if pools[name].kind != kind:
            raise GatewayError(f"{parameter}: pool {name!r} is {pools[name].kind}, not {kind}")
        if pools[name].full:
            raise GatewayError(
                f"{parameter}: pool {name!r} is full, by its quota or for lack of space"
            )


def lacking_disk(state: State, name: str) -> Iterator[str]:
    """That there is no such disk, in words."""
    if name not in state["disks"]:
        there = ", ".join(sorted(state["disks"])) or "none"
        yield f"image-name: there is no disk {name}; disks: {there}"


def users(state: State, name: str, target: str | None = None) -> list[tuple[str, str]]:
    """Clients (IQN of the target, name) that have a disk, of all targets or one."""
    return [
        (iqn, client)
        for iqn in state["targets"]
        if target in (None, iqn)
        for client, settings in state["targets"][iqn]["clients"].items()
        if name in settings["luns"]
    ]


@dataclass(frozen=True, kw_only=True)
class DiskChange(Change):
    """A change of one disk: ``name`` is ``pool/image``."""

    name: str
    disks: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "disks", (self.name,))

    def contradictions(self, state: State) -> Iterator[str]:
        yield from lacking_disk(state, self.name)
        if self.name in state["disks"] and self.name not in state["images"]:
            yield f"disk {self.name} is defined, but its image is gone from the Ceph cluster"


@dataclass(frozen=True, kw_only=True)
class NewDisk(DiskChange):
    """A disk of a target, on an image that is made if it isn't there.

    ``size`` is in bytes; None for that of the image that is there. ``data_pool`` is the
    erasure-coded pool for the data of an image that is made. ``controls`` are settings by the
    gateways' names.
    """

    iqn: str
    size: int | None
    data_pool: str | None = None
    controls: Mapping[str, int] = field(default_factory=dict)

    def check_cluster(self, cluster: Cluster) -> None:
        check_pools(self.name.partition("/")[0], self.data_pool, cluster.pools())

    def contradictions(self, state: State) -> Iterator[str]:
        yield from lacking_target(state, self.iqn)
        yield from self.contradictions_in(state)

    def contradictions_in(self, state: State) -> Iterator[str]:
        """What contradicts it in a target that is there, or will be."""
        image = state["images"].get(self.name)
        if image is None and self.name in state["disks"]:
            yield f"disk {self.name} is defined, but its image is gone from the Ceph cluster"
        elif image is None and self.size is None:
            yield f"image-size: needed, because there is no image {self.name} yet"
        elif image and self.size not in (None, image["size"]):
            yield (
                f"image-size: {self.name} is there already with "
                f"{human_size(image['size'])}, not {human_size(self.size)}"
            )
        for iqn, other in state["targets"].items():
            if iqn != self.iqn and self.name in other["disks"]:
                yield f"image-name: disk {self.name} belongs to target {iqn}"

    def wish(self, state: State) -> None:
        image = {"size": self.size, "snapshots": [], "data_pool": self.data_pool}
        state["images"].setdefault(self.name, image)
        disk = state["disks"].setdefault(self.name, {})
        disk["controls"] = {**disk.get("controls", {}), **self.controls}
        state["targets"][self.iqn]["disks"].setdefault(self.name, {})


@dataclass(frozen=True, kw_only=True)
class Resize(DiskChange):
    """A disk that is to have another size, in bytes; it can only grow."""

    size: int

    def contradictions(self, state: State) -> Iterator[str]:
        yield from super().contradictions(state)
        image = state["images"].get(self.name)
        if image and image["size"] > self.size:
            yield (
                f"image-size: {self.name} has {human_size(image['size'])}; a disk can only "
                f"grow, not become {human_size(self.size)}"
            )

    def wish(self, state: State) -> None:
        state["images"][self.name]["size"] = self.size


@dataclass(frozen=True, kw_only=True)
class Settings(DiskChange):
    """Settings that a disk is to have, by the gateways' names."""

    controls: Mapping[str, int]

    def contradictions(self, state: State) -> Iterator[str]:
        yield from super().contradictions(state)
        if not any(self.name in target["disks"] for target in state["targets"].values()):
            yield f"image-name: disk {self.name} belongs to no target, so it has no settings"

    def wish(self, state: State) -> None:
        disk = state["disks"][self.name]
        disk["controls"] = {**disk.get("controls", {}), **self.controls}


@dataclass(frozen=True, kw_only=True)
class NoDisk(DiskChange):
    """A disk that is no longer to be, its image removed or kept."""

    keep_image: bool

    def contradictions(self, state: State) -> Iterator[str]:
        for iqn, target in state["targets"].items():
            for group, content in target.get("groups", {}).items():
                if self.name in content["disks"]:
                    yield f"{self.name} belongs to the host group {group} of {iqn}"
        snapshots = state["images"].get(self.name, {}).get("snapshots")
        if snapshots and not self.keep_image:
            yield f"image {self.name} has snapshots, delete them first: {', '.join(snapshots)}"

    def wish(self, state: State) -> None:
        for target in state["targets"].values():
            target["disks"].pop(self.name, None)
            for client in target["clients"].values():
                client["luns"].pop(self.name, None)
        state["disks"].pop(self.name, None)
        if not self.keep_image:
            state["images"].pop(self.name, None)

    def taken(self, state: State) -> Collection[tuple[str, str]]:
        return users(state, self.name)


@dataclass(frozen=True, kw_only=True)
class Attachment(DiskChange):
    """A disk that a client of a target is to have, or not to have."""

    iqn: str
    client: str
    there: bool

    def contradictions(self, state: State) -> Iterator[str]:
        yield from lacking_client(state, self.iqn, self.client)
        clients = state["targets"].get(self.iqn, {}).get("clients", {})
        group = clients.get(self.client, {}).get("group_name")
        if group and (self.name in clients[self.client]["luns"]) != self.there:
            yield (f"client-initiatorname: {self.client} has the disks of its host group {group}")
        if not self.there:
            return
        yield from super().contradictions(state)
        for iqn, other in state["targets"].items():
            if iqn != self.iqn and self.name in other["disks"]:
                yield f"image-name: disk {self.name} belongs to target {iqn}"

    def wish(self, state: State) -> None:
        target = state["targets"][self.iqn]
        luns = target["clients"][self.client]["luns"]
        if self.there:
            target["disks"].setdefault(self.name, {})
            luns.setdefault(self.name, {})
        else:
            luns.pop(self.name, None)

    def taken(self, state: State) -> Collection[tuple[str, str]]:
        return () if self.there else [(self.iqn, self.client)]
