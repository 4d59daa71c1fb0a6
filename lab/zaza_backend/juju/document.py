"""Documents that are read both ways: `status["agent-status"]` and `status.agent_status`."""

from typing import Any


class Document(dict):
    """A map whose keys are attributes too, with `_` for `-`, as python-libjuju's types have it."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name.rstrip("_").replace("_", "-")]
        except KeyError:
            raise AttributeError(name) from None
