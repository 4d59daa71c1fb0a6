"""The stage: a machine that looks like a gateway's, on which nothing real happens.

The charm runs as it is built, with its files in their own places, in namespaces of its own: over
each directory that it writes to lies a layer that is thrown away. What it calls are stand-ins
(``stand_in.py``). A state of the stage is a directory (``Snapshot``): a further run starts from it
and leaves it as it is.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
INSIDE = HERE / "inside.py"
IN_NAMESPACES = (
    *("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"),
)
# Directories of the machine that a charm writes to.
COVERED = ("etc", "usr", "var")


@dataclass(frozen=True)
class Step:
    """One run of a hook or an action, killed at a point or not.

    ``environment`` holds the variables that Juju sets for it (JUJU_HOOK_NAME …). ``kill_at`` is
    the number of the call at which it is killed.
    """

    path: str
    environment: dict[str, str] = field(default_factory=dict)
    kill_at: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What was seen of a sequence of steps.

    ``calls`` lists, for each step, what it called; ``codes`` are the exit codes, negative if it
    was killed; ``state`` is what there is at the end, for comparison.
    """

    calls: list[list[str]]
    codes: list[int]
    state: dict[str, Any]
    output: str


class Snapshot:
    """A state of the stage, in a directory: layers, /run, the unit's directory, the world."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def new(cls, directory: Path, charm: Path, world: dict[str, Any]) -> "Snapshot":
        """The state of a machine on which the charm has been unpacked and nothing was run yet."""
        for name in (*COVERED, "run/chaos", "unit"):
            (directory / name).mkdir(parents=True)
        shutil.copytree(charm, directory / "unit" / "charm", symlinks=True)
        (directory / "unit" / "charm" / "revision").write_text("0")
        snapshot = cls(directory)
        snapshot.world = world
        return snapshot

    @property
    def world(self) -> dict[str, Any]:
        """What tools and programs know."""
        return json.loads((self.directory / "run/chaos/world.json").read_text())

    @world.setter
    def world(self, content: dict[str, Any]) -> None:
        (self.directory / "run/chaos/world.json").write_text(json.dumps(content))

    def run(
        self, steps: Sequence[Step], world: dict[str, Any] | None = None, keep: Path | None = None
    ) -> Outcome:
        """Run steps from this state, one after the other.

        :param world: takes the place of this state's
        :param keep: directory to keep the state at the end in, as a further snapshot
        """
        scratch = Path(tempfile.mkdtemp(prefix="chaos.", dir=self.directory.parent))
        try:
            _copy(self.directory, scratch)
            if world:
                Snapshot(scratch).world = world
            for name in COVERED:
                (scratch / f"{name}.work").mkdir()
            order = {"steps": [asdict(step) for step in steps], "scratch": str(scratch)}
            done = subprocess.run(
                [*IN_NAMESPACES, sys.executable, str(INSIDE)],
                input=json.dumps(order),
                capture_output=True,
                text=True,
                check=False,
                env={"PATH": os.environ["PATH"]},
            )
            if done.returncode:
                raise RuntimeError(f"the stage broke down: {done.stderr[-2000:]}")
            if keep:
                for name in COVERED:
                    shutil.rmtree(scratch / f"{name}.work")
                _copy(scratch, keep)
            return Outcome(**json.loads(done.stdout.rpartition("\n=====\n")[2]))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a state; what was removed lies in a layer as a device, which only cp takes along."""
    target.mkdir(exist_ok=True)
    command = ["cp", "--archive", "--no-target-directory", str(source), str(target)]
    subprocess.run(command, check=True)
