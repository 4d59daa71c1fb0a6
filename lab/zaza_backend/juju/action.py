"""Tasks: an action or a command that was asked for on a unit or machine."""

import asyncio
from typing import TYPE_CHECKING, Any

from juju.entity import ModelEntity
from juju.lab import ask, follow

if TYPE_CHECKING:
    from juju.model import Model

#: Seconds that a thread waits for a task at a time: a coroutine that is given up leaves no thread.
_STRETCH = 2


class Action(ModelEntity):
    """A task; `status` and `data` follow it to its end, `results` are there after `wait`."""

    def __init__(self, model: "Model", enqueued: dict[str, Any], name: str, params: dict) -> None:
        (task,) = enqueued["tasks"]
        super().__init__(task["id"], model)
        self._operation = enqueued["id"]
        self._data = {
            "id": task["id"],
            "name": name,
            "receiver": task["receiver"],
            "parameters": params,
            "status": "pending",
            "message": "",
            "results": {},
        }
        self.results: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """The task's number."""
        return self.entity_id

    @property
    def status(self) -> str:
        """pending, running, completed, failed or cancelled."""
        return self.data["status"]

    @property
    def _status(self) -> str:
        return self.status

    def _read(self) -> dict[str, Any]:
        if not self._data.get("completed"):
            shown = ask("show_task", model=self.model.name, number=self.entity_id)["document"]
            self._data |= {
                "status": shown["status"],
                "message": shown.get("message", ""),
                "results": dict(shown.get("results", {})),
                "log": shown.get("log", []),
                **shown["timing"],
            }
        return self._data

    async def wait(self) -> "Action":
        """Wait for its end, have its results in `results`, and return it."""
        while not self.data.get("completed"):
            await asyncio.to_thread(self._follow)
        self.results = dict(self._data["results"])
        return self

    def _follow(self) -> None:
        for _ in follow("watch_tasks", operation=self._operation, timeout=_STRETCH):
            pass
