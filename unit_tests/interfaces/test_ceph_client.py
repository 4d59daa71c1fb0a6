"""ceph-client, the requiring side: what it tells, what it asks for, and when it sends that."""

import json

import pytest
from charmhelpers.core import unitdata
from charms.reactive import is_flag_set

ENDPOINT = "ceph-client"
RID = "ceph-client:1"
CHANGED = "ceph-client-relation-changed"
MONITOR = {"key": "the-key", "auth": "cephx", "ceph-public-address": "10.0.0.9"}


@pytest.fixture
def requires(role):
    return role("ceph-client", "requires").CephClientRequires


def ask(endpoint, replicas=3):
    """Ask for what a gateway needs, in its order."""
    endpoint.create_replicated_pool("iscsi", replicas=3, app_name="rados")
    endpoint.create_replicated_pool("data", replicas=replicas, weight=5, app_name="rbd")
    endpoint.request_ceph_permissions("ceph-iscsi", ["mon", "allow r"])
    endpoint.request_osd_settings({"osd heartbeat grace": 20})


def sent(model):
    return json.loads(model.units[RID][model.unit]["broker_req"])


def answer(model, **response):
    response.setdefault("request-id", sent(model)["request-id"])
    model.units[RID]["ceph-mon/0"]["broker-rsp-ceph-iscsi-0"] = json.dumps(response)


def flags():
    names = ("connected", "available", "pools.available")
    return [name for name in names if is_flag_set(f"{ENDPOINT}.{name}")]


def test_nothing_is_set_without_a_relation(model, hook, requires):
    with hook(requires, ENDPOINT, "config-changed"):
        assert flags() == []


def test_a_relation_without_units_is_connected(model, hook, requires):
    model.relate(RID)
    with hook(requires, ENDPOINT, "ceph-client-relation-created"):
        assert flags() == ["connected"]


@pytest.mark.parametrize("missing", MONITOR)
def test_it_is_not_available_while_something_is_missing(model, hook, requires, missing):
    model.relate(RID, ceph_mon_0={**MONITOR, missing: ""})
    with hook(requires, ENDPOINT, CHANGED, RID):
        assert flags() == ["connected"]


def test_it_is_available_with_key_auth_and_monitors(model, hook, requires):
    model.relate(RID, ceph_mon_0=MONITOR)
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        assert flags() == ["connected", "available"]
        assert (ceph.key, ceph.auth, ceph.mon_hosts()) == ("the-key", "cephx", ["10.0.0.9"])


def test_monitors_are_sorted_unique_and_ipv6_in_brackets(model, hook, requires):
    model.relate(
        RID,
        ceph_mon_0={**MONITOR, "ceph-public-address": "10.0.0.9 fd00::1"},
        ceph_mon_1={**MONITOR, "ceph-public-address": "10.0.0.10"},
        ceph_mon_2={**MONITOR, "ceph-public-address": "10.0.0.9"},
    )
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        assert ceph.mon_hosts() == ["10.0.0.10", "10.0.0.9", "[fd00::1]"]


def test_the_applications_list_of_monitors_counts_where_there_is_one(model, hook, requires):
    model.relate(RID, ceph_mon_0=MONITOR)
    addresses = json.dumps(["10.0.0.21", "10.0.0.20"])
    model.applications[RID]["ceph-mon"] = {"ceph-mon-public-addresses": addresses}
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        assert ceph.mon_hosts() == ["10.0.0.20", "10.0.0.21"]


def test_the_request_is_sent_whole_at_the_end_of_the_hook(model, hook, requires):
    model.relate(RID, ceph_mon_0=MONITOR)
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        ask(ceph)
        assert "broker_req" not in model.units[RID][model.unit]
    own = model.units[RID][model.unit]
    assert own["unit-name"] == "ceph-iscsi/0"
    assert own["application-name"] == "ceph-iscsi"
    assert json.loads(own["osd-settings"]) == {"osd heartbeat grace": 20}
    request = sent(model)
    assert request["api-version"] == 1
    assert [op["op"] for op in request["ops"]] == [
        "create-pool",
        "create-pool",
        "set-key-permissions",
    ]
    assert (
        request["ops"][0].items()
        >= {
            "name": "iscsi",
            "app-name": "rados",
            "replicas": 3,
            "weight": None,
            "compression-mode": None,
        }.items()
    )
    assert request["ops"][2] == {
        "op": "set-key-permissions",
        "client": "ceph-iscsi",
        "permissions": ["mon", "allow r"],
    }


def test_the_same_request_is_not_sent_again(model, hook, requires):
    model.relate(RID, ceph_mon_0=MONITOR)
    for _ in range(2):
        with hook(requires, ENDPOINT, "config-changed") as ceph:
            ask(ceph)
    assert model.writes == [(RID, False)]


def test_asking_twice_in_a_hook_asks_once(model, hook, requires):
    model.relate(RID, ceph_mon_0=MONITOR)
    with hook(requires, ENDPOINT, "config-changed") as ceph:
        ask(ceph)
        ask(ceph)
    assert len(sent(model)["ops"]) == 3


def test_a_hook_that_asks_for_nothing_leaves_the_request_alone(model, hook, requires):
    model.relate(RID, ceph_mon_0=MONITOR)
    with hook(requires, ENDPOINT, "config-changed") as ceph:
        ask(ceph)
    before = sent(model)
    with hook(requires, ENDPOINT, "config-changed"):
        pass
    assert sent(model) == before


def test_the_request_is_built_anew_and_its_id_follows_its_content(model, hook, requires):
    model.relate(RID, ceph_mon_0=MONITOR)
    ids = []
    for replicas in (3, 2, 3):
        with hook(requires, ENDPOINT, "config-changed") as ceph:
            ask(ceph, replicas)
        ids.append(sent(model)["request-id"])
        assert len(sent(model)["ops"]) == 3
    assert ids[0] == ids[2] != ids[1]


def test_pools_are_available_when_the_answer_is_to_this_request(model, hook, requires):
    model.relate(RID, ceph_mon_0=dict(MONITOR))
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        ask(ceph)
    answer(model, **{"request-id": "another", "exit-code": 0})
    with hook(requires, ENDPOINT, CHANGED, RID):
        assert flags() == ["connected", "available"]
    answer(model, **{"exit-code": 0})
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        assert flags() == ["connected", "available", "pools.available"]
        assert ceph.broker_error is None


def test_a_refused_request_is_told_with_its_reason(model, hook, requires):
    model.relate(RID, ceph_mon_0=dict(MONITOR))
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        ask(ceph)
    answer(model, **{"exit-code": 1, "stderr": "no such profile"})
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        assert flags() == ["connected", "available"]
        assert ceph.broker_error == "no such profile"


def test_asking_for_the_same_keeps_pools_available(model, hook, requires):
    model.relate(RID, ceph_mon_0=dict(MONITOR))
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        ask(ceph)
    answer(model, **{"exit-code": 0})
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        ask(ceph)
        assert "pools.available" in flags()
    assert "pools.available" in flags()


def test_asking_for_something_else_ends_pools_available_at_once(model, hook, requires):
    model.relate(RID, ceph_mon_0=dict(MONITOR))
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        ask(ceph)
    answer(model, **{"exit-code": 0})
    with hook(requires, ENDPOINT, CHANGED, RID):
        pass
    with hook(requires, ENDPOINT, "config-changed") as ceph:
        ask(ceph, replicas=2)
        assert "pools.available" not in flags()


def test_asking_for_less_ends_pools_available(model, hook, requires):
    model.relate(RID, ceph_mon_0=dict(MONITOR))
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        ask(ceph)
    answer(model, **{"exit-code": 0})
    with hook(requires, ENDPOINT, CHANGED, RID):
        pass
    with hook(requires, ENDPOINT, "config-changed") as ceph:
        ceph.create_replicated_pool("iscsi", replicas=3, app_name="rados")
    assert "pools.available" not in flags()


def test_a_broken_relation_clears_all_without_reading_it(model, hook, requires):
    model.relate(RID, ceph_mon_0=dict(MONITOR))
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        ask(ceph)
    answer(model, **{"exit-code": 0})
    with hook(requires, ENDPOINT, CHANGED, RID):
        pass
    del model.units[RID]["ceph-mon/0"]
    model.unreadable.add(RID)
    with hook(requires, ENDPOINT, "ceph-client-relation-broken", RID):
        assert flags() == []


def test_erasure_coding_is_asked_for_in_the_brokers_words(model, hook, requires):
    model.relate(RID, ceph_mon_0=MONITOR)
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        ceph.create_erasure_profile("p", k=2, m=1, lrc_locality=3, erasure_type="lrc")
        ceph.create_erasure_pool(
            "data", "p", weight=4.95, app_name="rbd", allow_ec_overwrites=True
        )
    profile, pool = sent(model)["ops"]
    assert profile.items() >= {"op": "create-erasure-profile", "k": 2, "m": 1, "l": 3}.items()
    assert profile["erasure-type"] == "lrc"
    assert (
        pool.items()
        >= {
            "op": "create-pool",
            "pool-type": "erasure",
            "erasure-profile": "p",
            "allow-ec-overwrites": True,
            "weight": 4.95,
        }.items()
    )


def test_compression_keys_go_out_with_hyphens(model, hook, requires):
    model.relate(RID, ceph_mon_0=MONITOR)
    with hook(requires, ENDPOINT, CHANGED, RID) as ceph:
        ceph.create_replicated_pool("data", compression_max_blob_size_ssd=65536)
    assert sent(model)["ops"][0]["compression-max-blob-size-ssd"] == 65536


def test_unknown_pool_options_are_refused(model, hook, requires):
    model.relate(RID, ceph_mon_0=MONITOR)
    with (
        hook(requires, ENDPOINT, CHANGED, RID) as ceph,
        pytest.raises(TypeError, match="unknown pool options: compresion_mode"),
    ):
        ceph.create_replicated_pool("data", compresion_mode="force")


def test_no_key_of_a_departed_monitor_stays_in_the_units_state(model, hook, requires):
    model.relate(RID, ceph_mon_0=dict(MONITOR))
    with hook(requires, ENDPOINT, CHANGED, RID):
        pass
    departed = model.units[RID].pop("ceph-mon/0")
    model.units[RID]["ceph-mon/1"] = MONITOR
    with hook(requires, ENDPOINT, "ceph-client-relation-departed", RID, "ceph-mon/0") as ceph:
        assert ceph.all_departed_units.keys() == ["ceph-mon/0"]
    state = json.dumps(unitdata.kv().getrange("reactive."))
    assert departed["key"] not in state


def test_in_the_install_hook_the_relations_data_are_not_touched(model, hook, requires):
    model.relate(RID)
    model.unreadable.add(RID)
    with hook(requires, ENDPOINT, "install"):
        assert flags() == []
