"""Decisions of the charm class, with flags and files for real."""

import os
import string
from types import SimpleNamespace

import charms.reactive as reactive
import pytest
from ceph_iscsi import (
    chap_key,
    daemon_files,
    departures,
    drain,
    hosts,
    live_settings,
    networks,
    packages,
    services,
    tls,
)
from ceph_iscsi.api import Api
from ceph_iscsi.errors import GatewayError
from charm.openstack import ceph_iscsi
from charm_options import config
from charmhelpers.core import hookenv


class FakePeers:
    """The peers as the endpoint shows them."""

    def __init__(self, addresses=("10.0.0.2", "10.0.0.1"), allowed=(), units=2):
        self.peer_addresses = list(addresses)
        self.allowed_ips = list(allowed)
        self.unit_count = units
        self.admin_password = None
        self.chap_key = None
        self.ready = None
        self.all_departed_units = []
        self.restart_requests, self.restart_turn = {}, {}
        self.portal_addresses = []
        self.host_names = {}
        self.introduced = None

    def introduce(self, *values):
        self.introduced = values

    def request_restart(self, request):
        self.restart_requests["ceph-iscsi/0"] = request

    def withdraw_restart_request(self):
        self.restart_requests.pop("ceph-iscsi/0", None)

    def set_restart_turn(self, turn):
        self.restart_turn = turn

    def set_admin_password(self, password):
        self.admin_password = password

    def set_chap_key(self, key):
        self.chap_key = key

    def announce_ready(self, fqdn):
        self.ready = fqdn

    def withdraw_ready(self):
        self.ready = None


class FakeCeph:
    """Ceph as the endpoint shows it; methods that ask for something are recorded."""

    key, auth, broker_error = "a2V5", "cephx", None

    def __init__(self):
        self.asked = []

    def mon_hosts(self):
        return ["10.9.0.3", "10.9.0.1"]

    def __getattr__(self, method):
        return lambda **arguments: self.asked.append((method, arguments))


class FakeAuthority:
    """The certificate authority as the endpoint shows it: not related, until told otherwise."""

    endpoint_name = "certificates"

    def __init__(self):
        self.application_certs, self.root_ca_cert, self.root_ca_chain = [], None, None
        self.asked = []

    def request_application_cert(self, name, sans):
        self.asked.append((name, sans))

    def answer(self, certificate="cert"):
        self.application_certs = [SimpleNamespace(cert=certificate, key="key")]
        self.root_ca_cert, self.root_ca_chain = "ca", "chain"


@pytest.fixture
def machine(hook, monkeypatch, tmp_path):
    """Paths below a temporary directory, no service manager, API and model as told."""
    state = SimpleNamespace(
        log=hook,
        root=tmp_path / "root",
        container=tmp_path / "container",
        started=[],
        api="host-1.lab",
        leader=True,
        relations={},
        certificates=FakeAuthority(),
        bundle=None,
        chap_key=None,
        hosts=tmp_path / "hosts",
        names={"host-1.lab": ["127.0.1.1"]},
        networks={
            "cluster": {"ingress-addresses": ["10.0.0.1", "fd00::1"]},
            "public": {"ingress-addresses": ["192.0.2.1", "fd01::1"]},
        },
        live=True,
        serving=False,
        sessions={},
        awaited=[],
        silent=[],
        last_paths={},
        portals=[],
        statuses=[],
    )
    state.root.mkdir()
    state.hosts.touch()

    def check_live(other_password):
        if not state.live:
            raise GatewayError("the API does not look into its file")

    def check_ready(self):
        if state.api != "host-1.lab":
            raise GatewayError("the API does not answer")

    def wait_for_return(sessions):
        state.awaited.append(sessions)
        return True

    def run_all(check_ready):
        state.started.append(services.restart_needed())
        services.unmark_restart()
        check_ready()

    monkeypatch.setattr(daemon_files, "CEPH_CONF", state.root / "iscsi" / "ceph.conf")
    for module in (ceph_iscsi, daemon_files, departures):
        monkeypatch.setattr(module, "GATEWAY_CFG", state.root / "iscsi-gateway.cfg")
    monkeypatch.setattr(ceph_iscsi, "CONTAINER_NOTE", state.container)
    monkeypatch.setattr(ceph_iscsi.CephISCSIGatewayCharm, "check_ready", check_ready)
    monkeypatch.setattr(ceph_iscsi.socket, "getfqdn", lambda: "host-1.lab")
    monkeypatch.setattr(hosts, "ETC_HOSTS", state.hosts)
    monkeypatch.setattr(hosts, "resolve", lambda name: state.names.get(name, []))
    monkeypatch.setattr(networks, "of", state.networks.get)
    monkeypatch.setattr(services, "RESTART_MARK", tmp_path / "mark")
    monkeypatch.setattr(services, "AWAITED", tmp_path / "awaited")
    monkeypatch.setattr(services, "run_all", run_all)
    monkeypatch.setattr(services, "stop_all", lambda: state.started.append("stop"))
    monkeypatch.setattr(services, "stopped", lambda *names: [])
    monkeypatch.setattr(live_settings, "install", lambda source: None)
    monkeypatch.setattr(live_settings, "check", check_live)
    monkeypatch.setattr(services, "serving", lambda: state.serving)
    monkeypatch.setattr(services, "install_drain", lambda source: None)
    monkeypatch.setattr(drain, "connected", lambda: state.sessions)
    monkeypatch.setattr(drain, "wait_for_return", wait_for_return)
    monkeypatch.setattr(drain, "silent_portals", lambda: state.silent)
    monkeypatch.setattr(drain, "last_paths", lambda: state.last_paths)
    monkeypatch.setattr(drain, "own_groups", lambda: ["tpg"] if state.portals else [])
    monkeypatch.setattr(drain, "other_portals", lambda tpg: state.portals)
    monkeypatch.setattr(hookenv, "status_set", lambda *status: state.statuses.append(status))
    monkeypatch.setattr(hookenv, "is_leader", lambda: state.leader)
    monkeypatch.setattr(hookenv, "relation_ids", lambda name: state.relations.get(name, []))
    monkeypatch.setattr(tls, "enabled", lambda: state.bundle is not None)
    monkeypatch.setattr(tls, "differs", lambda bundle, _: state.bundle != bundle)
    monkeypatch.setattr(tls, "installed", lambda: state.bundle is not None)
    monkeypatch.setattr(tls, "check", lambda bundle: None)
    monkeypatch.setattr(tls, "install", lambda bundle, _: setattr(state, "bundle", bundle))
    monkeypatch.setattr(tls, "remove", lambda: setattr(state, "bundle", None))
    monkeypatch.setattr(chap_key, "generate", lambda: "a key")
    monkeypatch.setattr(chap_key, "install", lambda key: setattr(state, "chap_key", key))
    monkeypatch.setattr(os, "fchown", lambda *_: None)
    monkeypatch.setattr(os, "chown", lambda *_: None)
    return state


def gateway(**options):
    return ceph_iscsi.CephISCSIGatewayCharm(config=config(**options))


def peers_with_password(**kwargs):
    peers = FakePeers(**kwargs)
    peers.admin_password = "s" * 32
    peers.chap_key = "a key"
    return peers


# Installing


def test_packages_are_installed_with_the_daemons_kept_down(machine, monkeypatch):
    done = []
    base = ceph_iscsi.CephISCSIGatewayCharm.__mro__[1]
    monkeypatch.setattr(base, "install", lambda self: done.append("packages"))
    monkeypatch.setattr(services, "keep_down", lambda: done.append("kept down"))
    assert gateway().install() is True
    assert done == ["kept down", "packages"]
    reactive.set_flag("charm.installed")
    gateway().install()
    assert done[2:] == ["packages"]


def test_nothing_is_installed_in_a_container(machine):
    machine.container.touch()
    assert gateway().install() is False


# Ceph and peers


def test_ceph_is_asked_for_everything_in_order(machine):
    ceph = FakeCeph()
    gateway().request_pools(ceph)
    assert [method for method, _ in ceph.asked] == [
        "create_replicated_pool",
        "create_replicated_pool",
        "request_ceph_permissions",
        "request_osd_settings",
    ]
    assert ceph.asked[2][1]["client_name"] == "ceph-iscsi"


def test_with_an_invalid_option_ceph_is_asked_for_nothing(machine):
    ceph = FakeCeph()
    gateway(pool_type="mirror").request_pools(ceph)
    assert ceph.asked == []


def test_the_leader_makes_a_password_of_32_characters_once(machine):
    peers = FakePeers()
    gateway().share_secrets(peers)
    password = peers.admin_password
    assert len(password) == 32
    assert set(password) <= set(string.ascii_letters + string.digits)
    gateway().share_secrets(peers)
    assert peers.admin_password == password


def test_the_leader_makes_a_key_for_chap_passwords_once_also_after_an_upgrade(
    machine, monkeypatch
):
    peers = peers_with_password()
    peers.chap_key = None
    gateway().share_secrets(peers)
    assert (peers.chap_key, peers.admin_password) == ("a key", "s" * 32)
    monkeypatch.setattr(chap_key, "generate", lambda: "another")
    gateway().share_secrets(peers)
    assert peers.chap_key == "a key"


def test_peers_are_told_the_name_and_the_addresses_of_both_bindings(machine):
    peers = FakePeers()
    gateway().meet_peers(peers)
    assert peers.introduced == ("host-1.lab", "10.0.0.1", "192.0.2.1")
    gateway(prefer_ipv6=True).meet_peers(peers)
    assert peers.introduced == ("host-1.lab", "fd00::1", "fd01::1")


def test_a_peers_name_that_does_not_resolve_is_in_the_hosts_file_unless_an_option_says_no(
    machine,
):
    peers = FakePeers()
    peers.host_names = {"ceph-iscsi/1": ("host-2.lab", "10.0.0.2")}
    gateway().meet_peers(peers)
    assert "\n10.0.0.2 host-2.lab\n" in machine.hosts.read_text()
    gateway(manage_hosts_file=False).meet_peers(peers)
    assert machine.hosts.read_text() == ""


def test_a_unit_that_leaves_keeps_the_names_until_it_stops(machine, monkeypatch):
    peers = FakePeers()
    peers.host_names = {"ceph-iscsi/1": ("host-2.lab", "10.0.0.2")}
    gateway().meet_peers(peers)
    monkeypatch.setenv("JUJU_DEPARTING_UNIT", "ceph-iscsi/0")
    peers.host_names = {}
    gateway().meet_peers(peers)
    assert "host-2.lab" in machine.hosts.read_text()
    gateway().retire()
    assert machine.hosts.read_text() == ""


def test_a_name_server_that_fails_fails_no_hook(machine, monkeypatch):
    def fail(name):
        raise GatewayError("`getent` gave no answer within 45 s")

    monkeypatch.setattr(hosts, "resolve", fail)
    peers = FakePeers()
    peers.host_names = {"ceph-iscsi/1": ("host-2.lab", "10.0.0.2")}
    gateway().meet_peers(peers)
    assert any("no answer within 45 s" in line for line in machine.log)


def test_other_units_make_neither(machine):
    machine.leader = False
    peers = FakePeers()
    gateway().share_secrets(peers)
    assert (peers.admin_password, peers.chap_key) == (None, None)


# Certificates


def certificates_related(machine, *relation_ids):
    machine.relations["certificates"] = list(relation_ids or ["certificates:7"])
    return machine.certificates


def secure(machine):
    return "api_secure = true" in content(machine, "iscsi-gateway.cfg")


def test_a_certificate_is_asked_for_by_all_names_and_addresses_of_the_unit(machine, monkeypatch):
    bindings = {
        "public": {"ingress-addresses": ["192.0.2.1"]},
        "cluster": {"bind-addresses": [{"addresses": [{"value": "10.0.0.1"}]}]},
    }
    monkeypatch.setattr(networks, "of", bindings.get)
    monkeypatch.setattr(ceph_iscsi.socket, "gethostname", lambda: "host-1")
    gateway().request_certificate(machine.certificates)
    names = ["10.0.0.1", "192.0.2.1", "host-1", "host-1.lab"]
    assert machine.certificates.asked == [("host-1.lab", names)]


def test_the_api_speaks_tls_from_the_first_certificate_to_the_end_of_the_relation(
    machine, monkeypatch
):
    authority = certificates_related(machine)
    configure(authority=authority)
    assert not secure(machine)
    authority.root_ca_cert = "ca"
    configure(authority=authority)
    assert not secure(machine)
    authority.answer()
    configure(authority=authority)
    assert secure(machine)
    assert machine.bundle == tls.Bundle("cert", "key", "ca", "chain")
    authority.application_certs = []
    configure(authority=authority)
    assert secure(machine), "an authority that is away for a while takes nothing away"
    monkeypatch.setenv("JUJU_HOOK_NAME", "certificates-relation-broken")
    monkeypatch.setattr(hookenv, "relation_id", lambda: "certificates:7")
    configure(authority=authority)
    assert not secure(machine)


def test_of_two_authorities_one_may_go(machine, monkeypatch):
    authority = certificates_related(machine, "certificates:7", "certificates:8")
    authority.answer()
    monkeypatch.setenv("JUJU_HOOK_NAME", "certificates-relation-broken")
    monkeypatch.setattr(hookenv, "relation_id", lambda: "certificates:7")
    configure(authority=authority)
    assert secure(machine)


def test_a_certificate_that_is_no_good_leaves_the_api_as_it_is(machine, monkeypatch):
    def refuse(bundle):
        raise GatewayError("key values mismatch")

    authority = certificates_related(machine)
    authority.answer()
    monkeypatch.setattr(tls, "check", refuse)
    assert configure(authority=authority)[0] is True
    assert not secure(machine)
    assert any("key values mismatch" in line for line in machine.log)


def test_a_certificate_that_comes_late_to_the_host_fails_no_hook(machine, monkeypatch):
    def be_slow(bundle, _):
        raise GatewayError("`update-ca-certificates` gave no answer within 300 s")

    authority = certificates_related(machine)
    authority.answer()
    monkeypatch.setattr(tls, "install", be_slow)
    assert configure(authority=authority)[0] is True
    assert any("no answer within 300 s" in line for line in machine.log)


def test_clients_of_the_api_are_told_how_to_reach_it_now(machine):
    access = FakeAccess()
    configure(access=access)
    authority = certificates_related(machine)
    authority.answer()
    configure(access=access, authority=authority)
    machine.relations.clear()
    configure(access=access, authority=authority)
    told = ("host-1.lab", "admin", "s" * 32)
    assert access.published == [(*told, scheme, 5000) for scheme in ("http", "https", "http")]


def test_the_key_for_chap_passwords_is_written_with_and_without_tls(machine):
    configure()
    assert machine.chap_key == "a key"


# Files


class FakeAccess:
    """The API's clients as the endpoint shows them; records what they are told."""

    def __init__(self, addresses=()):
        self.client_addresses = list(addresses)
        self.published = []

    def publish_gateway(self, *values):
        self.published.append(values)


def configure(peers=None, clients=None, access=None, authority=None, **options):
    peers = peers or peers_with_password()
    access = access or (clients and FakeAccess(clients))
    authority = authority or FakeAuthority()
    return gateway(**options).configure(FakeCeph(), peers, access, authority), peers


def test_an_action_has_the_same_done_once_there_is_a_configuration(machine, monkeypatch):
    there = {
        "ceph-client.pools.available": FakeCeph(),
        "cluster.available": peers_with_password(allowed=["10.5.0.1"]),
    }
    monkeypatch.setattr(reactive, "endpoint_from_flag", there.get)
    monkeypatch.setattr(reactive, "endpoint_from_name", {"certificates": FakeAuthority()}.get)
    gateway().reconfigure()
    assert machine.started == []
    reactive.set_flag("config.rendered")
    gateway().reconfigure()
    assert "10.5.0.1" in content(machine, "iscsi-gateway.cfg")


def content(machine, name):
    return (machine.root / name).read_text()


def mode(machine, name):
    return (machine.root / name).stat().st_mode & 0o777


def test_files_hold_what_the_gateway_needs_and_secrets_are_for_root_alone(machine):
    configure(peers_with_password(allowed=["10.5.0.1"]), clients=["10.7.0.2", "10.7.0.1"])
    settings = dict(
        line.split(" = ", 1)
        for line in content(machine, "iscsi-gateway.cfg").splitlines()
        if " = " in line
    )
    assert settings == {
        "cluster_name": "ceph",
        "cluster_client_name": "client.ceph-iscsi",
        "pool": "iscsi",
        "gateway_keyring": "ceph.client.ceph-iscsi.keyring",
        "ceph_config_dir": "/etc/ceph/iscsi",
        "logger_level": "20",
        "log_to_file": "true",
        "api_secure": "false",
        "api_user": "admin",
        "api_password": "s" * 32,
        "api_port": "5000",
        "trusted_ip_list": "10.0.0.1,10.0.0.2,10.5.0.1,10.7.0.1,10.7.0.2",
    }
    ceph_conf = content(machine, "iscsi/ceph.conf")
    assert "auth supported = cephx\nmon host = 10.9.0.1,10.9.0.3\n" in ceph_conf
    assert "keyring = /etc/ceph/iscsi/$cluster.$name.keyring\n" in ceph_conf
    assert "[client.ceph-iscsi]\nlog file = " in ceph_conf
    keyring = "iscsi/ceph.client.ceph-iscsi.keyring"
    assert content(machine, keyring) == "[client.ceph-iscsi]\n\tkey = a2V5\n"
    assert [mode(machine, name) for name in ("iscsi-gateway.cfg", "iscsi/ceph.conf", keyring)] == [
        0o600,
        0o644,
        0o600,
    ]


def test_the_gateways_file_is_the_same_on_all_units(machine, monkeypatch):
    configure(peers_with_password(addresses=["10.0.0.2", "10.0.0.1"]))
    first = content(machine, "iscsi-gateway.cfg")
    monkeypatch.setenv("JUJU_UNIT_NAME", "ceph-iscsi/1")
    monkeypatch.setattr(ceph_iscsi.socket, "getfqdn", lambda: "host-2.lab")
    configure(peers_with_password(addresses=["10.0.0.1", "10.0.0.2"]))
    assert content(machine, "iscsi-gateway.cfg") == first


def test_log_options_have_their_effect(machine):
    configure(loglevel=0, use_syslog=True)
    assert "logger_level = 30\nlog_to_file = false\n" in content(machine, "iscsi-gateway.cfg")
    ceph_conf = content(machine, "iscsi/ceph.conf")
    assert "log to syslog = true\nerr to syslog = true\nlog to file = false\n" in ceph_conf
    assert "debug rbd = 0/5\n" in ceph_conf


def test_the_client_follows_the_applications_name(machine, monkeypatch):
    monkeypatch.setenv("JUJU_UNIT_NAME", "storage-gw/3")
    configure()
    assert "cluster_client_name = client.storage-gw" in content(machine, "iscsi-gateway.cfg")
    assert (machine.root / "iscsi/ceph.client.storage-gw.keyring").exists()


# Daemons


def test_a_restart_is_due_only_when_a_file_has_changed(machine):
    configure()
    configure()
    configure(use_syslog=True)
    configure(use_syslog=True)
    assert machine.started == [True, False, True, False]


def test_whom_the_api_trusts_and_its_password_change_without_a_restart(machine):
    configure()
    peers = peers_with_password(
        addresses=["10.0.0.1", "10.0.0.2", "10.0.0.3"], allowed=["10.5.0.1"]
    )
    peers.admin_password = "t" * 32
    configure(peers, clients=["10.7.0.1"])
    assert machine.started == [True, False]
    text = content(machine, "iscsi-gateway.cfg")
    assert f"api_password = {'t' * 32}\n" in text
    assert "trusted_ip_list = 10.0.0.1,10.0.0.2,10.0.0.3,10.5.0.1,10.7.0.1\n" in text


def test_an_api_that_does_not_look_into_its_file_restarts(machine):
    configure()
    machine.live = False
    configure(peers_with_password(allowed=["10.5.0.1"]))
    assert machine.started == [True, True]
    assert any("without a restart: the API does not look" in line for line in machine.log)


def test_a_new_password_is_taken_before_it_is_used(machine, monkeypatch):
    peers = rotating_peers()
    monkeypatch.setattr(Api, "of", lambda host: SimpleNamespace(listens=lambda: True))
    configure()
    configure(peers)
    text = content(machine, "iscsi-gateway.cfg")
    assert f"api_password = {'s' * 32}\nother_api_password = new\n" in text
    assert peers.seen
    assert machine.started == [True, False]


def test_on_a_single_unit_it_is_used_and_the_previous_one_forgotten_in_the_same_hook(machine):
    peers = rotating_peers(units=1)
    peers.admin_passwords_seen = {}
    configure()
    reactive.set_flag("config.rendered")
    configure(peers)
    assert (peers.admin_password, peers.next_admin_password) == ("new", None)
    text = content(machine, "iscsi-gateway.cfg")
    assert "api_password = new\nother_api_password =\n" in text


def test_a_unit_that_comes_amid_a_change_of_passwords_begins_with_both(machine):
    peers = rotating_peers()
    configure(peers)
    text = content(machine, "iscsi-gateway.cfg")
    assert f"api_password = {'s' * 32}\nother_api_password = new\n" in text
    assert peers.seen


class RotatingPeers(FakePeers):
    """Peers to whom the leader has told a new password; another unit has not taken it yet."""

    next_admin_password, previous, seen = "new", None, None
    admin_passwords_seen = {"ceph-iscsi/1": ("", "10.0.0.2")}  # noqa: RUF012

    @property
    def other_admin_password(self):
        return self.next_admin_password or self.previous

    def set_admin_passwords(self, used, following=None, previous=None):
        self.admin_password, self.next_admin_password, self.previous = used, following, previous

    def set_admin_passwords_seen(self, fingerprint):
        self.seen = fingerprint


def rotating_peers(**kwargs):
    peers = RotatingPeers(**kwargs)
    peers.admin_password, peers.chap_key = "s" * 32, "a key"
    return peers


def test_a_hook_killed_before_the_restart_is_made_good_by_the_next(machine, monkeypatch):
    def killed(check_ready):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(services, "run_all", killed)
        configure()
    configure()
    assert machine.started == [True]


def test_a_paused_unit_renders_but_does_not_start_and_is_not_announced(machine):
    reactive.set_flag("charm.paused")
    done, peers = configure()
    assert (done, machine.started, peers.ready) == (True, [], None)
    assert services.restart_needed()


def test_a_gateway_is_announced_when_its_api_answers_and_withdrawn_when_not(machine):
    _, peers = configure()
    assert peers.ready == "host-1.lab"
    machine.api = None
    configure(peers)
    assert peers.ready is None
    assert any("the API does not answer" in line for line in machine.log)


@pytest.mark.parametrize(
    "environment",
    [
        {"JUJU_HOOK_NAME": "cluster-relation-departed", "JUJU_DEPARTING_UNIT": "ceph-iscsi/0"},
        {"JUJU_HOOK_NAME": "stop"},
    ],
)
def test_a_unit_that_is_leaving_changes_nothing_more(machine, monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert configure()[0] is False
    assert (machine.started, list(machine.root.iterdir())) == ([], [])


def test_a_unit_that_stays_follows_one_that_leaves(machine, monkeypatch):
    monkeypatch.setenv("JUJU_HOOK_NAME", "cluster-relation-departed")
    monkeypatch.setenv("JUJU_DEPARTING_UNIT", "ceph-iscsi/1")
    assert configure()[0] is True


def test_daemons_first_start_when_there_are_units_to_serve_with(machine):
    assert configure(peers_with_password(units=1))[0] is False
    assert machine.started == []
    assert configure(peers_with_password(units=2))[0] is True
    reactive.set_flag("config.rendered")
    assert configure(peers_with_password(units=1))[0] is True


def test_an_invalid_option_leaves_everything_as_it_is(machine):
    assert configure(loglevel=99)[0] is False
    assert (machine.started, list(machine.root.iterdir())) == ([], [])


# Turns

OTHER = "ceph-iscsi/1"


@pytest.fixture
def serving(machine):
    """A gateway that initiators are logged in to; configured, and of two the leader."""
    _, peers = configure()
    machine.serving, machine.sessions = True, {"iqn": {"initiator"}}
    machine.started.clear()
    machine.statuses.clear()
    return peers


def waits(peers):
    return "ceph-iscsi/0" in peers.restart_requests


def test_a_serving_gateway_restarts_at_its_turn_and_gives_it_back(machine, serving):
    configure(serving, loglevel=3)
    assert machine.started == [True]
    assert machine.statuses == [("maintenance", "Restarting: draining")]
    assert (serving.restart_requests, serving.restart_turn) == ({}, {})


@pytest.mark.parametrize("when", ["run_all", "initiators_returned"])
def test_a_turn_whose_hook_is_killed_ends_when_initiators_are_back(
    machine, serving, monkeypatch, when
):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(services, when, killed)
        configure(serving, loglevel=3)
    machine.sessions = {"iqn": set()}
    configure(serving, loglevel=3)
    assert machine.awaited == [{"iqn": {"initiator"}}]
    assert not waits(serving)
    configure(serving, loglevel=3)
    assert len(machine.awaited) == 1


def test_until_its_turn_everything_stays_as_it_is(machine, serving):
    machine.leader = False
    before = content(machine, "iscsi-gateway.cfg")
    configure(serving, loglevel=3)
    assert waits(serving)
    assert (machine.started, machine.statuses) == ([], [])
    assert content(machine, "iscsi-gateway.cfg") == before
    assert serving.ready == "host-1.lab"
    serving.restart_turn = {
        "unit": "ceph-iscsi/0",
        "request": serving.restart_requests["ceph-iscsi/0"],
    }
    configure(serving, loglevel=3)
    assert machine.started == [True]
    assert not waits(serving)


def test_a_change_that_is_taken_back_in_time_needs_no_turn(machine, serving):
    machine.leader = False
    configure(serving, loglevel=3)
    configure(serving)
    assert (waits(serving), services.restart_needed()) == (False, False)


def test_another_units_turn_is_waited_for(machine, serving):
    serving.restart_requests[OTHER] = "5"
    configure(serving, loglevel=3)
    assert serving.restart_turn["unit"] == OTHER
    assert machine.started == []


def test_none_restarts_while_another_gateway_is_down(machine, serving):
    machine.silent = ["10.0.0.2:3260"]
    configure(serving, loglevel=3)
    assert (machine.started, waits(serving)) == ([], True)
    assert any("not restarted while others don't serve: 10.0.0.2" in line for line in machine.log)
    machine.silent = []
    configure(serving, loglevel=3)
    assert machine.started == [True]


def test_a_gateway_that_does_not_serve_restarts_at_once(machine, serving):
    machine.serving, machine.leader = False, False
    configure(serving, loglevel=3)
    assert machine.started == [True]
    assert not waits(serving)


def test_a_new_certificate_comes_into_use_at_the_turn(machine, serving):
    machine.leader = False
    authority = certificates_related(machine)
    authority.answer()
    configure(serving, authority=authority)
    assert (machine.bundle, waits(serving)) == (None, True)
    machine.leader = True
    configure(serving, authority=authority)
    assert machine.bundle
    assert secure(machine)
    assert machine.started == [True]


def test_nothing_to_restart_for_asks_for_nothing(machine, serving):
    configure(serving)
    assert machine.started == [False]
    assert machine.statuses == []


def test_a_paused_unit_gives_its_turn_up_and_gets_its_files(machine, serving, monkeypatch):
    monkeypatch.setattr(reactive, "endpoint_from_flag", {"cluster.connected": serving}.get)
    machine.leader = False
    configure(serving, loglevel=0)
    gateway().pause()
    assert not waits(serving)
    configure(serving, loglevel=0)
    assert "logger_level = 30" in content(machine, "iscsi-gateway.cfg")
    assert machine.started == ["stop"]


# The action restart


@pytest.fixture
def acting(machine, serving, monkeypatch):
    """The serving gateway's endpoints, as flags lead to them."""
    endpoints = {"ceph-client.pools.available": FakeCeph(), "cluster.available": serving}
    monkeypatch.setattr(reactive, "endpoint_from_flag", endpoints.get)
    names = {"certificates": FakeAuthority()}
    monkeypatch.setattr(reactive, "endpoint_from_name", names.get)
    reactive.set_flag("config.rendered")
    return serving


def test_restart_is_done_if_it_may_be_done_now(machine, acting):
    assert gateway().restart(force=False) is True
    assert machine.started == [True]


def test_restart_waits_for_its_turn_and_for_others_unless_forced(machine, acting):
    machine.silent = ["10.0.0.2:3260"]
    assert gateway().restart(force=False) is False
    assert machine.started == []
    machine.leader = False
    assert gateway().restart(force=True) is True
    assert (machine.started, waits(acting)) == ([True], False)


def test_restart_fails_if_the_gateway_does_not_serve_afterwards(machine, acting):
    machine.api = None
    with pytest.raises(GatewayError, match="does not answer"):
        gateway().restart(force=False)


def test_restart_is_refused_on_a_paused_unit_and_before_there_is_a_configuration(machine, acting):
    reactive.set_flag("charm.paused")
    with pytest.raises(GatewayError, match="paused; resume"):
        gateway().restart(force=True)
    reactive.clear_flag("charm.paused")
    reactive.clear_flag("config.rendered")
    with pytest.raises(GatewayError, match="not configured yet"):
        gateway().restart(force=True)
    assert (machine.started, services.restart_needed()) == ([], False)


# Packages


@pytest.fixture
def upgrades(machine, serving, monkeypatch):
    """What is done for another archive, in order; ``refuse`` has apt fail with the packages."""
    case = SimpleNamespace(done=machine.started, peers=serving, refuse=False)

    def upgrade(names):
        if case.refuse:
            raise GatewayError("apt-get failed")
        case.done.append(names)

    monkeypatch.setattr(packages, "_use_archive", lambda config, configure: True)
    monkeypatch.setattr(packages, "_upgradable", lambda names: True)
    monkeypatch.setattr(packages, "upgrade", upgrade)
    packages.note(config())
    return case


SOURCE = "deb http://archive noble main"
ALL = ceph_iscsi.CephISCSIGatewayCharm.packages


def test_another_archive_upgrades_at_the_turn_with_the_daemons_stopped(machine, upgrades):
    machine.leader = False
    configure(upgrades.peers, source=SOURCE)
    assert (upgrades.done, waits(upgrades.peers)) == ([], True)
    machine.leader = True
    for _ in range(2):
        configure(upgrades.peers, source=SOURCE)
    assert upgrades.done == ["stop", ALL, True, False]


def test_an_archive_with_nothing_new_stops_nothing(machine, upgrades, monkeypatch):
    monkeypatch.setattr(packages, "_upgradable", lambda names: False)
    configure(upgrades.peers, source=SOURCE)
    assert upgrades.done == [False]


def test_an_upgrade_that_fails_leaves_the_gateway_serving_and_is_tried_again(machine, upgrades):
    upgrades.refuse = True
    configure(upgrades.peers, source=SOURCE)
    assert upgrades.done == ["stop", True]
    upgrades.refuse = False
    configure(upgrades.peers, source=SOURCE)
    assert upgrades.done == ["stop", True, "stop", ALL, True]


def test_an_archive_that_apt_cannot_use_is_told(machine):
    packages.unitdata.kv().set(packages._BAD, packages._archive(config(source="nonsense")))
    status = gateway(source="nonsense").custom_assess_status_check()
    assert status == ("blocked", "Invalid configuration: source, key: apt cannot use this archive")
    assert gateway().is_archive_unusable is False


# Departed units


@pytest.fixture
def departure(machine, monkeypatch):
    """A gateway at 10.0.0.3 has left, and LIO still has its portal.

    ``portals`` are those of the stored target; ``forgotten`` collects who is taken out.
    """
    portals = {
        "b.lab": {"portal_ip_addresses": ["10.0.0.2"]},
        "c.lab": {"portal_ip_addresses": ["198.51.100.3"]},  # bound elsewhere in its day
    }
    case = SimpleNamespace(
        machine=machine, peers=peers_with_password(), portals=portals, forgotten=[]
    )
    machine.portals = ["10.0.0.2:3260", "198.51.100.3:3260"]
    told = {"ingress-address": "10.0.0.3", "portal_address": "192.0.2.3", "host_name": "c.lab"}
    gone = SimpleNamespace(received_raw=told)

    def take_out(name, ceph):
        case.forgotten.append(name)
        del case.portals[name]

    monkeypatch.setattr(departures, "_take_out", take_out)
    api = SimpleNamespace(config=lambda: {"targets": {"iqn": {"portals": case.portals}}})
    monkeypatch.setattr(departures, "Api", SimpleNamespace(of=lambda: api))
    configure(case.peers)
    machine.started.clear()
    machine.serving = True
    case.peers.all_departed_units.append(gone)
    return case


def test_the_leader_takes_a_departed_gateway_out_of_the_targets(departure):
    configure(departure.peers)
    configure(departure.peers)
    assert departure.forgotten == ["c.lab"]
    assert departure.peers.all_departed_units == []


def test_a_departed_unit_that_told_no_name_is_known_by_its_address(departure):
    (unit,) = departure.peers.all_departed_units
    unit.received_raw = {"ingress-address": "198.51.100.3"}
    configure(departure.peers)
    assert departure.forgotten == ["c.lab"]


def test_other_units_remember_it_until_the_leader_has_done_so(departure):
    departure.machine.leader = False
    configure(departure.peers)
    assert departure.forgotten == []
    assert len(departure.peers.all_departed_units) == 1
    del departure.portals["c.lab"]
    configure(departure.peers)
    assert departure.peers.all_departed_units == []


def test_the_remaining_gateways_forget_it_in_a_restart_each_at_its_turn(departure):
    departure.machine.leader = False
    configure(departure.peers)
    assert departure.machine.started == [False], "a restart would not help yet"
    del departure.portals["c.lab"]
    configure(departure.peers)
    assert waits(departure.peers)
    departure.machine.leader = True
    configure(departure.peers)
    assert departure.machine.started == [False, True]


def test_a_gateway_that_has_left_is_not_waited_for_but_one_that_is_down_is(departure):
    departure.machine.silent = ["198.51.100.3:3260", "10.0.0.2:3260"]
    configure(departure.peers)
    assert departure.machine.started == []
    departure.machine.silent = ["198.51.100.3:3260"]
    configure(departure.peers)
    assert departure.machine.started == [True]


def test_the_last_gateway_does_not_restart_to_forget_others(departure):
    departure.machine.last_paths = {"iqn": ["initiator"]}
    configure(departure.peers)
    assert departure.machine.started == [False]


def test_an_address_that_a_present_unit_has_is_left_alone(departure):
    departure.peers.peer_addresses.append("10.0.0.3")
    departure.peers.portal_addresses.append("192.0.2.3")
    departure.peers.host_names = {"ceph-iscsi/3": ("c.lab", "10.0.0.3")}
    configure(departure.peers)
    assert departure.forgotten == []


def test_a_removal_that_fails_is_left_to_the_next_hook(departure, monkeypatch):
    def fail(*_):
        raise GatewayError("gateway(s) unavailable")

    monkeypatch.setattr(departures, "_take_out", fail)
    assert configure(departure.peers)[0] is True
    assert len(departure.peers.all_departed_units) == 1
    assert any(
        "still in targets: gateway(s) unavailable" in line for line in departure.machine.log
    )


# Pausing


@pytest.fixture
def cluster(machine, monkeypatch):
    """The peers, as the flag of their relation leads to them."""
    peers = peers_with_password()
    peers.announce_ready("host-1.lab")
    monkeypatch.setattr(
        reactive, "endpoint_from_flag", {"cluster.connected": peers, "none": None}.get
    )
    monkeypatch.setattr(reactive, "endpoint_from_name", {"cluster": peers}.get)
    return peers


def test_pausing_withdraws_the_gateway_and_stops_the_services(machine, cluster):
    gateway().pause()
    assert reactive.is_flag_set("charm.paused")
    assert (cluster.ready, machine.started) == (None, ["stop"])


def test_pausing_is_refused_where_initiators_have_no_other_path_unless_forced(machine, cluster):
    machine.last_paths = {"iqn.a": ["iqn.x:one", "iqn.x:two"]}
    with pytest.raises(GatewayError, match=r"another gateway \(iqn.a: iqn.x:one, iqn.x:two\)"):
        gateway().pause(force=False)
    assert (cluster.ready, machine.started) == ("host-1.lab", [])
    assert not reactive.is_flag_set("charm.paused")
    gateway().pause(force=True)
    assert machine.started == ["stop"]


def test_an_upgrade_of_the_series_pauses_in_any_case(machine, cluster):
    machine.last_paths = {"iqn.a": ["iqn.x:one"]}
    gateway().series_upgrade_prepare()
    assert machine.started == ["stop"]


def test_a_service_that_does_not_stop_leaves_the_unit_paused(machine, cluster, monkeypatch):
    def stuck():
        raise GatewayError("services that did not stop: rbd-target-api")

    monkeypatch.setattr(services, "stop_all", stuck)
    with pytest.raises(GatewayError):
        gateway().pause()
    assert reactive.is_flag_set("charm.paused")


def test_a_pause_that_was_killed_is_taken_back_between_hooks(machine, cluster, monkeypatch):
    class Killed(BaseException):
        """What the action does not survive."""

    def kill():
        raise Killed

    monkeypatch.setattr(services, "stop_all", kill)
    taken_up = []
    charm = ceph_iscsi.CephISCSIGatewayCharm
    monkeypatch.setattr(charm, "reconfigure", lambda self: taken_up.append(self))
    with pytest.raises(Killed):
        gateway().pause()
    reactive.clear_flag("charm.paused")  # it was not kept
    monkeypatch.setattr(services, "stopped", lambda *names: ["rbd-target-api"])
    gateway().watch(cluster)
    assert taken_up
    taken_up.clear()
    reactive.set_flag("charm.paused")
    gateway().watch(cluster)
    assert not taken_up


def test_a_gateway_whose_daemon_went_down_is_withdrawn_until_it_is_back(machine, monkeypatch):
    down = ["rbd-target-gw"]
    monkeypatch.setattr(services, "stopped", lambda *names: down)
    peers = peers_with_password()
    peers.ready = "host-1.lab"
    gateway().watch(peers)
    assert peers.ready is None
    peers.withdraw_ready = None  # once is enough
    gateway().watch(peers)
    down.clear()
    gateway().watch(peers)
    assert peers.ready == "host-1.lab"


def test_a_gateway_that_became_ready_after_its_last_hook_is_announced_between_hooks(machine):
    machine.api = None
    _, peers = configure()
    assert peers.ready is None
    machine.api = "host-1.lab"
    gateway().watch(peers)
    assert peers.ready == "host-1.lab"


def test_a_gateway_that_runs_has_nothing_to_tell_between_hooks(machine, monkeypatch):
    monkeypatch.setattr(services, "stopped", lambda *names: [])
    peers = peers_with_password()
    peers.withdraw_ready = peers.announce_ready = None
    gateway().watch(peers)


def test_a_gateway_whose_api_does_not_answer_yet_stays_withdrawn(machine, monkeypatch):
    peers = peers_with_password()
    monkeypatch.setattr(services, "stopped", lambda *names: ["rbd-target-api"])
    gateway().watch(peers)
    monkeypatch.setattr(services, "stopped", lambda *names: [])
    machine.api = None
    gateway().watch(peers)
    assert peers.ready is None
    machine.api = "host-1.lab"
    gateway().watch(peers)
    assert peers.ready == "host-1.lab"


def test_resuming_starts_on_the_files_as_they_are_now(machine, cluster):
    configure()
    reactive.set_flag("config.rendered")
    gateway().pause()
    configure(use_syslog=True)
    gateway().resume()
    assert not reactive.is_flag_set("charm.paused")
    assert machine.started == [True, "stop", True]
    assert cluster.ready == "host-1.lab"


def test_resuming_fails_if_the_gateway_does_not_answer(machine, cluster):
    reactive.set_flag("config.rendered")
    machine.api = None
    with pytest.raises(GatewayError, match="does not answer"):
        gateway().resume()


def test_resuming_before_there_is_a_configuration_only_ends_the_pause(machine, cluster):
    reactive.set_flag("charm.paused")
    gateway().resume()
    assert (reactive.is_flag_set("charm.paused"), machine.started) == (False, [])


@pytest.fixture
def forgotten(monkeypatch):
    """Names of the gateways that were taken out of the stored targets."""
    names = []
    monkeypatch.setattr(departures, "_take_out", lambda name, ceph: names.append(name))
    return names


def test_a_unit_that_is_removed_stops_serving_and_takes_itself_out_once(machine, forgotten):
    configure()
    machine.started.clear()
    for _ in range(2):
        gateway().retire()
    assert (machine.started, forgotten) == (["stop"], ["host-1.lab"])


def test_a_unit_that_was_never_configured_is_in_no_target(machine, forgotten):
    gateway().retire()
    assert (machine.started, forgotten) == (["stop"], [])


def test_what_fails_on_leaving_is_tried_again_in_the_next_hook(machine, forgotten, monkeypatch):
    def fail(*_):
        raise GatewayError("no cluster")

    configure()
    with monkeypatch.context() as patch:
        patch.setattr(departures, "_take_out", fail)
        gateway().retire()
    assert any("on leaving: no cluster" in line for line in machine.log)
    gateway().retire()
    assert forgotten == ["host-1.lab"]


# Status

READY = (
    "ceph-client.connected",
    "ceph-client.available",
    "ceph-client.pools.available",
    "config.rendered",
)


@pytest.fixture
def told(machine, cluster, monkeypatch):
    """A unit on which all is well; returns a function that says what its status is."""
    for flag in READY:
        reactive.set_flag(flag)
    said = []
    monkeypatch.setattr(hookenv, "status_set", lambda *status: said.append(status))
    monkeypatch.setattr(hookenv, "application_version_set", lambda version: None)

    def status(**options):
        gateway(**options)._assess_status()
        return said.pop()

    return status


def test_status_texts_and_their_precedence(told, machine, cluster, monkeypatch):
    ceph = FakeCeph()
    endpoints = {"cluster": cluster, "ceph-client": ceph}
    monkeypatch.setattr(reactive, "endpoint_from_name", endpoints.get)
    assert told() == ("active", "Unit is ready")
    # From the last of the precedence to the first: each covers those before.
    reactive.clear_flag("config.rendered")
    assert told() == ("waiting", "Charm configuration in progress")
    reactive.set_flag("config.rendered")
    reactive.set_flag("cluster.restart.requested")
    assert told() == ("waiting", "Waiting for its turn to restart")
    cluster.host_names = {"ceph-iscsi/1": ("host-2.lab", "10.0.0.2")}
    machine.names["host-2.lab"] = ["10.9.9.9"]
    wrong = "host-2.lab (ceph-iscsi/1) resolves to 10.9.9.9, not 10.0.0.2"
    assert told() == ("blocked", f"Gateways' names do not lead to them: {wrong}")
    monkeypatch.setattr(services, "stopped", lambda *names: sorted(names))
    down = "rbd-target-api, rbd-target-gw, tcmu-runner"
    assert told() == ("blocked", f"Services not running that should be: {down}")
    reactive.clear_flag("ceph-client.pools.available")
    reactive.clear_flag("config.rendered")
    assert told() == ("waiting", "Incomplete relations: ceph-client")
    ceph.broker_error = "pool too big"
    assert told() == ("blocked", "Ceph refused the request: pool too big")
    reactive.clear_flag("ceph-client.available")
    assert told() == ("waiting", "Incomplete relations: ceph-client")
    reactive.clear_flag("ceph-client.connected")
    assert told() == ("blocked", "Missing relations: ceph-client")
    reactive.set_flag("charm.paused")
    assert told() == ("maintenance", "Paused. Use 'resume' action to resume normal service.")
    monkeypatch.setattr(services, "stopped", lambda *names: ["rbd-target-gw"])
    still = "Services should be paused but these services running: rbd-target-api"
    assert told() == ("blocked", still)
    reactive.set_flag("upgrade.series.in-progress")
    upgrade = "Ready for do-release-upgrade and reboot. Set complete when finished."
    assert told() == ("blocked", upgrade)
    cluster.unit_count = 5
    assert told() == ("blocked", "5 is an invalid unit count")
    machine.container.touch()
    assert told() == ("blocked", "Charm cannot be deployed into a container")
    problem = "pool-type=mirror, allowed: replicated, erasure-coded"
    assert told(pool_type="mirror") == ("blocked", f"Invalid configuration: {problem}")


@pytest.mark.parametrize(("count", "good"), [(1, False), (2, True), (3, True), (4, True)])
def test_two_to_four_units(told, cluster, count, good):
    cluster.unit_count = count
    assert (told() == ("active", "Unit is ready")) is good


def test_a_refused_change_is_told_although_the_gateway_serves(told, cluster, monkeypatch):
    ceph = FakeCeph()
    ceph.broker_error = "no such plugin"
    endpoints = {"cluster": cluster, "ceph-client": ceph}
    monkeypatch.setattr(reactive, "endpoint_from_name", endpoints.get)
    reactive.clear_flag("ceph-client.pools.available")
    assert told() == ("blocked", "Ceph refused the request: no such plugin")
    ceph.broker_error = None
    assert told() == ("active", "Unit is ready")


def test_status_of_a_unit_without_peers_yet(told, monkeypatch):
    monkeypatch.setattr(reactive, "endpoint_from_name", lambda name: None)
    assert told() == ("blocked", "1 is an invalid unit count")
