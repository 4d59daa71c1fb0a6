"""CHAP: credentials of clients, of targets themselves, and for discovery."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ceph_iscsi.change import Change, lacking_target
from ceph_iscsi.plan import State


@dataclass(frozen=True)
class Credentials:
    """What an initiator shows to the target, and with mutual CHAP what the target shows it.

    All empty: none is asked for.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    mutual_username: str = ""
    mutual_password: str = field(default="", repr=False)

    def document(self) -> dict[str, str]:
        """As a state holds them."""
        return dict(self.__dict__)


NO_CREDENTIALS = Credentials()


@dataclass(frozen=True, kw_only=True)
class TargetAuth(Change):
    """Credentials of a target itself, for all initiators alike, in place of clients."""

    iqn: str
    credentials: Credentials

    def contradictions(self, state: State) -> Iterator[str]:
        yield from lacking_target(state, self.iqn)
        clients = state["targets"].get(self.iqn, {}).get("clients", {})
        if clients and self.credentials != NO_CREDENTIALS:
            yield (
                f"iqn: {self.iqn} has clients, and a target has either clients or credentials of "
                f"its own; clients: {', '.join(sorted(clients))}"
            )

    def wish(self, state: State) -> None:
        target = state["targets"][self.iqn]
        target["auth"] = self.credentials.document()
        target["acl_enabled"] = self.credentials == NO_CREDENTIALS


@dataclass(frozen=True, kw_only=True)
class DiscoveryAuth(Change):
    """What an initiator has to show before it is told which targets there are."""

    credentials: Credentials

    def contradictions(self, state: State) -> Iterator[str]:
        if not state.get("gateways"):
            yield "no gateway serves a target yet, so there is nothing to discover"

    def wish(self, state: State) -> None:
        state["discovery_auth"] = self.credentials.document()
