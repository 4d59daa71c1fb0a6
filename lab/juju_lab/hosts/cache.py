"""Things that take long to make, kept on disk under the hash of their recipe.

An artefact is a file or a directory `<name>-<stamp>`. It is made next to its place and renamed
into it, so it is either whole or absent. Whoever goes on using one (a host whose disk refers to
an image) claims it; what nobody claims is removed once its recipe has changed.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from juju_lab.hosts.locks import locked


def stamp(recipe: Any) -> str:
    """Twelve hexadecimal digits that differ for different recipes (anything JSON can hold)."""
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def tree_digest(directory: Path) -> str:
    """Hash of the names, execute bits and contents of all files below `directory`."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            executable = bool(path.stat().st_mode & 0o100)
            digest.update(f"{path.relative_to(directory)} {executable} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


def remove(path: Path) -> None:
    """Remove a file or a directory tree; it may be gone already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class Cache:
    """The artefacts in one directory, shared by all labs of a machine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, name: str, recipe: Any) -> Path:
        """Where the artefact `name` made by `recipe` is, or would be."""
        return self.directory / f"{name}-{stamp(recipe)}"

    def make(self, path: Path, build: Callable[[Path], None]) -> Path:
        """Return `path`, first made by `build(partial path)` if it is missing.

        Two who want the same artefact at the same time: the second waits for the first.
        """
        if path.exists():
            return path
        partial = path.with_name(f"{path.name}.partial")
        with locked(self.directory / "locks" / path.name):
            if not path.exists():
                remove(partial)
                try:
                    build(partial)
                    partial.rename(path)
                finally:
                    remove(partial)
        return path

    def claim(self, path: Path, owner: Path) -> None:
        """Keep the artefact at `path` for as long as the directory `owner` exists."""
        with locked(self._claims_lock):
            claims = self._claims(path)
            claims.mkdir(parents=True, exist_ok=True)
            link = claims / stamp(str(owner))
            link.unlink(missing_ok=True)
            link.symlink_to(owner)

    def prune(self, current: Path) -> None:
        """Remove the other artefacts of the same name as `current` that nobody claims."""
        name = current.name.rsplit("-", 1)[0]
        with locked(self._claims_lock):
            for other in self.directory.glob(f"{name}-*"):
                same_name = other.name.rsplit("-", 1)[0] == name
                if same_name and other != current and not self._claimed(other):
                    remove(other)
                    remove(self._claims(other))
                    remove(self.directory / "locks" / other.name)
                    remove(self.directory / "logs" / f"{other.name}.log")

    @property
    def _claims_lock(self) -> Path:
        return self.directory / "locks" / "claims"

    def _claims(self, path: Path) -> Path:
        return self.directory / "claims" / path.name

    def _claimed(self, path: Path) -> bool:
        claims = self._claims(path)
        return claims.is_dir() and any(link.exists() for link in claims.iterdir())
