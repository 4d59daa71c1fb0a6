"""A model of relation data bags, and hooks that run an endpoint of an interface on it."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import pytest
from charmhelpers.core import hookenv, unitdata
from charms.reactive import Endpoint

INTERFACES = Path(__file__).resolve().parents[2] / "interfaces"
Bag = dict[str, str]


class Model:
    """Relation data as one unit sees them; what the unit writes lands here when its hook ends."""

    def __init__(self, unit: str = "ceph-iscsi/0") -> None:
        self.unit = unit
        self.leader = False
        self.units: dict[str, dict[str, Bag]] = {}  # relation id -> unit -> data bag
        self.applications: dict[str, dict[str, Bag]] = {}  # relation id -> application -> bag
        self.writes: list[tuple[str, bool]] = []  # relation id, whether of the application
        self.unreadable: set[str] = set()  # relation ids whose data Juju refuses to show

    def relate(self, relation_id: str, **units: Bag) -> None:
        """Add a relation with this unit in it, and remote units: ``ceph_mon_0={...}``."""
        self.units[relation_id] = {self.unit: {"ingress-address": "10.0.0.1"}}
        self.applications[relation_id] = {}
        for name, bag in units.items():
            application, _, number = name.replace("_", "-").rpartition("-")
            self.units[relation_id][f"{application}/{number}"] = bag

    def relation_ids(self, endpoint: str | None = None) -> list[str]:
        return [rid for rid in self.units if rid.startswith(f"{endpoint}:")]

    def related_units(self, relation_id: str | None = None) -> list[str]:
        return [unit for unit in self.units[relation_id] if unit != self.unit]

    def relation_get(
        self, attribute: str | None = None, unit=None, rid=None, app=None
    ) -> Bag | None:
        if rid in self.unreadable:
            raise CalledProcessError(1, "relation-get")
        bags = self.applications if app else self.units
        return dict(bags[rid].get(app or unit, {}))

    def relation_set(self, relation_id: str, settings: Bag, app: bool = False) -> None:
        if app and not self.leader:
            raise CalledProcessError(1, "relation-set")
        name = self.unit.partition("/")[0] if app else self.unit
        bags = self.applications if app else self.units
        bags[relation_id][name] = {key: value for key, value in settings.items() if value}
        self.writes.append((relation_id, app))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    """An empty model, which charmhelpers asks instead of hook tools."""
    model = Model()
    for name in ("relation_ids", "related_units", "relation_get", "relation_set"):
        monkeypatch.setattr(hookenv, name, getattr(model, name))
    monkeypatch.setattr(hookenv, "is_leader", lambda: model.leader)
    monkeypatch.setattr(hookenv, "log", lambda *_, **__: None)
    monkeypatch.setattr(unitdata, "_KV", unitdata.Storage(":memory:"))
    monkeypatch.setenv("JUJU_UNIT_NAME", model.unit)
    return model


@pytest.fixture
def hook(model: Model, monkeypatch: pytest.MonkeyPatch):
    """Run a hook: ``with hook(Class, "ceph-client", "config-changed") as endpoint: ...``."""

    @contextlib.contextmanager
    def run(
        cls: type[Endpoint], name: str, hook: str, relation: str = "", remote: str = ""
    ) -> Iterator[Any]:
        hookenv.cache.clear()
        monkeypatch.setattr(hookenv, "_atexit", [])
        monkeypatch.setenv("JUJU_HOOK_NAME", hook)
        monkeypatch.setenv("JUJU_RELATION_ID", relation)
        monkeypatch.setenv("JUJU_REMOTE_UNIT", remote)
        endpoint = cls(name, model.relation_ids(name))
        monkeypatch.setattr(Endpoint, "_endpoints", {name: endpoint})
        endpoint._manage_departed()
        endpoint._manage_flags()
        for each in endpoint.relations:
            hookenv.atexit(each._flush_data)
        yield endpoint
        hookenv._run_atexit()

    return run


@pytest.fixture
def role():
    """Import a role of an interface as the framework does: ``role("ceph-client", "requires")``."""

    def load(interface: str, role: str) -> Any:
        name = f"interfaces.{interface}.{role}"
        if name not in sys.modules:
            path = INTERFACES / interface / f"{role}.py"
            spec = importlib.util.spec_from_file_location(name, path)
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
        return sys.modules[name]

    return load
