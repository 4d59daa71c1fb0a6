"""Stand-ins for modules that charmhelpers and charms.reactive import and new Pythons lack.

charmhelpers 1.2.1 imports ``distutils.version`` (gone in Python 3.12) and charms.reactive 1.5.3
``pkg_resources`` (gone in setuptools 82). Of each they use one name. Where the real modules exist
they are expensive: either can drag in all of setuptools, most of what a hook otherwise costs. So
the stand-ins are used on every Python, and a charm behaves alike on all of them.
"""

from __future__ import annotations

import functools
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ENTRY_POINTS = "*.dist-info/entry_points.txt"


@functools.total_ordering
class LooseVersion:
    """A version that compares by its numbers: ``2.9.10 > 2.9.9 > 2.9-beta1``."""

    def __init__(self, vstring: str) -> None:
        self.vstring = vstring
        self._key = [
            (1, int(part), "") if part.isdigit() else (0, 0, part)
            for part in re.findall(r"\d+|[a-z]+", vstring.lower())
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LooseVersion) and self._key == other._key

    def __lt__(self, other: LooseVersion) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(tuple(self._key))

    def __repr__(self) -> str:
        return f"LooseVersion({self.vstring!r})"


def iter_entry_points(group: str, name: str | None = None) -> Iterator[Any]:
    """Yield the entry points of a group, or those of one name in it."""
    listings = (file for entry in sys.path for file in Path(entry).glob(ENTRY_POINTS))
    if not any(f"[{group}]" in file.read_text() for file in listings):
        return  # as in every hook; the import below would be an eighth of an idle hook's time
    from importlib.metadata import entry_points

    found = entry_points(group=group)
    yield from found if name is None else found.select(name=name)


def provide() -> None:
    """Put the stand-ins in place; to be called before charmhelpers is imported."""
    distutils = types.ModuleType("distutils", "Stand-in, see charms.layer.compat.")
    version = types.ModuleType("distutils.version", distutils.__doc__)
    pkg_resources = types.ModuleType("pkg_resources", distutils.__doc__)
    version.LooseVersion = LooseVersion
    distutils.version = version
    pkg_resources.iter_entry_points = iter_entry_points
    for module in (distutils, version, pkg_resources):
        sys.modules.setdefault(module.__name__, module)
