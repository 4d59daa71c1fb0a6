"""Snapshots of disks."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ceph_iscsi.disks import DiskChange, users
from ceph_iscsi.gwcli import Command
from ceph_iscsi.plan import State


@dataclass(frozen=True, kw_only=True)
class NewSnapshot(DiskChange):
    """A snapshot of a disk."""

    snapshot: str

    def wish(self, state: State) -> None:
        snapshots = state["images"][self.name]["snapshots"]
        if self.snapshot not in snapshots:
            snapshots.append(self.snapshot)


@dataclass(frozen=True, kw_only=True)
class NoSnapshot(DiskChange):
    """A snapshot that is no longer to be."""

    snapshot: str

    def wish(self, state: State) -> None:
        snapshots = state["images"][self.name]["snapshots"]
        if self.snapshot in snapshots:
            snapshots.remove(self.snapshot)


@dataclass(frozen=True, kw_only=True)
class Rollback(DiskChange):
    """A disk that is to hold again what it held at a snapshot."""

    snapshot: str

    def contradictions(self, state: State) -> Iterator[str]:
        yield from super().contradictions(state)
        there = state["images"].get(self.name, {"snapshots": [self.snapshot]})["snapshots"]
        if self.snapshot not in there:
            yield (
                f"snapshot-name: {self.name} has no snapshot {self.snapshot}; "
                f"snapshots: {', '.join(sorted(there)) or 'none'}"
            )

    def wish(self, state: State) -> None:
        """The state doesn't tell what a disk holds."""

    def orders(self) -> list[Command]:
        text = f"/disks/{self.name} snapshot rollback {self.snapshot}"
        purpose = f"roll {self.name} back to {self.snapshot}"
        return [Command(text, purpose, about=("disk", self.name, "content"))]

    def taken(self, state: State) -> Collection[tuple[str, str]]:
        return users(state, self.name)
