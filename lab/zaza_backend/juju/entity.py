"""What the parts of a model have in common."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from juju.exceptions import DeadEntityException

if TYPE_CHECKING:
    from juju.model import Model


class ModelEntity(ABC):
    """A part of a model by its id; `data` has what the controller tells of it."""

    def __init__(self, entity_id: str, model: "Model") -> None:
        self.entity_id = entity_id
        self.model = model

    @property
    def data(self) -> dict[str, Any]:
        """All of it, by python-libjuju's keys; empty once the entity has gone."""
        return self._read() or {}

    @property
    def safe_data(self) -> dict[str, Any]:
        """As `data`; DeadEntityException once the entity has gone."""
        found = self._read()
        if not found:
            raise DeadEntityException(f"Entity {self.entity_id!r} is no longer in the model.")
        return found

    @property
    def alive(self) -> bool:
        """Whether it is still in the model."""
        return bool(self._read())

    @property
    def dead(self) -> bool:
        """Whether it has gone."""
        return not self.alive

    @abstractmethod
    def _read(self) -> dict[str, Any] | None:
        """What the lab tells of it now, None if it has gone."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self.safe_data[name.replace("_", "-")]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no {name}") from None

    def __bool__(self) -> bool:
        return self.alive

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ModelEntity)
            and type(self) is type(other)
            and self.entity_id == other.entity_id
            and self.model.name == other.model.name
        )

    def __hash__(self) -> int:
        return hash((type(self), self.entity_id, self.model.name))

    def __repr__(self) -> str:
        return f'<{type(self).__name__} entity_id="{self.entity_id}">'


def moment(status: dict[str, Any]) -> dict[str, Any]:
    """A status as the controller's watcher tells it."""
    return {
        "current": status.get("current", ""),
        "message": status.get("message", ""),
        "since": status.get("since", ""),
        "version": status.get("version", ""),
    }
