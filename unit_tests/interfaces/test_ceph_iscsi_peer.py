"""ceph-iscsi-peer: what gateways of one application know of each other."""

import json

import pytest
from charms.reactive import is_flag_set

ENDPOINT = "cluster"
RID = "cluster:0"
CREATED = "cluster-relation-created"
CHANGED = "cluster-relation-changed"


@pytest.fixture
def peers(role):
    return role("ceph-iscsi-peer", "peers").CephISCSIGatewayPeers


def bag(address, **more):
    return {"ingress-address": address, **more}


def test_a_single_unit_is_connected_from_relation_created_on(model, hook, peers):
    model.relate(RID)
    with hook(peers, ENDPOINT, CREATED, RID) as cluster:
        assert is_flag_set("cluster.connected")
        assert not is_flag_set("cluster.available")
        assert cluster.unit_count == 1
        assert cluster.peer_addresses == ["10.0.0.1"]


def test_in_the_install_hook_the_relations_data_are_not_touched(model, hook, peers):
    model.relate(RID)
    model.unreadable.add(RID)
    with hook(peers, ENDPOINT, "install"):
        assert not is_flag_set("cluster.connected")


def test_the_leader_sets_the_password_and_reads_it_in_the_same_hook(model, hook, peers):
    model.relate(RID)
    model.leader = True
    with hook(peers, ENDPOINT, CREATED, RID) as cluster:
        assert cluster.admin_password is None
        cluster.set_admin_password("12345678")
        assert cluster.admin_password == "12345678"
        assert is_flag_set("cluster.available")
    assert model.applications[RID]["ceph-iscsi"] == {"admin_password": "12345678"}


def test_the_key_for_chap_passwords_is_the_applications(model, hook, peers):
    model.relate(RID)
    model.leader = True
    with hook(peers, ENDPOINT, CREATED, RID) as cluster:
        assert cluster.chap_key is None
        cluster.set_chap_key("key")
        assert cluster.chap_key == "key"
        assert not is_flag_set("cluster.available")
    assert model.applications[RID]["ceph-iscsi"] == {"chap_key": "key"}


def test_a_second_password_is_the_next_one_and_then_the_previous_one(model, hook, peers):
    model.relate(RID, ceph_iscsi_1=bag("10.0.0.2", admin_passwords_seen="abc"))
    model.leader = True
    with hook(peers, ENDPOINT, CHANGED, RID) as cluster:
        cluster.set_admin_passwords("first", following="second")
        passwords = cluster.admin_password, cluster.next_admin_password
        assert (*passwords, cluster.other_admin_password) == ("first", "second", "second")
        cluster.set_admin_passwords("second", previous="first")
        passwords = cluster.admin_password, cluster.next_admin_password
        assert (*passwords, cluster.other_admin_password) == ("second", None, "first")
        cluster.set_admin_passwords("second")
        assert cluster.other_admin_password is None
        cluster.set_admin_passwords_seen("def")
        assert cluster.admin_passwords_seen == {
            "ceph-iscsi/0": ("def", "10.0.0.1"),
            "ceph-iscsi/1": ("abc", "10.0.0.2"),
        }
    application = model.applications[RID]["ceph-iscsi"]
    assert {key: value for key, value in application.items() if value} == {
        "admin_password": "second"
    }


def test_only_the_leader_may_set_what_belongs_to_the_application(model, hook, peers):
    model.relate(RID)
    with hook(peers, ENDPOINT, CREATED, RID) as cluster:
        with pytest.raises(RuntimeError, match="only the leader"):
            cluster.set_admin_password("secret")
        with pytest.raises(RuntimeError, match="only the leader"):
            cluster.set_chap_key("secret")
        with pytest.raises(RuntimeError, match="only the leader"):
            cluster.set_allowed_ips(["10.0.0.7"])


def test_allowed_addresses_are_added_or_replaced_sorted_and_unique(model, hook, peers):
    model.relate(RID)
    model.leader = True
    with hook(peers, ENDPOINT, CREATED, RID) as cluster:
        cluster.set_allowed_ips(["10.0.0.7", "10.0.0.6"])
        cluster.set_allowed_ips(["10.0.0.5", "10.0.0.7"])
        assert cluster.allowed_ips == ["10.0.0.5", "10.0.0.6", "10.0.0.7"]
        cluster.set_allowed_ips(["10.0.0.8"], append=False)
    written = model.applications[RID]["ceph-iscsi"]["allowed_ips"]
    assert json.loads(written) == ["10.0.0.8"]


def test_a_unit_that_announced_itself_counts_among_the_ready_ones(model, hook, peers):
    model.relate(
        RID,
        ceph_iscsi_1=bag("10.0.0.2", gateway_ready="True", gateway_fqdn="two.lab"),
        ceph_iscsi_2=bag("10.0.0.3"),
    )
    with hook(peers, ENDPOINT, CHANGED, RID) as cluster:
        assert set(cluster.ready_peer_details) == {"ceph-iscsi/1"}
        cluster.announce_ready("one.lab")
        assert cluster.ready_peer_details == {
            "ceph-iscsi/0": {"fqdn": "one.lab", "ip": "10.0.0.1"},
            "ceph-iscsi/1": {"fqdn": "two.lab", "ip": "10.0.0.2"},
        }
        assert cluster.peer_addresses == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
        assert cluster.unit_count == 3
    assert model.units[RID][model.unit]["gateway_ready"] == "True"


def test_withdrawing_takes_the_announcement_back(model, hook, peers):
    model.relate(RID)
    with hook(peers, ENDPOINT, CREATED, RID) as cluster:
        cluster.announce_ready("one.lab")
    with hook(peers, ENDPOINT, "config-changed") as cluster:
        cluster.withdraw_ready()
        assert cluster.ready_peer_details == {}
    assert "gateway_ready" not in model.units[RID][model.unit]
    assert "gateway_fqdn" not in model.units[RID][model.unit]


def test_what_is_already_so_is_not_written_again(model, hook, peers):
    model.relate(RID)
    model.leader = True
    for _ in range(2):
        with hook(peers, ENDPOINT, CREATED, RID) as cluster:
            cluster.announce_ready("one.lab")
            cluster.set_admin_password("secret")
            cluster.set_allowed_ips(["10.0.0.7"])
    assert sorted(model.writes) == [(RID, False), (RID, True)]
    with hook(peers, ENDPOINT, CREATED, RID) as cluster:
        cluster.announce_ready("one.lab")
    assert len(model.writes) == 2


def test_withdrawing_what_was_never_announced_writes_nothing(model, hook, peers):
    model.relate(RID)
    with hook(peers, ENDPOINT, CREATED, RID) as cluster:
        cluster.withdraw_ready()
    assert model.writes == []


def test_the_relation_stays_usable_when_the_last_peer_departs(model, hook, peers):
    model.relate(RID, ceph_iscsi_1=bag("10.0.0.2"))
    model.applications[RID]["ceph-iscsi"] = {"admin_password": "secret"}
    with hook(peers, ENDPOINT, CHANGED, RID):
        pass
    del model.units[RID]["ceph-iscsi/1"]
    with hook(peers, ENDPOINT, "cluster-relation-departed", RID, "ceph-iscsi/1") as cluster:
        assert is_flag_set("cluster.connected")
        assert is_flag_set("cluster.available")
        assert cluster.peer_addresses == ["10.0.0.1"]
        cluster.announce_ready("one.lab")
    assert model.units[RID][model.unit]["gateway_fqdn"] == "one.lab"


def test_a_unit_introduces_itself_whether_it_serves_or_not(model, hook, peers):
    model.relate(RID, ceph_iscsi_1=bag("10.0.0.2"))
    with hook(peers, ENDPOINT, CREATED, RID) as cluster:
        cluster.introduce("one.lab", "10.5.0.1", "192.0.2.1")
        assert cluster.ready_peer_details == {}
        assert cluster.host_names == {}
    told = {"host_name": "one.lab", "host_address": "10.5.0.1", "portal_address": "192.0.2.1"}
    assert model.units[RID][model.unit].items() >= told.items()


def test_the_address_that_a_unit_tells_counts_before_the_one_that_juju_tells(model, hook, peers):
    introduced = {"host_name": "two.lab", "host_address": "fd00::2", "portal_address": "fd01::2"}
    ready = {"gateway_ready": "True", "gateway_fqdn": "two.lab"}
    model.relate(
        RID,
        ceph_iscsi_1=bag("10.0.0.2", **introduced, **ready),
        ceph_iscsi_2=bag("10.0.0.3", host_name="three.lab"),
    )
    with hook(peers, ENDPOINT, CHANGED, RID) as cluster:
        cluster.introduce("one.lab", "fd00::1", "fd01::1")
        assert cluster.peer_addresses == ["10.0.0.3", "fd00::1", "fd00::2"]
        assert cluster.portal_addresses == ["fd01::1", "fd01::2"]
        assert cluster.ready_peer_details == {
            "ceph-iscsi/1": {"fqdn": "two.lab", "ip": "fd01::2"},
        }
        assert cluster.host_names == {
            "ceph-iscsi/1": ("two.lab", "fd00::2"),
            "ceph-iscsi/2": ("three.lab", "10.0.0.3"),
        }


def test_requests_for_a_turn_are_seen_by_all_and_flagged(model, hook, peers):
    model.relate(RID, ceph_iscsi_1=bag("10.0.0.2", restart_request="20"))
    with hook(peers, ENDPOINT, CHANGED, RID) as cluster:
        assert cluster.restart_requests == {"ceph-iscsi/1": "20"}
        assert is_flag_set("cluster.restart.outstanding")
        assert not is_flag_set("cluster.restart.requested")
        cluster.request_restart("30")
        assert cluster.restart_requests == {"ceph-iscsi/0": "30", "ceph-iscsi/1": "20"}
        assert is_flag_set("cluster.restart.requested")
    assert model.units[RID][model.unit]["restart_request"] == "30"
    with hook(peers, ENDPOINT, "config-changed") as cluster:
        cluster.withdraw_restart_request()
        assert not is_flag_set("cluster.restart.requested")
        assert is_flag_set("cluster.restart.outstanding")
    assert "restart_request" not in model.units[RID][model.unit]


def test_a_request_of_a_unit_that_has_left_counts_no_more(model, hook, peers):
    model.relate(RID, ceph_iscsi_1=bag("10.0.0.2", restart_request="20"))
    with hook(peers, ENDPOINT, CHANGED, RID):
        pass
    del model.units[RID]["ceph-iscsi/1"]
    with hook(peers, ENDPOINT, "cluster-relation-departed", RID, "ceph-iscsi/1") as cluster:
        assert cluster.restart_requests == {}
        assert not is_flag_set("cluster.restart.outstanding")


def test_the_turn_is_the_leaders_to_hand_out_and_outstanding_until_it_ends(model, hook, peers):
    model.relate(RID)
    model.leader = True
    turn = {"unit": "ceph-iscsi/1", "request": "20", "since": 5, "late": {}}
    with hook(peers, ENDPOINT, CREATED, RID) as cluster:
        assert cluster.restart_turn == {}
        cluster.set_restart_turn(turn)
        assert cluster.restart_turn == turn
    with hook(peers, ENDPOINT, "config-changed") as cluster:
        assert is_flag_set("cluster.restart.outstanding")
        cluster.set_restart_turn({})
        assert not is_flag_set("cluster.restart.outstanding")
    assert "restart_turn" not in model.applications[RID]["ceph-iscsi"]


def test_in_update_status_the_flags_stay_and_the_data_are_read_anew(model, hook, peers):
    model.relate(RID, ceph_iscsi_1=bag("10.0.0.2", restart_request="20"))
    with hook(peers, ENDPOINT, CHANGED, RID):
        pass
    with hook(peers, ENDPOINT, "update-status") as cluster:
        assert is_flag_set("cluster.restart.outstanding")
        assert cluster.restart_requests == {"ceph-iscsi/1": "20"}
