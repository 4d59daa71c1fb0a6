"""The controller's copies of deployed charms."""

import shutil
from pathlib import Path

from juju_lab.controller import charmdir
from juju_lab.controller.charmdir import Charm
from juju_lab.controller.store import Application, Model


class Library:
    """Charms below one directory, by model, name and revision."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def add(self, model: Model, source: Path) -> tuple[Charm, int]:
        """Keep a copy of the charm at `source`; returns it with its new revision.

        Raises JujuError when there is no charm.
        """
        staged = self._model_directory(model.uuid) / "new"
        charmdir.keep(source, staged, 0)
        charm = charmdir.read(staged)
        revision = model.take_number(f"charm-{charm.name}")
        target = self._path(model.uuid, charm.name, revision)
        shutil.rmtree(target, ignore_errors=True)
        (staged / "revision").write_text(f"{revision}\n", encoding="utf-8")
        staged.rename(target)
        return charm, revision

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
