"""ceph-iscsi-admin-access, the providing side."""

import pytest
from charms.reactive import is_flag_set

ENDPOINT = "admin-access"
RID = "admin-access:3"


@pytest.fixture
def provides(role):
    return role("ceph-iscsi-admin-access", "provides").CephISCSIAdminAccessProvides


def publish(endpoint):
    endpoint.publish_gateway("one.lab", "admin", "secret", "https")


def test_it_is_connected_while_there_are_clients(model, hook, provides):
    model.relate(RID, dashboard_1={"ingress-address": "10.0.0.8"}, dashboard_0={})
    with hook(provides, ENDPOINT, "admin-access-relation-joined", RID) as access:
        assert is_flag_set("admin-access.connected")
        assert access.client_addresses == ["10.0.0.8"]
    model.relate(RID)
    with hook(provides, ENDPOINT, "admin-access-relation-broken", RID):
        assert not is_flag_set("admin-access.connected")


def test_a_unit_tells_its_address_and_the_leader_the_credentials(model, hook, provides):
    model.relate(RID, dashboard_0={})
    with hook(provides, ENDPOINT, "config-changed") as access:
        publish(access)
    own = model.units[RID][model.unit]
    assert (
        own.items()
        >= {
            "name": "one.lab",
            "scheme": "https",
            "port": "5000",
            "host": "10.0.0.1",
        }.items()
    )
    assert model.applications[RID] == {}
    model.leader = True
    with hook(provides, ENDPOINT, "leader-elected") as access:
        publish(access)
    credentials = {"username": "admin", "password": "secret"}
    assert model.applications[RID]["ceph-iscsi"] == credentials


def test_what_is_already_so_is_not_written_again(model, hook, provides):
    model.relate(RID, dashboard_0={})
    model.leader = True
    for _ in range(2):
        with hook(provides, ENDPOINT, "config-changed") as access:
            publish(access)
    assert sorted(model.writes) == [(RID, False), (RID, True)]
