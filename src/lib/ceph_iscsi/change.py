"""What is asked for of the gateways: how it contradicts what is there, and what the state becomes.

Each kind of change says just that; ``transaction`` carries any of them out.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import ClassVar

from ceph_iscsi.ceph import Cluster
from ceph_iscsi.gwcli import Command
from ceph_iscsi.plan import State


@dataclass(frozen=True, kw_only=True)
class Change(ABC):
    """Something that is asked for.

    ``iqn`` is the target whose gateways have to be up; None for all gateways. ``disks`` are those
    (``pool/image``) whose images it is about. ``meant`` says that it may take a disk from a client
    that is logged in.
    """

    iqn: str | None = None
    disks: tuple[str, ...] = ()
    meant: bool = False
    # Whether the gateways let a disk be taken from a client that is logged in.
    forcible: ClassVar[bool] = True

    def contradictions(self, state: State) -> Iterator[str]:
        """How what is asked for contradicts what is there, a sentence each."""
        yield from ()

    def check_cluster(self, cluster: Cluster) -> None:  # noqa: B027 - most changes need nothing
        """Raise a GatewayError if the cluster lacks what it needs."""

    @abstractmethod
    def wish(self, state: State) -> None:
        """Make of a copy of the state what it is to be."""

    def taken(self, state: State) -> Collection[tuple[str, str]]:
        """Clients (IQN of the target, name) that would lose a disk; those not logged in, too."""
        return ()

    def orders(self) -> list[Command]:
        """Commands whose effect is no difference of states, to be given last."""
        return []

    @property
    def dead(self) -> frozenset[str]:
        """Names of gateways that are removed without asking them."""
        return frozenset()


def lacking_target(state: State, iqn: str) -> Iterator[str]:
    """That there is no such target, in words."""
    if iqn not in state["targets"]:
        there = ", ".join(sorted(state["targets"])) or "none"
        yield f"iqn: there is no target {iqn}; targets: {there}"


def lacking_client(state: State, iqn: str, name: str) -> Iterator[str]:
    """That there is no such target, or no such client of it, in words."""
    yield from lacking_target(state, iqn)
    clients = state["targets"].get(iqn, {"clients": {name}})["clients"]
    if name not in clients:
        there = ", ".join(sorted(clients)) or "none"
        yield f"client-initiatorname: {iqn} has no client {name}; clients: {there}"
