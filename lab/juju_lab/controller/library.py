"""The controller's copies of deployed charms."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from juju_lab.controller import charmdir
from juju_lab.controller.charmdir import Charm
from juju_lab.controller.store import Application, Model


@dataclass(frozen=True)
class Staged:
    """A copied charm that no model has yet."""

    charm: Charm
    directory: Path


class Library:
    """Charms below one directory, by model, name and revision."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def staged(self, source: Path) -> Iterator["Staged"]:
        """A copy of the charm at `source`, gone at the end of the block unless it was adopted.

        Raises JujuError when there is no charm.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._directory, prefix="staged-") as parent:
            copy = Path(parent) / "charm"
            charm = charmdir.keep(source, copy)
            yield Staged(charm, copy)

    def adopt(self, model: Model, staged: "Staged") -> int:
        """Keep a staged charm for a model; returns its revision there."""
        revision = model.take_number(f"charm-{staged.charm.name}")
        target = self._path(model.uuid, staged.charm.name, revision)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        (staged.directory / "revision").write_text(f"{revision}\n", encoding="utf-8")
        staged.directory.rename(target)
        return revision

    def directory(self, application: Application, revision: int | None = None) -> Path:
        """Where the charm of `application` lies, at the wanted or the current revision."""
        wanted = application.charm_revision if revision is None else revision
        return self._path(application.model.uuid, application.charm_name, wanted)

    def charm(self, application: Application, revision: int | None = None) -> Charm:
        """What the charm of `application` declares."""
        return charmdir.read_kept(self.directory(application, revision))

    def charms(self, model: Model) -> dict[str, Charm]:
        """The charms of all applications of a model."""
        return {each.name: self.charm(each) for each in model.applications}

    def forget(self, model_uuid: str) -> None:
        """Remove the charms of a model."""
        shutil.rmtree(self._model_directory(model_uuid), ignore_errors=True)

    def _model_directory(self, model_uuid: str) -> Path:
        return self._directory / model_uuid

    def _path(self, model_uuid: str, name: str, revision: int) -> Path:
        return self._model_directory(model_uuid) / f"{name}-{revision}"
