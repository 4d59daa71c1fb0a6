"""Clients: the initiators that may use a target, known by name, most often by CHAP as well."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ceph_iscsi import plan
from ceph_iscsi.auth import NO_CREDENTIALS, Credentials
from ceph_iscsi.change import Change, lacking_client, lacking_target
from ceph_iscsi.plan import State


@dataclass(frozen=True, kw_only=True)
class NewClient(Change):
    """A client of a target."""

    iqn: str
    name: str
    credentials: Credentials = NO_CREDENTIALS

    def contradictions(self, state: State) -> Iterator[str]:
        yield from lacking_target(state, self.iqn)
        yield from self.contradictions_in(state)

    def contradictions_in(self, state: State) -> Iterator[str]:
        """What contradicts it in a target that is there, or will be."""
        target = state["targets"].get(self.iqn, {})
        if not target.get("acl_enabled", True):
            yield f"iqn: {self.iqn} has credentials of its own, so it takes no clients by name"
        client = target.get("clients", {}).get(self.name)
        if client is None:
            return
        there = plan.credentials(client["auth"])
        for key, what in (("username", "user name"), ("password", "password")):
            if there["username"] and there[key] != getattr(self.credentials, key):
                yield f"client-{key}: {self.name} has another CHAP {what} already"

    def wish(self, state: State) -> None:
        clients = state["targets"][self.iqn]["clients"]
        client = clients.setdefault(self.name, plan.new_client())
        if not plan.credentials(client["auth"])["username"]:
            client["auth"] = self.credentials.document()


@dataclass(frozen=True, kw_only=True)
class NoClient(Change):
    """A client that is no longer to be; its disks stay."""

    forcible: ClassVar[bool] = False
    iqn: str
    name: str

    def contradictions(self, state: State) -> Iterator[str]:
        yield from lacking_target(state, self.iqn)
        clients = state["targets"].get(self.iqn, {}).get("clients", {})
        if group := clients.get(self.name, {}).get("group_name"):
            yield f"client-initiatorname: {self.name} belongs to the host group {group}"

    def wish(self, state: State) -> None:
        state["targets"][self.iqn]["clients"].pop(self.name, None)

    def taken(self, state: State) -> list[tuple[str, str]]:
        return [(self.iqn, self.name)]


@dataclass(frozen=True, kw_only=True)
class ClientAuth(Change):
    """What a client has to log in with from now on."""

    iqn: str
    name: str
    credentials: Credentials

    def contradictions(self, state: State) -> Iterator[str]:
        yield from lacking_client(state, self.iqn, self.name)

    def wish(self, state: State) -> None:
        client = state["targets"][self.iqn]["clients"][self.name]
        client["auth"] = self.credentials.document()
