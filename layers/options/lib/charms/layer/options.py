"""Options that layers were given in ``layer.yaml``, read at run time."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import yaml

DEFAULT_FILE = "layer.yaml"


def get(
    section: str | None = None, option: str | None = None, layer_file: str = DEFAULT_FILE
) -> Any:
    """Return layer options as the build left them, defaults filled in.

    :param section: layer name, as in ``options:`` of layer.yaml; all layers' options if None
    :param option: name of one option of that layer; all of them as a dict if None
    :param layer_file: path below the charm directory
    :returns: a dict, or the option's value; ``{}`` or None for what does not exist
    :raises ValueError: an option without its section
    """
    if option and not section:
        raise ValueError("an option belongs to a section: name that too")
    options = _load(Path(os.environ.get("CHARM_DIR", "."), layer_file))
    if section is None:
        return options
    options = options.get(section) or {}
    return options.get(option) if option else options


@functools.cache
def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        return {}
    return (content or {}).get("options") or {}
