"""The whole table of handlers, and what each of them does with the charm's instance."""

import importlib
import sys
from collections import defaultdict
from unittest import mock

import charms.reactive as reactive
import charms_openstack.bus
import charms_openstack.charm
import pytest
from charmhelpers.core import hookenv

QUIET = "is-update-status-hook"
INSTALLED = "charm.installed"


@pytest.fixture
def handlers(hook, monkeypatch):
    """The module of handlers, its ``table`` of decorators, and the instance that they act on."""
    table = defaultdict(dict)

    def recorder(kind):
        def decorator(*flags):
            def note(function):
                table[function.__name__][kind] = flags
                return function

            return note

        return decorator

    for kind in ("when", "when_not", "when_any", "when_not_all", "hook"):
        monkeypatch.setattr(reactive, kind, recorder(kind))
    monkeypatch.setattr(charms_openstack.bus, "discover", lambda: None)
    monkeypatch.setattr(hookenv, "_atstart", [])
    gateway = mock.MagicMock()
    instance = mock.MagicMock(return_value=mock.MagicMock(__enter__=lambda self: gateway))
    monkeypatch.setattr(charms_openstack.charm, "provide_charm_instance", instance)
    sys.modules.pop("ceph_iscsi_handlers", None)
    module = importlib.import_module("ceph_iscsi_handlers")
    yield module, dict(table), gateway
    sys.modules.pop("ceph_iscsi_handlers", None)


def test_the_table_of_handlers(handlers):
    _, table, _ = handlers
    assert table == {
        "install": {"when_not": (INSTALLED, QUIET)},
        "request_pools": {
            "when": (INSTALLED, "ceph-client.connected"),
            "when_not": (QUIET,),
        },
        "share_secrets": {
            "when": (INSTALLED, "cluster.connected"),
            "when_not": (QUIET,),
        },
        "meet_peers": {
            "when": (INSTALLED, "cluster.connected"),
            "when_not": (QUIET,),
        },
        "hand_out_turns": {"when": (INSTALLED, "cluster.restart.outstanding")},
        "take_turn": {"when": ("config.rendered", "cluster.restart.requested", QUIET)},
        "request_certificate": {
            "when": (INSTALLED, "certificates.available"),
            "when_not": (QUIET,),
        },
        "configure": {
            "when": (
                INSTALLED,
                "ceph-client.available",
                "ceph-client.pools.available",
                "cluster.available",
            ),
            "when_not": (QUIET,),
        },
        "watch": {"when": ("config.rendered", "cluster.connected", QUIET)},
        "withdraw": {
            "when": ("config.rendered", "cluster.connected"),
            "when_not": ("ceph-client.available", QUIET),
        },
        "retire": {"when": (INSTALLED,), "when_not": (QUIET,)},
    }


def test_in_update_status_daemons_are_looked_at_and_turns_to_restart_if_there_are_any(handlers):
    _, table, _ = handlers
    awake = {name for name, flags in table.items() if QUIET not in flags.get("when_not", ())}
    assert awake == {"hand_out_turns", "take_turn", "watch"}
    awake.remove("watch")
    assert all(any("cluster.restart" in flag for flag in table[name]["when"]) for name in awake)


def test_the_status_is_told_in_every_hook(handlers):
    _, _, gateway = handlers
    hookenv._run_atstart()
    gateway.assess_status.assert_called_once_with()


def test_defaults_that_the_layers_provide(handlers):
    flags = {flag for flag in reactive.get_flags() if "do-default" in flag}
    assert flags == {
        "charms.openstack.do-default-update-status",
        "charms.openstack.do-default-upgrade-charm",
    }


@pytest.mark.parametrize("done", [True, False])
def test_a_unit_counts_as_installed_only_if_it_is(handlers, done):
    module, _, gateway = handlers
    gateway.install.return_value = done
    module.install()
    assert reactive.is_flag_set(INSTALLED) is done


@pytest.mark.parametrize("done", [True, False])
def test_files_count_as_rendered_only_if_they_are(handlers, done):
    module, _, gateway = handlers
    gateway.configure.return_value = done
    module.configure()
    assert reactive.is_flag_set("config.rendered") is done


@pytest.mark.parametrize("done", [True, False])
def test_a_new_certificate_is_news_until_it_is_in_use(handlers, done):
    module, _, gateway = handlers
    flags = {f"certificates.{what}.changed" for what in ("ca", "certs", "application.certs")}
    for flag in flags:
        reactive.set_flag(flag)
    gateway.configure.return_value = done
    module.configure()
    assert flags.isdisjoint(reactive.get_flags()) is done


def test_without_ceph_the_gateway_is_withdrawn_and_to_be_rendered_anew(handlers, monkeypatch):
    module, _, _ = handlers
    cluster = mock.MagicMock()
    monkeypatch.setattr(reactive, "endpoint_from_name", {"cluster": cluster}.get)
    reactive.set_flag("config.rendered")
    module.withdraw()
    cluster.withdraw_ready.assert_called_once_with()
    assert not reactive.is_flag_set("config.rendered")


@pytest.mark.parametrize(
    ("handler", "method", "endpoints"),
    [
        ("request_pools", "request_pools", ["ceph-client"]),
        ("share_secrets", "share_secrets", ["cluster"]),
        ("request_certificate", "request_certificate", ["certificates"]),
        ("take_turn", "reconfigure", []),
    ],
)
def test_other_handlers_are_one_call_on_the_charm(
    handlers, monkeypatch, handler, method, endpoints
):
    module, _, gateway = handlers
    monkeypatch.setattr(reactive, "endpoint_from_name", lambda name: name)
    getattr(module, handler)()
    assert gateway.method_calls == [getattr(mock.call, method)(*endpoints)]


def test_the_leader_looks_at_the_turns(handlers, monkeypatch):
    module, _, _ = handlers
    seen = []
    monkeypatch.setattr(reactive, "endpoint_from_name", lambda name: name)
    monkeypatch.setattr(module.turns, "hand_out", seen.append)
    module.hand_out_turns()
    assert seen == ["cluster"]


@pytest.mark.parametrize("leaving", [True, False])
def test_only_a_unit_that_is_leaving_retires(handlers, leaving):
    module, _, gateway = handlers
    gateway.is_leaving = leaving
    module.retire()
    assert gateway.retire.called is leaving
