"""The charm's code runs here as in a hook of ceph-iscsi/0, with flags in memory and no tools."""

from pathlib import Path

import pytest
from charmhelpers.core import hookenv, unitdata

SRC = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture
def hook(monkeypatch):
    """The environment of a hook; returns what it has logged."""
    logged = []
    monkeypatch.setenv("JUJU_UNIT_NAME", "ceph-iscsi/0")
    monkeypatch.setenv("JUJU_HOOK_NAME", "config-changed")
    monkeypatch.setenv("CHARM_DIR", str(SRC))
    monkeypatch.setattr(unitdata, "_KV", unitdata.Storage(":memory:"))
    monkeypatch.setattr(hookenv, "log", lambda message, level=None: logged.append(message))
    return logged
