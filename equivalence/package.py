"""A built charm, and what its own files tell without running it."""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

ROLES = ("requires", "provides", "peers")


class PackageError(Exception):
    """It is no built charm; the message says why."""


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The directory of a built charm, which may be given as a directory or a .charm file.

    A directory is copied, so that nothing happens to the original.

    :raises PackageError: it is neither
    """
    with TemporaryDirectory(prefix="equivalence-") as place:
        charm = Path(place, "charm")
        if path.is_dir():
            shutil.copytree(path, charm, symlinks=True)
        elif zipfile.is_zipfile(path):
            _unzip(path, charm)
        else:
            raise PackageError(f"{path}: neither a directory nor a .charm file")
        if not (charm / "metadata.yaml").is_file():
            raise PackageError(f"{path}: there is no metadata.yaml, so it is no built charm")
        yield charm


def _unzip(path: Path, charm: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.external_attr >> 28 == 0o12:  # a symbolic link; extract would make it a file
                link = charm / entry.filename
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(archive.read(entry).decode())
                continue
            made = Path(archive.extract(entry, charm))
            if mode := entry.external_attr >> 16 & 0o777:
                made.chmod(mode)


def framework(charm: Path) -> str:
    """What the charm is written with: reactive, operator, or plain hooks."""
    if (charm / "layer.yaml").is_file() and (charm / "reactive").is_dir():
        return "reactive"
    return "operator" if (charm / "dispatch").is_file() else "hooks"


def look(charm: Path) -> dict[str, Any]:
    """What is seen of a charm without running it, by the contract's keys."""
    metadata = _yaml(charm, "metadata")
    options = _yaml(charm, "config").get("options", {})
    actions = _yaml(charm, "actions")
    seen = {
        "name": metadata.get("name"),
        "subordinate": bool(metadata.get("subordinate", False)),
        "bindings": sorted(metadata.get("extra-bindings") or ()),
        "endpoints": {
            f"{role} {name}": endpoint["interface"]
            for role in ROLES
            for name, endpoint in (metadata.get(role) or {}).items()
        },
        "optional": sorted(
            name
            for name, endpoint in (metadata.get("requires") or {}).items()
            if endpoint.get("optional")
        ),
        "options": {name: _default(option) for name, option in sorted(options.items())},
        "max-blob-size-ssd": "bluestore-compression-max-blob-size-ssd" in options,
        "actions": sorted(actions),
    }
    for action in ("create-target", "add-trusted-ip"):
        if action in actions:
            seen[action] = _parameters(actions[action])
    return seen


def _yaml(charm: Path, name: str) -> dict[str, Any]:
    file = charm / f"{name}.yaml"
    return (yaml.safe_load(file.read_text()) or {}) if file.is_file() else {}


def _default(option: dict[str, Any]) -> Any:
    """An option's default; an empty one is none, as the charm can't tell them apart."""
    return None if option.get("default") == "" else option.get("default")


def _parameters(action: dict[str, Any]) -> dict[str, Any]:
    required = action.get("required", ())
    return {
        name: "required" if name in required else parameter.get("default")
        for name, parameter in action.get("params", {}).items()
    }
