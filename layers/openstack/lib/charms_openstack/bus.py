"""Finding the charm's own classes."""

from __future__ import annotations

import importlib
import os
from pathlib import Path


def discover() -> None:
    """Import every module of ``lib/charm/openstack``, so that the charm classes there register."""
    root = Path(os.environ.get("CHARM_DIR", "."), "lib")
    for path in sorted(root.glob("charm/openstack/**/*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        importlib.import_module(".".join(part for part in parts if part != "__init__"))
