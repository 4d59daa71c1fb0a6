"""From nothing to two active gateways: what they say on the way, and what they leave on disk."""

import itertools
import json

import pytest
from harness import GATEWAY, Model

FILES = {
    "/etc/ceph/iscsi-gateway.cfg": "600 root root",
    "/etc/ceph/iscsi/ceph.conf": "644 root root",
    "/etc/ceph/iscsi/ceph.client.ceph-iscsi.keyring": "600 root root",
}


@pytest.mark.parametrize("unit", ["ceph-iscsi/0", "ceph-iscsi/1"])
def test_the_status_tells_what_is_missing_then_what_is_awaited_then_ready(model: Model, unit):
    told = [(status, message) for name, status, message in model.seen if name == unit]
    expected = [
        ("blocked", "Missing relations: ceph-client"),
        ("waiting", "Incomplete relations: ceph-client"),
        ("active", "Unit is ready"),
    ]
    assert [said for said in told if said in expected] == expected


@pytest.mark.parametrize("unit", ["ceph-iscsi/0", "ceph-iscsi/1"])
def test_a_unit_that_knows_no_other_yet_says_that_one_is_not_enough(model: Model, unit):
    past = model.juju.cli("show-status-log", unit, "-n", "1000", "--type", "workload")
    assert past.index("1 is an invalid unit count") < past.index("Missing relations: ceph-client")


@pytest.mark.parametrize("path", FILES)
def test_a_rendered_file_has_its_mode_and_is_the_same_on_both_gateways(model: Model, path):
    for unit in model.gateways():
        assert model.run_on(unit, "stat", "-c", "%a %U %G", path).strip() == FILES[path]
    sums = {model.run_on(unit, "sha256sum", path) for unit in model.gateways()}
    assert len(sums) == 1


def test_both_gateways_ask_ceph_for_the_same_and_are_answered(model: Model):
    requests = [model.bag(unit, "client", "ceph-mon/0") for unit in model.gateways()]
    assert len({bag["broker_req"] for bag in requests}) == 1
    assert [bag["unit-name"] for bag in requests] == model.gateways()
    assert {bag["application-name"] for bag in requests} == {GATEWAY}
    settings = {"osd heartbeat grace": 20, "osd heartbeat interval": 5}
    assert [json.loads(bag["osd-settings"]) for bag in requests] == [settings] * 2
    request = json.loads(requests[0]["broker_req"])
    assert sorted(request) == ["api-version", "ops", "request-id"]
    assert request["api-version"] == 1
    assert [(op["op"], op.get("name"), op.get("app-name")) for op in request["ops"]] == [
        ("create-pool", "iscsi", "rados"),
        ("create-pool", "ceph-iscsi", "rbd"),
        ("set-key-permissions", None, None),
    ]
    for unit in model.gateways():
        answers = model.bag("ceph-mon/0", "ceph-client", unit)
        answer = json.loads(answers[f"broker-rsp-{unit.replace('/', '-')}"])
        assert answer == {"request-id": request["request-id"], "exit-code": 0}


def test_the_pools_are_there_with_their_application(model: Model):
    listed = model.run_on("ceph-mon/0", "ceph", "osd", "pool", "ls", "detail", "-f", "json")
    pools = {pool["pool_name"]: pool for pool in json.loads(listed)}
    assert list(pools["iscsi"]["application_metadata"]) == ["rados"]
    assert list(pools["ceph-iscsi"]["application_metadata"]) == ["rbd"]
    assert pools["ceph-iscsi"]["size"] == 3


@pytest.mark.parametrize("service", ["rbd-target-api", "rbd-target-gw", "tcmu-runner"])
def test_the_daemons_run_and_come_back_after_a_reboot(model: Model, service):
    for unit in model.gateways():
        states = model.run_on(
            unit, "systemctl", "show", "-P", "ActiveState", "-P", "UnitFileState", service
        )
        assert states.split() == ["active", "enabled"], unit


def test_the_units_of_an_application_share_one_admin_password(model: Model):
    def password(unit):
        shown = json.loads(model.juju.cli("show-unit", unit, "--format", "json"))[unit]
        peers = next(r for r in shown["relation-info"] if r["endpoint"] == "cluster")
        return peers["application-data"]["admin_password"]

    passwords = {password(unit) for unit in model.gateways()}
    assert len(passwords) == 1
    assert len(passwords.pop()) == 32


def test_each_gateway_is_announced_to_the_other_under_its_name(model: Model):
    for unit, other in itertools.permutations(model.gateways(), 2):
        told = model.bag(unit, "cluster", other)
        name = model.run_on(unit, "hostname", "--fqdn").strip()
        assert (told["gateway_ready"], told["gateway_fqdn"]) == ("True", name)
