"""Actions on who may reach the API, with the peers as the endpoint shows them."""

from types import SimpleNamespace

import charms.reactive as reactive
import charms_openstack.charm
import pytest
from ceph_iscsi import audit, rotation
from ceph_iscsi.actions import access
from ceph_iscsi.api import Api
from ceph_iscsi.errors import GatewayError
from charmhelpers.core import hookenv


class Peers:
    """The endpoint of the peers: what is published, by the leader alone."""

    def __init__(self):
        self.allowed_ips = ["10.9.0.1"]
        self.peer_addresses = ["10.0.0.1", "10.0.0.2"]
        self.admin_password, self.other_admin_password = "first", None

    def set_admin_passwords(self, used, following=None, previous=None):
        self.admin_password, self.other_admin_password = used, following or previous

    def set_allowed_ips(self, ips, append=True):
        self.allowed_ips = sorted({*ips, *(self.allowed_ips if append else ())})


class Gateway:
    """The charm's instance, as far as these actions need it."""

    application_name = "gw"

    def __init__(self):
        self.reconfigured = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def reconfigure(self):
        self.reconfigured += 1

    def related_addresses(self, cluster, clients):
        return {*cluster.peer_addresses, *(clients.client_addresses if clients else ())}

    def trusted_addresses(self, cluster, clients):
        return sorted({*cluster.allowed_ips, *self.related_addresses(cluster, clients)})


@pytest.fixture
def unit(hook, monkeypatch):
    """The leader of two gateways, configured, with a client of the API."""
    state = SimpleNamespace(
        leader=True, asked={}, results={}, peers=Peers(), gateway=Gateway(), flags={}
    )
    state.flags |= {
        "cluster.connected": state.peers,
        "cluster.available": state.peers,
        "admin-access.connected": SimpleNamespace(client_addresses=["10.7.0.1"]),
    }
    monkeypatch.setattr(hookenv, "is_leader", lambda: state.leader)
    monkeypatch.setattr(hookenv, "action_get", lambda: state.asked)
    monkeypatch.setattr(hookenv, "action_set", state.results.update)
    monkeypatch.setattr(reactive, "endpoint_from_flag", state.flags.get)
    monkeypatch.setattr(charms_openstack.charm, "provide_charm_instance", lambda: state.gateway)
    reactive.set_flag("config.rendered")
    return state


def test_added_addresses_join_those_that_are_there_in_normal_form(unit):
    unit.asked = {"ips": "10.9.0.2 fd00:0::0a ::ffff:10.9.0.3", "overwrite": False}
    access.add_trusted_ip()
    assert unit.peers.allowed_ips == ["10.9.0.1", "10.9.0.2", "10.9.0.3", "fd00::a"]
    assert unit.results == {"trusted-ips": "10.9.0.1 10.9.0.2 10.9.0.3 fd00::a"}
    assert unit.gateway.reconfigured == 1


def test_overwrite_puts_them_in_the_place_of_those(unit):
    unit.asked = {"ips": "10.9.0.2", "overwrite": True}
    access.add_trusted_ip()
    assert unit.peers.allowed_ips == ["10.9.0.2"]


@pytest.mark.parametrize("ips", ["", "10.9.0.2 host", "10.9.0.0/24", "::", "10.9.0.2,10.9.0.3"])
def test_what_is_no_address_changes_nothing(unit, ips):
    unit.asked = {"ips": ips}
    with pytest.raises(GatewayError, match=r"^ips: .* allowed: IPv4 or IPv6 addresses"):
        access.add_trusted_ip()
    assert unit.peers.allowed_ips == ["10.9.0.1"]
    assert unit.gateway.reconfigured == 0


@pytest.mark.parametrize(
    "action", [access.add_trusted_ip, access.remove_trusted_ip, access.rotate_admin_password]
)
def test_only_the_leader_may(unit, action):
    unit.leader, unit.asked = False, {"ips": "10.9.0.2"}
    with pytest.raises(GatewayError) as error:
        action()
    assert str(error.value) == "Action must be run on leader"


def test_removed_addresses_go_and_others_stay(unit):
    unit.peers.allowed_ips = ["10.9.0.1", "10.9.0.2", "fd00::a"]
    unit.asked = {"ips": "10.9.0.2 FD00::0A 10.9.0.77"}
    access.remove_trusted_ip()
    assert unit.peers.allowed_ips == ["10.9.0.1"]
    assert unit.results == {"trusted-ips": "10.9.0.1"}


@pytest.mark.parametrize("address", ["10.0.0.2", "10.7.0.1"])
def test_an_address_that_is_trusted_for_another_reason_is_not_said_to_be_removed(unit, address):
    unit.asked = {"ips": f"10.9.0.1 {address}"}
    with pytest.raises(GatewayError, match=f"ips: {address} stays trusted"):
        access.remove_trusted_ip()
    assert unit.peers.allowed_ips == ["10.9.0.1"]


def test_a_rotation_is_begun_once_and_tells_what_it_waits_for(unit, monkeypatch):
    monkeypatch.setattr(rotation, "waiting_for", lambda cluster: ["ceph-iscsi/1"])
    access.rotate_admin_password()
    following = unit.peers.other_admin_password
    assert (unit.peers.admin_password, len(following)) == ("first", 32)
    assert unit.results == {"outcome": "begun; waiting for ceph-iscsi/1"}
    assert unit.gateway.reconfigured == 1
    access.rotate_admin_password()
    assert unit.peers.other_admin_password == following
    assert unit.gateway.reconfigured == 2


def test_a_rotation_that_waits_for_nobody_is_done(unit, monkeypatch):
    monkeypatch.setattr(
        unit.gateway, "reconfigure", lambda: unit.peers.set_admin_passwords("second")
    )
    access.rotate_admin_password()
    assert unit.results == {"outcome": "replaced"}


def test_no_password_is_replaced_before_there_is_a_gateway_that_has_it(unit):
    reactive.clear_flag("config.rendered")
    with pytest.raises(GatewayError, match="not configured yet"):
        access.rotate_admin_password()
    assert unit.peers.other_admin_password is None


def test_the_communitys_interface_cannot_rotate(unit):
    unit.flags["cluster.connected"] = SimpleNamespace(admin_password="first")
    with pytest.raises(GatewayError, match="no way to do this"):
        access.rotate_admin_password()


def test_the_checklist_tells_each_result_and_fails_if_one_does(unit, monkeypatch):
    asked = []
    results = {"tls": "PASS", "chap": "PASS"}
    monkeypatch.setattr(Api, "of", lambda: "the api")
    monkeypatch.setattr(audit, "run", lambda gateway: asked.append(gateway) or results)
    access.security_checklist()
    assert unit.results == results
    trusted = ("10.0.0.1", "10.0.0.2", "10.7.0.1", "10.9.0.1")
    assert asked == [audit.Gateway("gw", trusted, "the api")]
    results["tls"] = "FAIL - none"
    with pytest.raises(GatewayError, match=r"^failed: tls$"):
        access.security_checklist()
    assert unit.results["tls"] == "FAIL - none"


def test_a_gateway_that_is_not_configured_has_nothing_to_check(unit):
    reactive.clear_flag("config.rendered")
    with pytest.raises(GatewayError, match="not configured yet"):
        access.security_checklist()
