"""Relations."""

from typing import TYPE_CHECKING, Any

from juju.entity import ModelEntity

if TYPE_CHECKING:
    from juju.application import Application
    from juju.model import Model


class Endpoint:
    """One end of a relation."""

    def __init__(self, model: "Model", data: dict[str, Any]) -> None:
        self.model = model
        self.data = data

    @property
    def application_name(self) -> str:
        """The application at this end."""
        return self.data["application-name"]

    @property
    def application(self) -> "Application":
        """The application at this end."""
        return self.model.applications[self.application_name]

    @property
    def name(self) -> str:
        """What the application calls the relation."""
        return self.data["relation"]["name"]

    @property
    def interface(self) -> str:
        """The interface that both ends speak."""
        return self.data["relation"]["interface"]

    @property
    def role(self) -> str:
        """provider, requirer or peer."""
        return self.data["relation"]["role"]

    @property
    def scope(self) -> str:
        """global: the lab has no subordinates."""
        return self.data["relation"]["scope"]


class Relation(ModelEntity):
    """A relation by its number."""

    def _read(self) -> dict[str, Any] | None:
        for row in self.model.relation_rows():
            if str(row["id"]) == self.entity_id:
                return _data(row)
        return None

    @property
    def id(self) -> int:
        """The relation's number, as in `relation-ids`."""
        return self.safe_data["id"]

    @property
    def endpoints(self) -> list[Endpoint]:
        """Its ends, the requirer's first; one for peers."""
        return [Endpoint(self.model, data) for data in self.safe_data["endpoints"]]

    @property
    def provides(self) -> Endpoint | None:
        """The provider's end."""
        return self._of_role("provider")

    @property
    def requires(self) -> Endpoint | None:
        """The requirer's end."""
        return self._of_role("requirer")

    @property
    def peers(self) -> Endpoint | None:
        """The end of peers."""
        return self._of_role("peer")

    @property
    def is_peer(self) -> bool:
        """Whether it is one among the units of an application."""
        return self.peers is not None

    @property
    def is_subordinate(self) -> bool:
        """Never so: the lab has no subordinates."""
        return False

    @property
    def applications(self) -> list["Application"]:
        """The applications at its ends."""
        return [endpoint.application for endpoint in self.endpoints]

    def matches(self, *specs: str) -> bool:
        """Whether each of the specs, `application` or `application:endpoint`, is an end of it."""
        ends = {(end.application_name, end.name) for end in self.endpoints}
        for spec in specs:
            application, colon, name = spec.partition(":")
            if not any(application == end[0] and (not colon or name == end[1]) for end in ends):
                return False
        return True

    def _of_role(self, role: str) -> Endpoint | None:
        return next((end for end in self.endpoints if end.role == role), None)


def _data(row: dict[str, Any]) -> dict[str, Any]:
    roles = ["peer"] if row["type"] == "peer" else ["requirer", "provider"]
    ends = []
    for role in roles:
        application, _, name = row["provider" if role == "provider" else "requirer"].partition(":")
        relation = {"name": name, "interface": row["interface"], "role": role, "scope": "global"}
        ends.append({"application-name": application, "relation": relation})
    key = " ".join(f"{end['application-name']}:{end['relation']['name']}" for end in ends)
    return {"id": row["id"], "key": key, "endpoints": ends}
