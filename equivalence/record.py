"""What was seen of one charm: values by scenario and key, as they are judged and kept in JSON."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: Name of a recording's file, with its charm's number from 1.
RECORDING = "recording-{}.json"


@dataclass
class Scene:
    """One scenario's part: what was seen, what could not be seen here, and why it ended early.

    ``steps``, ``statuses`` and ``end`` are not judged; they are what a reader wants to know of a
    finding: what was done and what that changed, each unit's statuses, and what there was at last.
    """

    seen: dict[str, Any] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    error: str = ""
    place: str = ""
    seconds: float = 0.0
    steps: list[dict[str, Any]] = field(default_factory=list)
    statuses: dict[str, list[str]] = field(default_factory=dict)
    end: dict[str, Any] = field(default_factory=dict)


@dataclass
class Recording:
    """All that was seen of one charm. ``seconds``: how long the run took in which it was seen."""

    charm: str
    framework: str
    scenes: dict[str, Scene] = field(default_factory=dict)
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Recording":
        """A recording that was saved before."""
        document = json.loads(path.read_text())
        scenes = {name: Scene(**scene) for name, scene in document.pop("scenes").items()}
        return cls(**document, scenes=scenes)
