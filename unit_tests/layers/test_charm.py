"""The charm class: how it is found, what it does, what it tells."""

import os
import types

import charms.reactive as reactive
import pytest
from charmhelpers import fetch
from charmhelpers.core import hookenv
from charms_openstack import bus, charm, plugins
from charms_openstack.charm import sources, utils


@pytest.fixture
def gateway(unit, monkeypatch):
    """A charm's instance; its class is made anew for each test."""
    monkeypatch.setattr(utils.shutil, "chown", lambda *_: None)

    class Gateway(plugins.CephCharm):
        release = "yoga"
        packages = ("ceph-iscsi",)
        services = ("api", "gw")
        required_relations = ("ceph-client", "cluster")

    with charm.provide_charm_instance() as instance:
        yield instance


@pytest.fixture
def status(monkeypatch):
    told = []
    monkeypatch.setattr(hookenv, "status_set", lambda *args: told.append(args))
    monkeypatch.setattr(hookenv, "application_version_set", told.append)
    return told


def related():
    for name in ("ceph-client", "cluster"):
        reactive.set_flag(f"{name}.connected")
        reactive.set_flag(f"{name}.available")


# Finding it


def test_there_is_one_instance_for_blocks_and_functions(gateway):
    @charm.provide_charm_instance
    def install(instance, word):
        return instance, word

    assert install("now") == (gateway, "now")
    with charm.provide_charm_instance() as again:
        assert again is gateway


def test_the_newest_class_that_a_release_allows_is_taken(gateway):
    class Later(plugins.CephCharm):
        release = "caracal"

    assert type(charm.get_charm_instance("bobcat")) is type(gateway)
    assert type(charm.get_charm_instance("epoxy")) is Later
    assert type(charm.get_charm_instance()) is Later


@pytest.mark.parametrize("release", ["xena", "unheard-of"])
def test_a_release_before_the_first_or_unknown_is_an_error(gateway, release):
    with pytest.raises(RuntimeError):
        charm.get_charm_instance(release)


def test_a_class_must_say_the_first_release_it_works_with(unit):
    with pytest.raises(RuntimeError, match="Nameless does not say"):
        type("Nameless", (plugins.CephCharm,), {})


def test_optional_interfaces_are_those_with_a_flag(monkeypatch):
    found = {"certificates.available": "tls"}
    monkeypatch.setattr(reactive, "endpoint_from_flag", found.get)
    interfaces = charm.optional_interfaces(["ceph"], "certificates.available", "other.available")
    assert interfaces == ("ceph", "tls")


def test_modules_of_charm_classes_are_imported(unit, tmp_path, monkeypatch):
    package = tmp_path / "lib" / "charm" / "openstack"
    (package / "parts").mkdir(parents=True)
    for name in ("gateway.py", "README.md", "parts/__init__.py", "parts/one.py"):
        (package / name).touch()
    imported = []
    monkeypatch.setattr(bus.importlib, "import_module", imported.append)
    bus.discover()
    assert imported == [
        "charm.openstack.gateway",
        "charm.openstack.parts",
        "charm.openstack.parts.one",
    ]


# Installing


def test_only_missing_packages_are_installed(gateway, status, monkeypatch):
    installed = []
    monkeypatch.setattr(sources, "configure", lambda *_: None)
    monkeypatch.setattr(fetch, "apt_update", lambda fatal: installed.append("update"))
    monkeypatch.setattr(fetch, "filter_installed_packages", lambda names: list(names))
    monkeypatch.setattr(fetch, "apt_install", lambda names, fatal: installed.append(names))
    gateway.install()
    assert installed == ["update", ["ceph-iscsi"]]
    monkeypatch.setattr(fetch, "filter_installed_packages", lambda names: [])
    gateway.install()
    assert installed == ["update", ["ceph-iscsi"], "update"]


def test_the_configured_archive_is_used(gateway, unit, monkeypatch):
    done = []
    monkeypatch.setattr(sources, "configure", lambda *args: done.append(args))
    monkeypatch.setattr(fetch, "apt_update", lambda fatal: done.append("update"))
    unit.update(source="cloud:noble-epoxy", key="a-key")
    gateway.configure_source()
    assert done == [("cloud:noble-epoxy", "a-key"), "update"]


# Files and services


@pytest.fixture
def rendering(gateway, tmp_path, monkeypatch):
    """A charm with one file, which the service api depends on."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "api.cfg").write_text("value = {{ options.value }}\n")
    monkeypatch.setattr(type(gateway), "restart_map", {str(tmp_path / "api.cfg"): ["api"]})
    restarted = []
    monkeypatch.setattr(utils, "restart", restarted.append)
    monkeypatch.setattr(utils, "running_since", lambda service: 1000.0)
    return types.SimpleNamespace(file=tmp_path / "api.cfg", restarted=restarted)


def test_a_changed_file_restarts_what_depends_on_it(gateway, unit, rendering):
    unit["value"] = 1
    gateway.render_with_interfaces([])
    assert rendering.file.read_text() == "value = 1\n"
    assert rendering.restarted == ["api"]


def test_a_service_that_is_newer_than_its_files_is_left_alone(gateway, unit, rendering):
    unit["value"] = 1
    rendering.file.write_text("value = 1\n")
    os.utime(rendering.file, (900, 900))
    gateway.render_with_interfaces([])
    assert rendering.restarted == []


def test_a_restart_that_a_killed_hook_left_undone_is_found(gateway, unit, rendering):
    unit["value"] = 1
    rendering.file.write_text("value = 1\n")
    gateway.render_with_interfaces([])
    assert rendering.restarted == ["api"]


def test_a_paused_units_services_are_not_restarted(gateway, unit, rendering):
    unit["value"] = 1
    reactive.set_flag("charm.paused")
    gateway.render_with_interfaces([])
    gateway.restart_all()
    assert rendering.file.exists()
    assert rendering.restarted == []


def test_a_service_that_does_not_run_is_not_restarted_for_its_files(
    gateway, unit, rendering, monkeypatch
):
    unit["value"] = 1
    monkeypatch.setattr(utils, "running_since", lambda service: None)
    gateway.render_with_interfaces([])
    assert rendering.restarted == []


def test_files_have_the_mode_that_the_class_says(gateway, unit, rendering, monkeypatch):
    unit["value"] = 1
    gateway.render_with_interfaces([])
    assert rendering.file.stat().st_mode & 0o777 == 0o640
    overrides = {str(rendering.file): 0o600}
    monkeypatch.setattr(type(gateway), "permission_override_map", overrides)
    gateway.render_with_interfaces([])
    assert rendering.file.stat().st_mode & 0o777 == 0o600


def test_a_template_may_be_named_after_the_whole_path(gateway, unit, rendering, tmp_path):
    unit["value"] = 1
    whole = str(rendering.file).strip("/").replace("/", "_")
    (tmp_path / "templates" / "api.cfg").rename(tmp_path / "templates" / whole)
    gateway.render_with_interfaces([])
    assert rendering.file.exists()


def test_services_are_enabled_and_those_that_do_not_run_started(gateway, systemctl):
    calls = systemctl("[ $1 != is-active ] || printf 'active\\ninactive\\n'")
    gateway.enable_services()
    assert calls() == [
        "enable --quiet api gw",
        "is-active api gw",
        "reset-failed gw",
        "start gw",
    ]


def test_a_paused_units_services_are_not_enabled(gateway, systemctl):
    calls = systemctl()
    reactive.set_flag("charm.paused")
    gateway.enable_services()
    assert calls() == []


# Pausing


def test_pause_stops_and_masks_and_resume_undoes_it(gateway, systemctl):
    calls = systemctl()
    gateway.pause()
    assert gateway.is_paused
    assert calls() == [
        "disable --quiet --now api",
        "mask --quiet api",
        "disable --quiet --now gw",
        "mask --quiet gw",
    ]
    gateway.resume()
    assert not gateway.is_paused
    assert calls()[-4:] == ["reset-failed api", "start api", "reset-failed gw", "start gw"]


def test_a_service_that_will_not_stop_fails_the_pause_after_all_were_tried(gateway, systemctl):
    calls = systemctl('[ "$*" != "disable --quiet --now api" ] || exit 1')
    with pytest.raises(RuntimeError, match="these services did not stop: api"):
        gateway.pause()
    assert calls()[-1] == "mask --quiet gw"


def test_a_service_that_will_not_start_fails_the_resume(gateway, systemctl):
    systemctl('[ "$*" != "start gw" ] || exit 1')
    with pytest.raises(RuntimeError, match="these services did not start: gw"):
        gateway.resume()


def test_a_series_upgrade_pauses_and_resumes(gateway, systemctl):
    systemctl()
    gateway.series_upgrade_prepare()
    assert gateway.is_paused
    gateway.series_upgrade_complete()
    assert not gateway.is_paused


def test_a_unit_that_was_paused_stays_paused_over_a_series_upgrade(gateway, systemctl):
    systemctl()
    gateway.pause()
    gateway.series_upgrade_prepare()
    gateway.series_upgrade_complete()
    assert gateway.is_paused


# Status


def test_the_status_is_told_once_at_the_end_of_the_hook(gateway, status, systemctl, monkeypatch):
    systemctl("printf 'active\\nactive\\n'")
    monkeypatch.setattr(type(gateway), "application_version", "3.9")
    related()
    gateway.assess_status()
    gateway.assess_status()
    assert status == []
    hookenv._run_atexit()
    assert status == ["3.9", ("active", "Unit is ready")]


def test_update_status_does_not_look_the_version_up(gateway, status, systemctl, monkeypatch):
    systemctl("printf 'active\\nactive\\n'")
    monkeypatch.setenv("JUJU_HOOK_NAME", "update-status")
    related()
    gateway._assess_status()
    assert status == [("active", "Unit is ready")]


STATES = [
    (["upgrade.series.in-progress"], "blocked", "Ready for do-release-upgrade and reboot. Set "
     "complete when finished."),
    (["charm.paused"], "maintenance", "Paused. Use 'resume' action to resume normal service."),
    ([], "blocked", "Missing relations: ceph-client, cluster"),
    (["cluster.connected", "cluster.available"], "blocked", "Missing relations: ceph-client"),
    (
        ["ceph-client.connected", "cluster.connected", "cluster.available"],
        "waiting",
        "Incomplete relations: ceph-client",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("flags", "expected", "message"), STATES)
def test_flags_decide_the_status(gateway, status, monkeypatch, flags, expected, message):
    monkeypatch.setenv("JUJU_HOOK_NAME", "update-status")
    for flag in flags:
        reactive.set_flag(flag)
    gateway._assess_status()
    assert status == [(expected, message)]


def test_services_that_do_not_run_are_named(gateway, systemctl):
    systemctl("printf 'failed\\ninactive\\n'")
    message = "Services not running that should be: api, gw"
    assert gateway.check_services_running() == ("blocked", message)


def test_mandatory_options_without_a_value_are_named(gateway, unit, monkeypatch):
    monkeypatch.setattr(type(gateway), "mandatory_config", ("source", "key"))
    unit.update(source="distro", key=None)
    message = "The following mandatory config is unset: key"
    assert gateway.check_mandatory_config() == ("blocked", message)


def test_a_charm_orders_the_checks_itself(gateway, status, monkeypatch):
    monkeypatch.setenv("JUJU_HOOK_NAME", "update-status")
    own = ("custom_assess_status_check", "check_if_paused")
    monkeypatch.setattr(type(gateway), "status_checks", own)
    monkeypatch.setattr(gateway, "custom_assess_status_check", lambda: ("blocked", "first"))
    reactive.set_flag("charm.paused")
    gateway._assess_status()
    assert status == [("blocked", "first")]


# Default handlers


def test_defaults_are_flags(gateway):
    charm.use_defaults("update-status", "upgrade-charm")
    assert reactive.is_flag_set("charms.openstack.do-default-update-status")
    assert reactive.is_flag_set("charms.openstack.do-default-upgrade-charm")


def test_an_unknown_default_is_an_error(gateway):
    with pytest.raises(RuntimeError, match="no default handler"):
        charm.use_defaults("amqp.connected")


# Ceph


def test_names_of_a_ceph_client_follow_the_application(gateway):
    assert gateway.ceph_key_name == "client.storage-gw"
    assert gateway.ceph_keyring_absolute_path() == "/etc/ceph/ceph.client.storage-gw.keyring"


def test_the_keyring_is_for_its_owner_alone(gateway, tmp_path, monkeypatch):
    prefix = str(tmp_path / "ceph")
    monkeypatch.setattr(type(gateway), "ceph_keyring_path_prefix", prefix)
    path = gateway.configure_ceph_keyring("the-key")
    assert path == f"{prefix}/ceph.client.storage-gw.keyring"
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path) as keyring:
        assert keyring.read() == "[client.storage-gw]\n\tkey = the-key\n"
    assert gateway.delete_ceph_keyring() == path
    assert gateway.delete_ceph_keyring() == ""
