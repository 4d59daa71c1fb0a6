"""create-target: what it makes, what it refuses, and that a refusal changes nothing."""

import pytest
from harness import FIRST, IQN, SECOND, Model


def test_create_target_makes_a_target_with_a_portal_on_each_gateway(target: Model):
    config = target.api_config("ceph-iscsi/0")
    made = config["targets"][IQN]
    portals = {
        address
        for gateway in made["portals"].values()
        for address in gateway["portal_ip_addresses"]
    }
    assert portals == {target.address(unit) for unit in target.gateways()}
    assert list(made["disks"]) == [f"ceph-iscsi/{FIRST.image}"]
    client = made["clients"][FIRST.name]
    assert client["auth"]["username"] == FIRST.username
    assert list(client["luns"]) == [f"ceph-iscsi/{FIRST.image}"]


def test_create_target_tells_the_iqn(target: Model):
    assert target.create_target(FIRST)["iqn"] == IQN


@pytest.mark.parametrize("unit", ["ceph-iscsi/0", "ceph-iscsi/1"])
def test_asking_again_on_any_unit_changes_nothing(target: Model, unit):
    before = target.api_config("ceph-iscsi/0")
    target.create_target(FIRST, unit)
    assert target.api_config("ceph-iscsi/0") == before


def test_another_client_and_disk_join_the_same_target(target: Model):
    target.create_target(SECOND)
    made = target.api_config("ceph-iscsi/0")["targets"][IQN]
    for client in (FIRST, SECOND):
        assert list(made["clients"][client.name]["luns"]) == [f"ceph-iscsi/{client.image}"]


NEW = {"image_name": "disk-new", "client_initiatorname": "iqn.2024-11.com.example.lab:new"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"iqn": "notaniqn"}, ["iqn", "notaniqn"]),
        ({"client_initiatorname": "someone"}, ["client-initiatorname", "someone"]),
        ({"image_size": "much"}, ["image-size", "much"]),
        ({"image_size": "0"}, ["image-size"]),
        ({"image_name": "a/b"}, ["image-name", "a/b"]),
        ({"rbd_pool_name": "nope"}, ["nope"]),
        ({"gateway_units": "ceph-iscsi/0 ceph-iscsi/9"}, ["gateway-units", "ceph-iscsi/9"]),
        ({"client_username": "short"}, ["invalid username or password"]),
        ({"client_username": "with a blank"}, ["invalid username or password"]),
        ({"client_password": "short"}, ["password must be between 12 and 16 characters long"]),
        ({"client_password": "with-a-[bracket]"}, ["invalid username or password"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_bad_input_is_refused_by_name_and_changes_nothing(target: Model, changed, told):
    before = target.api_config("ceph-iscsi/0")
    message = target.refusal(FIRST, **(NEW | changed))
    for word in told:
        assert word in message
    assert target.api_config("ceph-iscsi/0") == before


def test_a_refusal_is_in_the_results_too_and_tells_no_password(target: Model):
    secret = "hidden-secret!"
    given = FIRST.parameters(**NEW, client_password=secret)
    task = target.failure("ceph-iscsi/0", "create-target", **given)
    assert task.results["err"] == task.message
    assert secret not in repr(task)


def test_a_refused_request_leaves_no_image_behind(target: Model):
    images = target.run_on("ceph-mon/0", "rbd", "ls", "ceph-iscsi").split()
    assert sorted(images) == [FIRST.image, SECOND.image]
