"""What a scenario leaves for a reader beside the contract's values, with placeholders.

After each step: how long it took, the statuses, and the data bags that have changed. At the end:
every status in between, and what there is on the gateways and in Ceph.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from itertools import groupby
from typing import TYPE_CHECKING, Any

from equivalence.record import Scene

if TYPE_CHECKING:
    from equivalence.model import Model

#: What `look` tells of a host that says nothing about it, or that is judged as a whole elsewhere.
_LEFT_OUT = ("fqdn", "hostname", "cfg-text", "crt-text", "commands", "leaks", "syslog")
_ENCODED = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n?", re.DOTALL)


class Trail:
    """Notes of one scenario on one model."""

    def __init__(self, model: Model, scene: Scene) -> None:
        self._model = model
        self._scene = scene
        self._bags: dict[str, Any] = {}
        self._last = time.monotonic()
        self._began = {unit: len(model.history(unit)) for unit in model.units()}

    def step(self, did: str) -> None:
        """Note what was done, what that has changed, and seconds since the step before."""
        seconds = round(time.monotonic() - self._last)
        applications = self._model.applications()
        bags = self._model.bags(applications)
        names = self._model.names(applications, bags)
        changed = {
            endpoint: {
                owner: owners[owner] for owner in sorted(owners) if owners[owner] != old.get(owner)
            }
            for endpoint, owners in bags.items()
            if owners != (old := self._bags.get(endpoint, {}))
        }
        gone = [endpoint for endpoint in self._bags if endpoint not in bags]
        self._bags = bags
        statuses = self._model.told(applications)
        note = {"did": did, "statuses": statuses, "bags": changed, "gone": gone}
        filled = {key: value for key, value in note.items() if value}
        self._scene.steps.append(readable(names.tidy(filled)) | {"seconds": seconds})
        self._last = time.monotonic()

    def end(self) -> None:
        """Note what there is at the end, and every status that the units have had; once."""
        if self._scene.end:
            return
        model, names = self._model, self._model.names()
        looks = model.looks()
        for unit in looks:
            since = model.history(unit)[self._began.get(unit, 0) :]
            self._scene.statuses[names.tidy(unit)] = names.tidy(
                [told for told, _ in groupby(since)]
            )
        self._scene.end = readable(
            names.tidy(
                {
                    "gateways": {
                        unit: {key: look[key] for key in look if key not in _LEFT_OUT}
                        for unit, look in looks.items()
                    },
                    "commands": {unit: model.new_commands(unit, looks[unit]) for unit in looks},
                    **model.cluster(),
                }
            )
        )


def readable(value: Any) -> Any:
    """A copy of a structure: JSON unfolded, without nulls; keys and certificates by kind."""
    if isinstance(value, dict):
        return {key: readable(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [readable(inner) for inner in value]
    if not isinstance(value, str):
        return value
    if value[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return readable(json.loads(value))
    return _ENCODED.sub(lambda found: f"<{found[1].lower()}>", value)
