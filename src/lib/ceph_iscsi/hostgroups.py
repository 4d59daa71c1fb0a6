"""Host groups: clients of a target that all have the same disks."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from ceph_iscsi.change import Change, lacking_client, lacking_target
from ceph_iscsi.disks import lacking_disk
from ceph_iscsi.plan import State


@dataclass(frozen=True, kw_only=True)
class GroupChange(Change):
    """A change of one host group of a target."""

    iqn: str
    group: str

    def lacking_group(self, state: State) -> Iterator[str]:
        """That there is no such target, or no such group of it, in words."""
        yield from lacking_target(state, self.iqn)
        groups = state["targets"].get(self.iqn, {}).get("groups", {self.group: {}})
        if self.group not in groups:
            there = ", ".join(sorted(groups)) or "none"
            yield f"group-name: {self.iqn} has no host group {self.group}; host groups: {there}"


@dataclass(frozen=True, kw_only=True)
class NewGroup(GroupChange):
    """A host group."""

    def contradictions(self, state: State) -> Iterator[str]:
        yield from lacking_target(state, self.iqn)

    def wish(self, state: State) -> None:
        groups = state["targets"][self.iqn].setdefault("groups", {})
        groups.setdefault(self.group, {"members": [], "disks": {}})


@dataclass(frozen=True, kw_only=True)
class NoGroup(GroupChange):
    """A host group that is no longer to be; its clients keep their disks, each by itself."""

    def contradictions(self, state: State) -> Iterator[str]:
        yield from lacking_target(state, self.iqn)

    def wish(self, state: State) -> None:
        target = state["targets"][self.iqn]
        target.get("groups", {}).pop(self.group, None)
        for client in target["clients"].values():
            if client.get("group_name") == self.group:
                client["group_name"] = ""


@dataclass(frozen=True, kw_only=True)
class MoreInGroup(GroupChange):
    """Clients and disks that are to belong to a host group."""

    members: tuple[str, ...] = ()
    names: tuple[str, ...] = field(default=())

    def contradictions(self, state: State) -> Iterator[str]:
        yield from self.lacking_group(state)
        clients = state["targets"].get(self.iqn, {}).get("clients", {})
        for name in self.members:
            yield from lacking_client(state, self.iqn, name)
            client = clients.get(name, {"luns": {}})
            group = client.get("group_name")
            if group and group != self.group:
                yield f"client-initiatorname: {name} belongs to the host group {group} already"
            if not group and client["luns"]:
                yield (
                    f"client-initiatorname: {name} has disks of its own, and a member has its "
                    f"group's; detach them first: {', '.join(sorted(client['luns']))}"
                )
        for name in self.names:
            yield from lacking_disk(state, name)
            for iqn, other in state["targets"].items():
                if iqn != self.iqn and name in other["disks"]:
                    yield f"image-name: disk {name} belongs to target {iqn}"

    def wish(self, state: State) -> None:
        target = state["targets"][self.iqn]
        group = target["groups"][self.group]
        for name in self.names:
            target["disks"].setdefault(name, {})
            group["disks"].setdefault(name, {})
        for name in self.members:
            if name not in group["members"]:
                group["members"].append(name)
            target["clients"][name]["group_name"] = self.group
        _follow(target, self.group)


@dataclass(frozen=True, kw_only=True)
class FewerInGroup(GroupChange):
    """Clients and disks that are no longer to belong to a host group.

    A client keeps the disks that it has through it; a disk is taken from all of its clients.
    """

    members: tuple[str, ...] = ()
    names: tuple[str, ...] = field(default=())

    def contradictions(self, state: State) -> Iterator[str]:
        yield from self.lacking_group(state)

    def wish(self, state: State) -> None:
        target = state["targets"][self.iqn]
        group = target["groups"][self.group]
        for name in self.members:
            if name in group["members"]:
                group["members"].remove(name)
                target["clients"][name]["group_name"] = ""
        for name in self.names:
            group["disks"].pop(name, None)
        _follow(target, self.group)

    def taken(self, state: State) -> Collection[tuple[str, str]]:
        group = state["targets"][self.iqn]["groups"][self.group]
        if not set(self.names).intersection(group["disks"]):
            return ()
        return [(self.iqn, name) for name in group["members"] if name not in self.members]


def _follow(target: State, group: str) -> None:
    """Give the members of a group its disks, as the gateways do."""
    for client in target["clients"].values():
        if client.get("group_name") == group:
            client["luns"] = dict(target["groups"][group]["disks"])
