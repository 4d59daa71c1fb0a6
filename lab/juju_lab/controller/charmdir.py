"""Built charms: what a directory or .charm file says about itself, and keeping copies of it."""

import os
import shutil
import stat
import tempfile
import zipfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from juju_lab.errors import JujuError

_SERIES = {"jammy": "22.04", "noble": "24.04", "resolute": "26.04", "focal": "20.04"}
_NOT_PACKED = shutil.ignore_patterns(".git", ".bzr", ".hg", ".svn", "__pycache__")
_ROLES = {"requires": "requirer", "provides": "provider", "peers": "peer"}


@dataclass(frozen=True)
class Endpoint:
    """One side of a relation as metadata declares it; role is requirer, provider or peer."""

    name: str
    role: str
    interface: str
    scope: str = "global"


@dataclass(frozen=True)
class Charm:
    """What a charm's files declare.

    `bases` are like `ubuntu@24.04`, empty when none are named; `dispatches` says that one program,
    `dispatch`, runs all hooks and actions.
    """

    name: str
    endpoints: dict[str, Endpoint]
    extra_bindings: tuple[str, ...]
    options: dict[str, dict[str, Any]]
    actions: dict[str, dict[str, Any]]
    bases: tuple[str, ...]
    subordinate: bool
    dispatches: bool
    storage: dict[str, Any] = field(default_factory=dict)

    def default_settings(self) -> dict[str, Any]:
        """The options that have a default, with it."""
        return {
            name: option["default"]
            for name, option in self.options.items()
            if option.get("default") is not None
        }


def read(directory: Path) -> Charm:
    """Read an unpacked charm; JujuError when it is none or its files are not valid."""
    metadata = _load(directory, "metadata.yaml") or _load(directory, "charmcraft.yaml")
    if not metadata:
        raise JujuError(f'charm or bundle at "{directory}" not found')
    if not isinstance(metadata.get("name"), str):
        raise JujuError(f'charm at "{directory}": metadata: name: expected string, got nothing')
    options = _load(directory, "config.yaml") or metadata.get("config") or {}
    actions = _load(directory, "actions.yaml") or metadata.get("actions") or {}
    return Charm(
        name=metadata["name"],
        endpoints=_endpoints(metadata),
        extra_bindings=tuple(metadata.get("extra-bindings") or ()),
        options={name: dict(option) for name, option in (options.get("options") or {}).items()},
        actions={
            name: dict(action or {})
            for name, action in actions.items()
            if isinstance(action, dict | None)
        },
        bases=_bases(directory, metadata),
        subordinate=bool(metadata.get("subordinate")),
        dispatches=os.access(directory / "dispatch", os.X_OK),
        storage=dict(metadata.get("storage") or {}),
    )


@lru_cache(maxsize=64)
def read_kept(directory: Path) -> Charm:
    """As `read`, for a copy made by `keep`, which never changes."""
    return read(directory)


def peek(source: Path) -> Charm:
    """Read a charm directory or .charm file where it is; JujuError when it is none."""
    if source.is_dir():
        return read(source)
    with tempfile.TemporaryDirectory() as directory:
        return keep(source, Path(directory) / "charm")


def keep(source: Path, target: Path) -> Charm:
    """Copy a charm directory or unpack a .charm file to `target`, and read it.

    Raises JujuError when there is nothing at `source` that could be a charm.
    """
    if source.is_dir():
        # Before anything is copied: it could be any directory.
        read(source)
        shutil.copytree(source, target, symlinks=True, ignore=_NOT_PACKED)
        _bring_along(source, target)
    elif source.is_file() and zipfile.is_zipfile(source):
        _unzip(source, target)
    else:
        raise JujuError(f'charm or bundle at "{source}" not found')
    return read(target)


def files(directory: Path) -> set[str]:
    """Paths of everything in a charm that is not a directory, relative to it."""
    return {
        os.path.relpath(os.path.join(parent, name), directory)
        for parent, directories, names in os.walk(directory)
        for name in (
            *names,
            *(name for name in directories if os.path.islink(os.path.join(parent, name))),
        )
    }


def _bring_along(source: Path, target: Path) -> None:
    """Put into a copy of a charm the files that its links outside the charm lead to."""
    for name in files(target):
        link = source / name
        outside = link.is_symlink() and not link.resolve().is_relative_to(source.resolve())
        if outside and link.is_file():
            (target / name).unlink()
            shutil.copy2(link, target / name)


def _load(directory: Path, name: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load((directory / name).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise JujuError(f'charm at "{directory}": {name}: {error}') from error
    if not isinstance(document, dict | None):
        raise JujuError(f'charm at "{directory}": {name}: expected a map')
    return document or {}


def _endpoints(metadata: dict[str, Any]) -> dict[str, Endpoint]:
    found = {}
    for section, role in _ROLES.items():
        for name, details in (metadata.get(section) or {}).items():
            if isinstance(details, str):
                details = {"interface": details}
            found[name] = Endpoint(
                name, role, details["interface"], details.get("scope") or "global"
            )
    return found


def _bases(directory: Path, metadata: dict[str, Any]) -> tuple[str, ...]:
    manifest = _load(directory, "manifest.yaml")
    if manifest.get("bases"):
        named = [f"{base['name']}@{base['channel']}" for base in manifest["bases"]]
        return tuple(base.removesuffix("/stable") for base in named)
    series = metadata.get("series") or ()
    return tuple(f"ubuntu@{_SERIES[name]}" for name in series if name in _SERIES)


def _unzip(source: Path, target: Path) -> None:
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            mode = entry.external_attr >> 16
            if not stat.S_ISLNK(mode):
                path = Path(archive.extract(entry, target))
                if mode & 0o777:
                    path.chmod(mode & 0o777)
                continue
            path = target / entry.filename
            if ".." in path.parts:
                raise JujuError(f'charm "{source}": entry "{entry.filename}" leads out of it')
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(archive.read(entry).decode())
