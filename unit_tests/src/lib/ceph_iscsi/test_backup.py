"""The configuration as a document, and back: onto gateways in memory that obey gwcli."""

import copy
import json

import pytest
from ceph_iscsi import backup, plan, services, transaction
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.targets import Gateway
from fake_gateways import GIB, FakeGateways

IQN, OPEN = "iqn.2003-01.com.example:t", "iqn.2003-01.com.example:open"
FIRST, SECOND, GROUPED = (f"iqn.2024-11.com.example:c{number}" for number in (1, 2, 3))
GATEWAYS = (Gateway("gw/1", "b.lab", "10.0.0.2"), Gateway("gw/0", "a.lab", "10.0.0.1"))
WWN = "1a3ab94c-fcd2-4e97-8a45-422524f2abc5"
CHAP = {**plan.NO_AUTH, "username": "first-user", "password": "first-password"}
MUTUAL = {**CHAP, "mutual_username": "the-target", "mutual_password": "other-password"}
PORTALS = {
    "a.lab": {"portal_ip_addresses": ["10.0.0.1"]},
    "b.lab": {"portal_ip_addresses": ["10.0.0.2"]},
}


def lun(number):
    return {"lun_id": number}


STATE = {
    "gateways": {"a.lab": {}, "b.lab": {}},
    "disks": {
        "gw/one": {"controls": {"qfull_timeout": 7}, "wwn": WWN},
        "gw/two": {"controls": {}, "wwn": None},
        "meta/three": {"controls": {}, "wwn": None},
    },
    "targets": {
        IQN: {
            "portals": PORTALS,
            "acl_enabled": True,
            "auth": dict(plan.NO_AUTH),
            "disks": {"gw/two": lun(1), "gw/one": lun(0), "meta/three": lun(2)},
            "clients": {
                FIRST: {
                    "auth": MUTUAL,
                    "luns": {"gw/two": lun(1), "gw/one": lun(0)},
                    "group_name": "",
                },
                SECOND: {"auth": dict(plan.NO_AUTH), "luns": {}, "group_name": ""},
                GROUPED: {
                    "auth": CHAP,
                    "luns": {"meta/three": lun(2)},
                    "group_name": "hosts",
                },
            },
            "groups": {"hosts": {"members": [GROUPED], "disks": {"meta/three": lun(2)}}},
        },
        OPEN: {
            "portals": PORTALS,
            "acl_enabled": False,
            "auth": CHAP,
            "disks": {},
            "clients": {},
            "groups": {},
        },
    },
    "discovery_auth": dict(plan.NO_AUTH),
}
IMAGES = {
    "gw/one": {"size": GIB, "data_pool": None},
    "gw/two": {"size": 2 * GIB, "data_pool": None},
    "meta/three": {"size": GIB, "data_pool": "ec"},
}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(transaction, "RETURN_LIMIT", 0)
    monkeypatch.setattr(transaction, "AFTERMATH_LIMIT", 0)
    monkeypatch.setattr(services.time, "sleep", lambda seconds: None)


def exported(seal=str):
    """As from a file; passwords in clear, as they are when it comes to restoring."""
    return backup.read(json.dumps(backup.take(STATE, IMAGES, seal)))


def restore(gateways, document):
    return transaction.make(backup.Restore(document=document, gateways=GATEWAYS), gateways.ways)


def test_what_is_restored_is_what_was_exported():
    gateways = FakeGateways()
    assert restore(gateways, exported()) is True
    images = {name: image | {"data_pool": None} for name, image in gateways.stored.items()}
    images["meta/three"]["data_pool"] = "ec"
    again = backup.take(gateways.data, images, str)
    document = exported()
    for name in document["disks"]:
        document["disks"][name]["wwn"] = None  # gateways in memory know none
    assert again == document


def test_disks_and_luns_come_in_the_order_of_their_numbers():
    gateways = FakeGateways()
    restore(gateways, exported())
    assert list(gateways.data["targets"][IQN]["disks"]) == ["gw/one", "gw/two", "meta/three"]
    assert list(gateways.data["targets"][IQN]["clients"][FIRST]["luns"]) == ["gw/one", "gw/two"]


def test_the_data_of_an_erasure_coded_disk_go_into_its_pool_again():
    gateways = FakeGateways()
    restore(gateways, exported())
    assert "rbd create meta/three 1G ec" in gateways.commands


def test_a_disk_keeps_its_serial_number():
    gateways = FakeGateways()
    restore(gateways, exported())
    assert f"/disks create pool=gw image=one size=1G wwn={WWN}" in gateways.commands


def test_an_image_that_is_there_is_taken_as_it_is():
    gateways = FakeGateways(images={"gw/one": GIB})
    restore(gateways, exported())
    assert f"/disks attach pool=gw image=one wwn={WWN}" in gateways.commands


def test_restored_again_it_changes_nothing():
    gateways = FakeGateways()
    restore(gateways, exported())
    assert restore(gateways, exported()) is False


def test_what_fails_half_way_is_undone_and_can_be_repeated():
    gateways = FakeGateways()
    gateways.refuse = f"/iscsi-targets/{IQN}/hosts/{FIRST} disk add gw/two"
    before = gateways.all()
    with pytest.raises(GatewayError, match="What this call had done is undone"):
        restore(gateways, exported())
    assert gateways.all() == before
    gateways.refuse = None
    assert restore(gateways, exported()) is True


def test_what_an_earlier_call_left_is_gone_on_with():
    gateways = FakeGateways()
    restore(gateways, exported())
    del gateways.data["targets"][IQN]["clients"][SECOND]
    del gateways.data["targets"][OPEN]
    assert restore(gateways, exported()) is True
    assert SECOND in gateways.data["targets"][IQN]["clients"]


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ({"targets": {"iqn.x": plan.new_target()}}, "not empty: there are other targets: iqn.x"),
        ({"disks": {"gw/other": {}}}, "not empty: there are other disks: gw/other"),
    ],
)
def test_it_is_for_gateways_that_have_nothing_else(there, told):
    gateways = FakeGateways(
        {"targets": {}, "disks": {}, "gateways": {}, "discovery_auth": None} | there
    )
    with pytest.raises(GatewayError, match=told):
        restore(gateways, exported())
    assert gateways.commands == []


def test_an_image_of_another_size_is_refused():
    gateways = FakeGateways(images={"gw/one": 3 * GIB})
    with pytest.raises(GatewayError, match="image gw/one is there already with 3G, not 1G"):
        restore(gateways, exported())


def test_a_pool_that_is_not_there_is_told_before_anything_changes():
    document = exported()
    document["disks"]["gw/one"]["data-pool"] = "nowhere"
    gateways = FakeGateways()
    with pytest.raises(GatewayError, match="there is no pool 'nowhere'"):
        restore(gateways, document)
    assert gateways.commands == []


def test_gateways_of_other_names_serve_what_these_had():
    document = exported()
    for target in document["targets"].values():
        target["gateways"] = ["old-1.lab", "old-2.lab"]
    gateways = FakeGateways()
    restore(gateways, document)
    assert set(gateways.data["targets"][IQN]["portals"]) == {"a.lab", "b.lab"}


def test_without_a_key_no_password_is_in_it_and_it_says_whose_are_lacking():
    text = json.dumps(backup.take(STATE, IMAGES))
    assert "first-password" not in text
    assert "other-password" not in text
    found = {owner: backup.lacking(auth) for owner, auth in backup.auths(backup.read(text))}
    assert {owner: keys for owner, keys in found.items() if keys} == {
        (IQN, FIRST): ["password", "mutual_password"],
        (IQN, GROUPED): ["password"],
        (OPEN, ""): ["password"],
    }


def test_with_a_key_every_password_is_sealed():
    document = backup.take(STATE, IMAGES, lambda password: f"sealed {len(password)}")
    auth = document["targets"][IQN]["clients"][FIRST]["auth"]
    assert auth == {
        "username": "first-user",
        "password": "sealed 14",
        "mutual_username": "the-target",
        "mutual_password": "sealed 14",
    }


def test_a_disk_without_its_image_cannot_be_exported():
    images = IMAGES | {"gw/one": {"problem": "its image is gone from the Ceph cluster"}}
    with pytest.raises(GatewayError, match="disk gw/one cannot be exported: its image is gone"):
        backup.take(STATE, images)


def broken(change_document):
    document = copy.deepcopy(exported())
    change_document(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no json", "file: not an export"),
        ("{}", "file: not an export"),
        ("[]", "file: not an export"),
        (broken(lambda it: it.update(format="other")), "file: its format is not"),
        (broken(lambda it: it["disks"].update({"a b/c": it["disks"]["gw/one"]})), "'a b'"),
        (broken(lambda it: it["disks"]["gw/one"].update(size=7)), "size of gw/one"),
        (broken(lambda it: it["disks"]["gw/one"].update(size="1G")), "size of gw/one"),
        (broken(lambda it: it["disks"]["gw/one"].update(wwn="x exit")), "wwn of gw/one"),
        (broken(lambda it: it["disks"]["gw/one"]["controls"].update(qfull_timeout=-1)), "'-1'"),
        (broken(lambda it: it["disks"]["gw/one"]["controls"].update(other=1)), "not an export"),
        (broken(lambda it: it["targets"].update(name={})), "'name' is not valid"),
        (broken(lambda it: it["targets"][IQN]["disks"].append("gw/x")), "gw/x is not in it"),
        (
            broken(lambda it: it["targets"][IQN]["clients"][FIRST]["disks"].append("gw/x")),
            "gw/x is not in it",
        ),
        (
            broken(lambda it: it["targets"][IQN]["host-groups"]["hosts"]["members"].append("x")),
            "x is not in it",
        ),
        (broken(lambda it: it["discovery-auth"].update(other="x")), "unknown among"),
    ],
)
def test_a_file_that_is_not_as_it_has_to_be_is_refused(text, told):
    with pytest.raises(GatewayError, match=told):
        backup.read(text)
