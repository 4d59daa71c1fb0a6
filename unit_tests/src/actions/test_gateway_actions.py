"""Actions as Juju calls them: what they hand on, and how they fail."""

import json
import socket
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import charms.reactive as reactive
import charms_openstack.charm
import pytest
import yaml
from ceph_iscsi import inventory, targets, transaction
from ceph_iscsi.auth import Credentials
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.clients import NewClient
from ceph_iscsi.disks import NewDisk
from ceph_iscsi.errors import GatewayError
from charmhelpers.core import hookenv

SRC = Path(__file__).resolve().parents[3] / "src"
DECLARED = yaml.safe_load((SRC / "actions.yaml").read_text())

with mock.patch("charms.layer.basic.bootstrap_charm_deps"):
    import actions

GOOD = {
    "iqn": "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw",
    "image-size": "1g",
    "image-name": "disk_1",
    "client-initiatorname": "iqn.2003-01.com.example:c1",
    "client-username": "username1",
    "client-password": "password1234",
}
READY = {
    "ceph-iscsi/0": {"fqdn": "a.lab", "ip": "10.0.0.1"},
    "ceph-iscsi/1": {"fqdn": "b.lab", "ip": "10.0.0.2"},
}


@pytest.fixture
def unit(hook, monkeypatch):
    """A unit with a ready peer; collects what the action has set, failed with and created."""
    state = SimpleNamespace(results={}, failed=None, created=[], log=hook, params=dict(GOOD))
    state.gateway = mock.MagicMock(ceph_cluster=Cluster("ceph-iscsi"))
    state.gateway.target_pools.return_value = ("ceph-iscsi", None)
    peers = SimpleNamespace(
        ready_peer_details=READY,
        all_joined_units=[
            SimpleNamespace(
                unit_name=f"ceph-iscsi/{n}", received_raw={"ingress-address": f"10.0.0.{n + 1}"}
            )
            for n in (1, 2)
        ],
    )

    def fail(message):
        state.failed = message

    monkeypatch.setattr(hookenv, "action_get", lambda: state.params)
    monkeypatch.setattr(hookenv, "action_set", state.results.update)
    monkeypatch.setattr(hookenv, "action_fail", fail)
    monkeypatch.setattr(reactive, "endpoint_from_name", {"cluster": peers}.get)
    monkeypatch.setattr(
        charms_openstack.charm,
        "provide_charm_instance",
        lambda: mock.MagicMock(__enter__=lambda self: state.gateway),
    )
    monkeypatch.setattr(actions.basic, "init_config_states", lambda: None)

    def make(wanted, gateways):
        state.created.append((wanted, gateways))
        return True

    monkeypatch.setattr(transaction, "make", make)
    reactive.set_flag("config.rendered")
    return state


def test_every_declared_action_has_a_function_and_a_link_and_the_other_way_round():
    links = {path.name for path in (SRC / "actions").iterdir() if path.is_symlink()}
    assert set(DECLARED) == set(actions.ACTIONS) == links
    for name in links:
        assert (SRC / "actions" / name).resolve() == SRC / "actions" / "actions.py"


def test_parameters_of_create_target_are_those_of_the_reference():
    declared = DECLARED["create-target"]
    assert set(declared["params"]) == {
        *GOOD,
        "gateway-units",
        "rbd-pool-name",
        "ec-rbd-metadata-pool",
        "generate-credentials",  # beyond it
        "show-credentials",
    }
    assert "required" not in declared
    assert declared["params"]["iqn"]["default"] == GOOD["iqn"]


def test_create_target_hands_on_what_was_asked(unit):
    actions.main("create-target")
    [(wanted, gateways)] = unit.created
    assert wanted == targets.NewTarget(
        iqn=GOOD["iqn"],
        gateways=(
            targets.Gateway("ceph-iscsi/0", "a.lab", "10.0.0.1"),
            targets.Gateway("ceph-iscsi/1", "b.lab", "10.0.0.2"),
        ),
        disk=NewDisk(iqn=GOOD["iqn"], name="ceph-iscsi/disk_1", size=1 << 30),
        client=NewClient(
            iqn=GOOD["iqn"],
            name=GOOD["client-initiatorname"],
            credentials=Credentials("username1", "password1234"),
        ),
    )
    assert (gateways.unit, gateways.cluster.client) == ("ceph-iscsi/0", "ceph-iscsi")
    assert gateways.units == {"a.lab": "ceph-iscsi/0", "b.lab": "ceph-iscsi/1"}
    assert (unit.results, unit.failed) == ({"iqn": GOOD["iqn"], "changed": "true"}, None)


CLIENT = ["client-initiatorname", "client-password", "client-username"]


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        ([*CLIENT, "image-name", "image-size"], None),
        (CLIENT, None),
        (["image-name", "image-size"], None),
        (["image-size"], "image-size: needed together with image-name"),
        (
            ["client-password"],
            "client-password: needed together with client-initiatorname, client",
        ),
        (CLIENT[:2], "client-initiatorname, client-password: needed together with client-user"),
    ],
)
def test_disk_and_client_may_be_left_out_but_not_by_halves(unit, left_out, words):
    for parameter in left_out:
        del unit.params[parameter]
    actions.main("create-target")
    if words:
        assert unit.failed.startswith(words)
        assert unit.created == []
    else:
        [(wanted, _)] = unit.created
        assert (wanted.client is None) == ("client-password" in left_out)
        assert (wanted.disk is None) == ("image-size" in left_out)


def test_named_gateways_are_the_only_ones(unit):
    unit.params["gateway-units"] = "ceph-iscsi/1 ceph-iscsi/0"
    actions.main("create-target")
    assert unit.created[0][0].gateways_only


def test_named_pools_are_handed_on(unit):
    unit.params.update({"rbd-pool-name": "data", "ec-rbd-metadata-pool": "meta"})
    actions.main("create-target")
    unit.gateway.target_pools.assert_called_with("data", "meta")


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("iqn", "notaniqn", "iqn: 'notaniqn' is not valid"),
        ("client-initiatorname", "me", "client-initiatorname: 'me' is not valid"),
        ("image-size", "1Q", "image-size: '1Q' is not valid"),
        ("image-name", "a/b", "image-name: 'a/b' is not valid"),
        ("rbd-pool-name", "a b", "rbd-pool-name: 'a b' is not valid"),
        ("ec-rbd-metadata-pool", "a b", "ec-rbd-metadata-pool: 'a b' is not valid"),
        ("gateway-units", "ceph-iscsi/0 ceph-iscsi/9", "gateway-units: ceph-iscsi/9 not in this"),
        ("gateway-units", "ceph-iscsi/0 ceph-iscsi/2", "gateway-units: ceph-iscsi/2 not ready"),
        ("client-username", "short", "invalid username or password: username must be between 8"),
        ("client-password", "short", "invalid username or password: password must be between 12"),
    ],
)
def test_bad_parameters_fail_before_anything_is_asked(unit, parameter, value, words):
    unit.params[parameter] = value
    actions.main("create-target")
    assert unit.failed.startswith(words)
    assert unit.results == {"err": unit.failed}
    assert unit.created == []


def test_create_target_needs_a_configured_gateway(unit):
    reactive.clear_flag("config.rendered")
    actions.main("create-target")
    assert "not configured yet" in unit.failed


def test_a_failure_is_told_in_words(unit, monkeypatch):
    monkeypatch.setattr(transaction, "make", mock.Mock(side_effect=GatewayError("no such luck")))
    actions.main("create-target")
    assert (unit.failed, unit.results) == ("no such luck", {"err": "no such luck"})


def test_what_nobody_expected_is_told_without_what_it_says(unit, monkeypatch):
    error = KeyError(GOOD["client-password"])
    monkeypatch.setattr(transaction, "make", mock.Mock(side_effect=error))
    actions.main("create-target")
    assert unit.failed == "create-target failed unexpectedly (KeyError); the unit's log says where"
    assert "actions.py" in "".join(unit.log)
    assert GOOD["client-password"] not in json.dumps([unit.failed, unit.results, unit.log])


@pytest.fixture
def inventories(unit, monkeypatch):
    """What list-targets finds, and what it was asked for."""
    found = SimpleNamespace(document={"targets": [], "unused-disks": [], "problems": ["a word"]})
    found.document["discovery-auth"] = "none"

    def take(cluster, peers, units, only):
        found.asked = (cluster.client, peers, units, only)
        return found.document

    monkeypatch.setattr(inventory, "take", take)
    monkeypatch.setattr(socket, "getfqdn", lambda: "a.lab")
    unit.params = {}
    return found


def test_list_targets_tells_json_and_a_tree_and_asks_for_all_units(unit, inventories):
    actions.main("list-targets")
    asked = ("ceph-iscsi", ["10.0.0.2", "10.0.0.3"], {"a.lab": "ceph-iscsi/0"}, None)
    assert inventories.asked == asked
    assert json.loads(unit.results["targets"]) == inventories.document
    assert unit.results["tree"] == "no targets\nproblems\n  a word"
    assert unit.failed is None


def test_list_targets_knows_a_unit_by_its_gateways_name_wherever_initiators_reach_it(
    unit, inventories
):
    first, second = reactive.endpoint_from_name("cluster").all_joined_units
    first.received_raw |= {
        "host_name": "b.lab",
        "host_address": "fd85::2",
        "portal_address": "fd86::2",
    }
    second.received_raw |= {"gateway_fqdn": "c.lab"}  # all that other interfaces tell
    actions.main("list-targets")
    units = {"a.lab": "ceph-iscsi/0", "b.lab": "ceph-iscsi/1", "c.lab": "ceph-iscsi/2"}
    assert inventories.asked[1:3] == (["fd85::2", "10.0.0.3"], units)


def test_list_targets_of_one(unit, inventories):
    unit.params["iqn"] = GOOD["iqn"].upper()
    actions.main("list-targets")
    assert inventories.asked[3] == GOOD["iqn"]


def test_list_targets_checks_the_name(unit, inventories):
    unit.params["iqn"] = "notaniqn"
    actions.main("list-targets")
    assert unit.failed.startswith("iqn: 'notaniqn' is not valid")


def test_list_targets_fails_with_words_when_the_answer_is_too_long_for_juju(unit, inventories):
    inventories.document["problems"] = ["x" * 130_000]
    actions.main("list-targets")
    assert unit.failed == "too much for the result of an action: name one target with iqn"
    assert set(unit.results) == {"err"}


@pytest.mark.parametrize("force", [True, False])
def test_pause_is_forced_only_if_that_was_asked_for(unit, force):
    unit.params = {"force": force}
    actions.main("pause")
    unit.gateway.pause.assert_called_once_with(force=force)
    unit.gateway.assess_status.assert_called_once_with()
    assert (unit.results, unit.failed) == ({}, None)


def test_resume(unit):
    actions.main("resume")
    unit.gateway.resume.assert_called_once_with()
    unit.gateway.assess_status.assert_called_once_with()
    assert (unit.results, unit.failed) == ({}, None)


@pytest.mark.parametrize(
    ("done", "outcome"), [(True, "restarted"), (False, "waiting for its turn")]
)
def test_restart_says_whether_it_has_happened(unit, done, outcome):
    unit.params = {"force": not done}
    unit.gateway.restart.return_value = done
    actions.main("restart")
    unit.gateway.restart.assert_called_once_with(force=not done)
    assert (unit.results, unit.failed) == ({"outcome": outcome}, None)


@pytest.mark.parametrize("name", ["pause", "resume"])
def test_pause_and_resume_fail_when_a_service_does(unit, name):
    getattr(unit.gateway, name).side_effect = GatewayError("services that did not stop: x")
    actions.main(name)
    assert unit.failed == "services that did not stop: x"
    unit.gateway.assess_status.assert_called_once_with()


def test_initiator_config_tells_both_files(unit):
    unit.params = {}
    actions.main("initiator-config")
    assert set(unit.results) == {"multipath-conf", "iscsid-conf"}
    assert "no_path_retry queue" in unit.results["multipath-conf"]
    assert "node.conn[0].timeo.noop_out_interval = 2" in unit.results["iscsid-conf"]
