"""A unit of its own for each test, and a systemctl that notes what it is asked for."""

from __future__ import annotations

import pytest
from charmhelpers.core import hookenv, unitdata
from charms_openstack.charm import core


@pytest.fixture(autouse=True)
def unit(monkeypatch: pytest.MonkeyPatch, tmp_path) -> dict:
    """A unit with an empty state, its charm in tmp_path, and options that a test fills in."""
    options: dict = {}
    monkeypatch.setattr(unitdata, "_KV", unitdata.Storage(":memory:"))
    monkeypatch.setattr(hookenv, "_atexit", [])
    monkeypatch.setattr(hookenv, "config", lambda name=None: options[name] if name else options)
    monkeypatch.setattr(hookenv, "log", lambda *_, **__: None)
    monkeypatch.setattr(core, "_classes", {})
    monkeypatch.setattr(core, "_singleton", None)
    monkeypatch.setenv("JUJU_UNIT_NAME", "storage-gw/0")
    monkeypatch.setenv("JUJU_HOOK_NAME", "config-changed")
    monkeypatch.setenv("CHARM_DIR", str(tmp_path))
    return options


@pytest.fixture
def systemctl(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A systemctl that notes its arguments and answers as a script; ``systemctl(script)``."""

    def install(script: str = "") -> list[str]:
        directory, calls = tmp_path / "bin", tmp_path / "calls"
        directory.mkdir(exist_ok=True)
        calls.touch()
        program = directory / "systemctl"
        program.write_text(f'#!/bin/sh\necho "$*" >> {calls}\n{script}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
        return lambda: calls.read_text().splitlines()

    return install
