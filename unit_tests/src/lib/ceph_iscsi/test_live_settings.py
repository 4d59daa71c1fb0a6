"""Settings without a restart: what is written when, and what the daemon makes of it."""

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ceph_iscsi import live_settings, process, services
from ceph_iscsi.api import Api
from ceph_iscsi.errors import GatewayError

SOURCE = Path(__file__).resolve().parents[4] / "src" / "files" / "live"
OLD = """\
[config]
api_secure = false
api_password = old
other_api_password =
trusted_ip_list = 10.0.0.1
"""
NEW = """\
[config]
api_secure = true
api_password = new
other_api_password = old
trusted_ip_list = 10.0.0.1,10.0.0.2
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Paths below a directory."""
    for name in ("SHIM", "DROP_IN"):
        monkeypatch.setattr(live_settings, name, tmp_path / name)
    monkeypatch.setattr(
        live_settings, "FILES", {tmp_path / "SHIM": 0o644, tmp_path / "DROP_IN": 0o644}
    )
    monkeypatch.setattr(services, "RESTART_MARK", tmp_path / "mark")
    return tmp_path


# What the charm writes


def test_the_shim_makes_one_restart_due_when_it_comes(host):
    live_settings.install(SOURCE)
    assert services.restart_needed()
    assert (host / "SHIM").read_text() == (SOURCE / "sitecustomize.py").read_text()
    services.unmark_restart()
    live_settings.install(SOURCE)
    assert not services.restart_needed()


def test_the_drop_in_leads_the_daemon_to_the_shim():
    text = (SOURCE / "rbd-target-api.conf").read_text()
    assert f"Environment=PYTHONPATH={live_settings.SHIM.parent}\n" in text
    assert live_settings.SHIM.name == "sitecustomize.py"


def test_only_what_the_daemon_reads_again_is_written_at_once(host):
    cfg = host / "cfg"
    cfg.write_text(OLD)
    assert live_settings.write(NEW, cfg) is True
    assert cfg.read_text() == NEW.replace("api_secure = true", "api_secure = false")
    assert cfg.stat().st_mode & 0o777 == 0o600
    assert live_settings.write(NEW, cfg) is False
    assert not services.restart_needed()


def test_a_file_that_is_not_there_is_not_begun(host):
    assert live_settings.write(NEW, host / "cfg") is False
    assert not (host / "cfg").exists()


def test_the_running_api_is_asked_whether_it_goes_by_its_file(monkeypatch):
    api = Api("localhost", 5000, "admin", "new")
    asked = []
    monkeypatch.setattr(process, "run", lambda argv: "abc\n")
    monkeypatch.setattr(Api, "settings_hash", lambda self: "abc")
    monkeypatch.setattr(Api, "hostname", lambda self: asked.append(self.password))
    live_settings.check(None, lambda: api)
    assert asked == []
    live_settings.check("old", lambda: api)
    assert asked == ["old"]
    monkeypatch.setattr(Api, "settings_hash", lambda self: "another")
    with pytest.raises(GatewayError, match="does not look into its file"):
        live_settings.check(None, lambda: api)


# What rbd-target-api gets at its start


class Settings:
    """Settings as ceph-iscsi has them: attributes, read once."""

    def __init__(self):
        self.__setattr__("trusted_ip_list", ["at-start"])
        self.__setattr__("api_password", "at-start")
        self.api_port = 5000


@pytest.fixture
def shim(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pytest"])
    spec = importlib.util.spec_from_file_location("shim", SOURCE / "sitecustomize.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def running(shim, tmp_path):
    """Settings of a daemon that has started on ``cfg``."""
    cfg = tmp_path / "cfg"
    cfg.write_text(OLD)
    kind = type("Live", (Settings,), {})
    shim.make_live(kind, cfg)
    return SimpleNamespace(settings=kind(), cfg=cfg)


def change(cfg, text):
    fresh = cfg.with_suffix(".new")
    fresh.write_text(text)
    os.replace(fresh, cfg)


def test_settings_follow_the_file(running):
    settings = running.settings
    assert (settings.api_password, settings.trusted_ip_list) == ("old", ["10.0.0.1"])
    change(running.cfg, NEW)
    assert settings.api_password == "new"
    assert settings.trusted_ip_list == ["10.0.0.1", "10.0.0.2"]
    assert settings.api_port == 5000
    change(running.cfg, OLD.replace("10.0.0.1", ""))
    assert settings.trusted_ip_list == []


def test_both_passwords_are_let_in_and_no_third(running):
    change(running.cfg, NEW)
    password = running.settings.api_password
    for given, right in (("new", True), ("old", True), ("other", False), ("", False)):
        # As rbd-target-api compares it, and the other way round.
        assert (given != password) is (password != given) is not right
    assert json.dumps(password) == '"new"'
    change(running.cfg, NEW.replace(" = old", " ="))
    assert running.settings.api_password != "old"
    assert running.settings.api_password != ""


@pytest.mark.parametrize("text", [None, "", "no section", "[other]\na = b\n"])
def test_a_file_that_cannot_be_read_changes_nothing(running, text):
    assert running.settings.api_password == "old"
    running.cfg.unlink()
    if text is not None:
        running.cfg.write_text(text)
    assert running.settings.api_password == "old"
    assert running.settings.trusted_ip_list == ["10.0.0.1"]


def test_without_a_file_from_the_start_the_settings_are_those_of_the_start(shim, tmp_path):
    kind = type("Live", (Settings,), {})
    shim.make_live(kind, tmp_path / "nothing")
    settings = kind()
    assert settings.api_password == "at-start"
    assert settings.trusted_ip_list == ["at-start"]


@pytest.mark.parametrize("address", ["[fd99::11]", "fd99::11", "10.0.0.1"])
def test_the_gateway_of_a_portal_is_found_by_its_address_as_the_kernel_writes_it(shim, address):
    class Target:
        def _get_gateway_name(self, ip):
            return {"fd99::11": "a.lab", "10.0.0.1": "a.lab"}.get(ip)

    shim.find_ipv6_portals(Target)
    assert Target()._get_gateway_name(address) == "a.lab"


@pytest.mark.parametrize("program", ["gwcli", "rbd-target-api", "apt"])
def test_each_program_gets_what_it_needs(shim, monkeypatch, program):
    done = []
    settings = SimpleNamespace(Settings=Settings)
    monkeypatch.setitem(sys.modules, "ceph_iscsi_config", SimpleNamespace(settings=settings))
    monkeypatch.setitem(sys.modules, "ceph_iscsi_config.settings", settings)
    target = SimpleNamespace(GWTarget=object)
    monkeypatch.setitem(sys.modules, "ceph_iscsi_config.target", target)
    monkeypatch.setattr(shim, "make_live", lambda kind: done.append("live"))
    monkeypatch.setattr(shim, "find_ipv6_portals", lambda kind: done.append("ipv6"))
    monkeypatch.setitem(sys.modules, "ceph_iscsi_charm_tls", SimpleNamespace(main=done.append))
    shim.main(program)
    assert done == {"gwcli": ["gwcli"], "rbd-target-api": ["live", "ipv6", "rbd-target-api"]}.get(
        program, []
    )


def test_without_tls_there_is_nothing_of_it_to_load(shim, monkeypatch):
    monkeypatch.setitem(sys.modules, "ceph_iscsi_charm_tls", None)
    shim.main("gwcli")
