"""The ceph-mon companion's broker: what a request asks the monitor to do, and what is refused."""

import json

import pytest
from ceph_mon import broker

STATE = broker.ClusterState(
    osds=3, pools=frozenset({"there"}), profiles={"ec21": {"k": "2", "m": "1"}}
)


def refusal(operation):
    with pytest.raises(broker.RefusedError) as caught:
        broker.commands(operation, STATE)
    return str(caught.value)


def replicated(**extra):
    return {"op": "create-pool", "name": "iscsi", "replicas": 3, **extra}


def prefixes(commands):
    return [command["prefix"] for command in commands]


def answered(request, execute=lambda command: None):
    text = request if isinstance(request, str) else json.dumps(request)
    return broker.answer(text, execute, lambda: STATE)


def test_a_replicated_pool_is_created_with_its_size_share_and_application():
    operation = replicated(**{"app-name": "rbd", "weight": 5})
    assert broker.commands(operation, STATE) == [
        {
            "prefix": "osd pool create",
            "pool": "iscsi",
            "pg_num": 4,
            "pool_type": "replicated",
            "rule": "replicated_rule",
            "size": 3,
        },
        {"prefix": "osd pool set", "pool": "iscsi", "var": "target_size_ratio", "val": "0.05"},
        {"prefix": "osd pool application enable", "pool": "iscsi", "app": "rbd"},
    ]


def test_a_null_weight_means_ten_percent():
    commands = broker.commands(replicated(weight=None), STATE)
    assert commands[1]["val"] == "0.1"


def test_a_wish_for_placement_groups_is_capped_at_what_the_osds_carry():
    assert broker.commands(replicated(pg_num=7), STATE)[0]["pg_num"] == 7
    assert broker.commands(replicated(pg_num=9999), STATE)[0]["pg_num"] == 128


@pytest.mark.parametrize(
    ("osds", "chunks", "weight", "groups"),
    [
        (3, 3, 5, 4),  # 5 wanted: 4 is near enough
        (3, 3, 7, 8),  # 7 wanted: 4 is more than a quarter below
        (3, 3, 0.05, 2),  # never fewer than two
        (3, 1, 100, 256),  # 300 wanted
    ],
)
def test_placement_groups_are_a_power_of_two_near_the_share(osds, chunks, weight, groups):
    assert broker.placement_groups(osds, chunks, weight) == groups


def test_a_pool_that_exists_gets_only_its_changeable_properties():
    operation = replicated(
        **{"name": "there", "compression-mode": "none", "max-bytes": 10, "max-objects": 2}
    )
    assert broker.commands(operation, STATE) == [
        {"prefix": "osd pool set-quota", "pool": "there", "field": "max_bytes", "val": "10"},
        {"prefix": "osd pool set-quota", "pool": "there", "field": "max_objects", "val": "2"},
        {"prefix": "osd pool set", "pool": "there", "var": "compression_mode", "val": "none"},
    ]


def test_an_erasure_pool_uses_its_profile_and_allows_overwrites():
    operation = {
        "op": "create-pool",
        "name": "data",
        "pool-type": "erasure",
        "erasure-profile": "ec21",
        "allow-ec-overwrites": True,
        "app-name": "rbd",
        "weight": 4.95,
    }
    creation, overwrites, *_ = broker.commands(operation, STATE)
    assert creation == {
        "prefix": "osd pool create",
        "pool": "data",
        "pg_num": 4,
        "pool_type": "erasure",
        "erasure_code_profile": "ec21",
    }
    assert (overwrites["var"], overwrites["val"]) == ("allow_ec_overwrites", "true")


def test_an_erasure_profile_takes_what_its_plugin_knows():
    operation = {
        "op": "create-erasure-profile",
        "name": "local",
        "erasure-type": "lrc",
        "k": 4,
        "m": 2,
        "l": 3,
        "c": None,
        "d": None,
        "crush-locality": "rack",
        "device-class": "ssd",
    }
    assert broker.commands(operation, STATE) == [
        {
            "prefix": "osd erasure-code-profile set",
            "name": "local",
            "profile": [
                "plugin=lrc",
                "k=4",
                "m=2",
                "crush-device-class=ssd",
                "l=3",
                "crush-locality=rack",
            ],
        }
    ]


def test_an_erasure_profile_that_exists_is_left_alone():
    operation = {"op": "create-erasure-profile", "name": "ec21", "k": 8, "m": 3}
    assert broker.commands(operation, STATE) == []


def test_key_permissions_become_the_named_clients_caps():
    caps = ["osd", "allow rwx", "mon", "profile rbd"]
    operation = {"op": "set-key-permissions", "client": "gw", "permissions": caps}
    assert broker.commands(operation, STATE) == [
        {"prefix": "auth caps", "entity": "client.gw", "caps": caps}
    ]


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ({"op": "fly"}, "Unknown operation 'fly'"),
        ({}, "Unknown operation 'None'"),
        ({"op": ["create-pool"]}, "Unknown operation"),
        ({"op": "create-pool", "replicas": 3}, "missing parameter 'name'"),
        ({"op": "create-pool", "name": "x"}, "missing parameter 'replicas'"),
        (replicated(replicas="3"), "'replicas': '3' is not a whole number"),
        (replicated(weight=200), "'weight': 200 is not a percentage"),
        (replicated(**{"compression-mode": "hard"}), "'hard' is not one of none, passive"),
        (replicated(**{"compression-min-blob-size": 1.5}), "1.5 is not of type int"),
        (
            {"op": "create-pool", "name": "x", "pool-type": "erasure", "erasure-profile": "no"},
            "erasure profile no does not exist",
        ),
        (
            {"op": "create-erasure-profile", "name": "x", "k": 2, "m": 1, "erasure-type": "xor"},
            "'erasure-type': 'xor' is not one of jerasure",
        ),
        (
            {"op": "create-erasure-profile", "name": "x", "k": 2, "m": 1, "erasure-type": "lrc"},
            "missing parameter 'l'",
        ),
        (
            {"op": "set-key-permissions", "client": "x", "permissions": ["osd"]},
            "'permissions' must be a list",
        ),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_name(operation, text):
    assert text in refusal(operation)


def test_a_request_carried_out_is_answered_with_its_id_and_zero():
    done = []
    request = {"api-version": 1, "request-id": "r1", "ops": [replicated()]}
    assert answered(request, done.append) == {"request-id": "r1", "exit-code": 0}
    assert prefixes(done)[0] == "osd pool create"


def test_the_first_failing_operation_ends_the_request():
    done = []
    request = {"api-version": 1, "request-id": "r1", "ops": [{"op": "fly"}, replicated()]}
    assert answered(request, done.append) == {
        "request-id": "r1",
        "exit-code": 1,
        "stderr": "Unknown operation 'fly'",
    }
    assert done == []


def test_the_monitors_own_words_reach_the_client():
    def refuse(command):
        raise broker.RefusedError("pg_num 999 size 3 would mean too many PGs")

    request = {"api-version": 1, "request-id": "r1", "ops": [replicated()]}
    assert answered(request, refuse)["stderr"] == "pg_num 999 size 3 would mean too many PGs"


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"api-version": 2, "ops": []}, "Missing or invalid api version (2)"),
        ({"ops": []}, "Missing or invalid api version (None)"),
        ({"api-version": 1, "ops": "create-pool"}, "'ops' must be a list"),
        ({"api-version": 1, "ops": [1]}, "'ops' must be a list"),
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
    ],
)
def test_a_malformed_request_is_refused(request_, text):
    response = answered(request_)
    assert response["exit-code"] == 1
    assert text in response["stderr"]


def test_a_repeated_request_is_known_by_its_id():
    earlier = ['{"request-id": "a", "exit-code": 0}', '{"request-id": "b", "exit-code": 1}']
    assert broker.known_answer('{"request-id": "b", "ops": []}', earlier) == earlier[1]
    assert broker.known_answer('{"request-id": "c", "ops": []}', earlier) is None
    assert broker.known_answer('{"ops": []}', ['{"exit-code": 1}']) is None


def test_a_units_response_key_names_application_and_number():
    assert broker.response_key("ceph-iscsi/10") == "broker-rsp-ceph-iscsi-10"


def test_only_heartbeat_settings_that_differ_reach_the_osds():
    current = [{"section": "osd", "name": "osd_heartbeat_interval", "value": "5"}]
    wanted = {"osd heartbeat grace": 20, "osd heartbeat interval": 5, "osd memory target": 1}
    assert broker.osd_settings(json.dumps(wanted), current) == [
        {"prefix": "config set", "who": "osd", "name": "osd_heartbeat_grace", "value": "20"}
    ]
    assert broker.osd_settings(None, current) == []
