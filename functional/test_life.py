"""The whole life of a target by actions: each step's effect in the gateways, and where it matters
on the initiator."""

import json

import jubilant
import pytest
from harness import FIRST, INITIATOR, IQN, Client, Model

LIFE = "iqn.2003-01.com.ubuntu.iscsi-gw:life"
OPEN = "iqn.2003-01.com.ubuntu.iscsi-gw:open"
CLIENT = Client(FIRST.name, "life-user", "life-password", "life-one")
OTHER = "iqn.2024-11.com.example.lab:life-other"
MIB = 1 << 20


class Life:
    """The target of this module, and what is done to it."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.images_before = sorted(model.images())

    def do(self, action: str, unit: str = "ceph-iscsi/0", **given) -> bool:
        """Run an action on the target; whether it changed anything."""
        return self.model.action(unit, action, **({"iqn": LIFE} | given))["changed"] == "true"

    def once(self, action: str, **given) -> None:
        """Run an action that changes something, and again on the other unit, where it doesn't."""
        assert self.do(action, **given)
        assert not self.do(action, "ceph-iscsi/1", **given)

    def refused(self, action: str, **given) -> str:
        """Run an action that must fail, and change nothing; its message."""
        before = self.model.stored()
        try:
            self.do(action, **given)
        except jubilant.TaskError as error:
            assert self.model.stored() == before
            return error.task.message
        raise AssertionError(f"{action} succeeded")

    def on_disk(self, action: str, name: str = CLIENT.image, **given) -> bool:
        """Run an action that is about a disk alone."""
        given |= {"image-name": name}
        return self.model.action("ceph-iscsi/1", action, **given)["changed"] == "true"

    @property
    def target(self) -> dict:
        """The target as the second gateway's API tells it."""
        return self.model.api_config("ceph-iscsi/1")["targets"][LIFE]

    @property
    def disks(self) -> dict:
        return self.model.api_config("ceph-iscsi/1")["disks"]

    def login(self, password: str = CLIENT.password) -> None:
        self.model.login(CLIENT, password, iqn=LIFE)

    def logout(self) -> None:
        self.model.logout(iqn=LIFE)


@pytest.fixture(scope="module")
def life(target: Model) -> Life:
    """The initiator is logged out of every target."""
    target.logout()
    return Life(target)


def test_a_target_is_created_without_disk_and_client(life: Life):
    life.once("create-target")
    assert len(life.target["portals"]) == 2
    assert (life.target["disks"], life.target["clients"]) == ({}, {})


def test_a_disk_is_created_with_its_settings(life: Life):
    given = {"image_name": CLIENT.image, "image_size": "64M"}
    life.once("create-disk", **given, qfull_timeout=9)
    assert life.disks[f"ceph-iscsi/{CLIENT.image}"]["controls"] == {"qfull_timeout": 9}
    assert life.model.image_size(CLIENT.image) == 64 * MIB
    assert life.do("set-disk", image_name=CLIENT.image, max_data_area_mb=16, iqn=None)
    controls = life.disks[f"ceph-iscsi/{CLIENT.image}"]["controls"]
    assert controls == {"qfull_timeout": 9, "max_data_area_mb": 16}


def test_an_image_that_is_there_becomes_a_disk(life: Life):
    life.model.ceph("rbd", "create", "--size", "32M", "ceph-iscsi/life-two")
    life.once("create-disk", image_name="life-two")
    assert "ceph-iscsi/life-two" in life.target["disks"]
    assert "there already with 32M" in life.refused(
        "create-disk", image_name="life-two", image_size="1G"
    )


def test_a_client_is_added_and_gets_a_disk_that_it_can_use(life: Life):
    life.once(
        "add-client",
        client_initiatorname=CLIENT.name,
        client_username=CLIENT.username,
        client_password=CLIENT.password,
    )
    life.once("attach-disk", client_initiatorname=CLIENT.name, image_name=CLIENT.image)
    life.login()
    path = life.model.device_path()
    assert int(life.model.run_on(INITIATOR, "blockdev", "--getsize64", path)) == 64 * MIB
    life.model.run_on(INITIATOR, "sh", "-c", f"echo first | dd of={path} conv=fsync bs=512")


def test_what_a_logged_in_client_uses_is_not_taken_from_it(life: Life):
    given = {"client_initiatorname": CLIENT.name}
    for message in (
        life.refused("detach-disk", **given, image_name=CLIENT.image),
        life.refused("delete-disk", image_name=CLIENT.image, iqn=None),
        life.refused("remove-client", **given),
        life.refused("delete-target", i_really_mean_it=True),
    ):
        assert f"{CLIENT.name} is logged in" in message


def test_a_disk_grows_under_a_logged_in_client(life: Life):
    assert life.on_disk("resize-disk", **{"image-size": "96M"})
    assert not life.on_disk("resize-disk", **{"image-size": "96M"})
    assert "can only grow" in life.refused(
        "resize-disk", iqn=None, image_name=CLIENT.image, image_size="32M"
    )
    life.model.run_on(INITIATOR, "iscsiadm", "--mode", "session", "--rescan")
    sizes = life.model.run_on(
        INITIATOR, "lsblk", "--bytes", "--nodeps", "--noheadings", "--output", "SIZE,MODEL"
    )
    assert sizes.count(str(96 * MIB)) == 2


def test_a_snapshot_brings_back_what_the_disk_held(life: Life):
    path = life.model.device_path()
    assert life.on_disk("create-snapshot", snapshot_name="snap-1")
    assert not life.on_disk("create-snapshot", snapshot_name="snap-1")
    given = {"image-name": CLIENT.image}
    listed = life.model.action("ceph-iscsi/0", "list-snapshots", **given)["snapshots"]
    assert [snapshot["name"] for snapshot in json.loads(listed)] == ["snap-1"]
    life.model.run_on(INITIATOR, "sh", "-c", f"echo later | dd of={path} conv=fsync bs=512")
    life.logout()
    message = life.refused(
        "rollback-snapshot", iqn=None, image_name=CLIENT.image, snapshot_name="snap-1"
    )
    assert message.startswith("i-really-mean-it")
    assert life.on_disk("rollback-snapshot", snapshot_name="snap-1", i_really_mean_it=True)
    life.login()
    path = life.model.device_path()
    assert life.model.run_on(INITIATOR, "head", "-c", "5", path) == "first"
    life.logout()
    assert "has snapshots" in life.refused(
        "delete-disk",
        iqn=None,
        image_name=CLIENT.image,
        remove_image=True,
        i_really_mean_it=True,
    )
    assert life.on_disk("delete-snapshot", snapshot_name="snap-1", i_really_mean_it=True)


def test_a_clients_credentials_change(life: Life):
    given = {"client_initiatorname": CLIENT.name, "method": "mutual-chap"}
    new = {"username": "life-user", "password": "other-password"}
    life.once(
        "set-client-auth",
        **given,
        **new,
        mutual_username="life-target",
        mutual_password="target-secret",
    )
    auth = life.target["clients"][CLIENT.name]["auth"]
    assert (auth["username"], auth["mutual_username"]) == ("life-user", "life-target")
    assert "other-password" not in json.dumps(auth)
    with pytest.raises(jubilant.TaskError):
        life.login()
    life.logout()
    life.once("set-client-auth", **(given | {"method": "chap"}), **new)
    life.login("other-password")
    life.logout()
    assert "mutual-username: not to be given" in life.refused(
        "set-client-auth", **(given | {"method": "chap"}), **new, mutual_username="life-target"
    )
    life.once("set-client-auth", **(given | {"method": "none"}))
    assert life.target["clients"][CLIENT.name]["auth"]["username"] == ""


def test_discovery_asks_for_credentials(life: Life):
    given = {"username": "discoverer", "password": "discover-1234"}

    def discover() -> None:
        portal = life.model.address("ceph-iscsi/0")
        life.model.run_on(
            INITIATOR,
            *("iscsiadm", "--mode", "discovery", "--type", "sendtargets", "--portal", portal),
        )

    discover()
    life.once("set-discovery-auth", iqn=None, method="chap", **given)
    try:
        with pytest.raises(jubilant.TaskError):
            discover()
    finally:
        life.once("set-discovery-auth", iqn=None, method="none")
    discover()


def test_a_target_has_credentials_of_its_own_in_place_of_clients(life: Life):
    given = {"username": "everybody", "password": "target-passwd"}
    assert "has clients" in life.refused("set-target-auth", method="chap", **given)
    life.once("create-target", iqn=OPEN)
    life.once("set-target-auth", iqn=OPEN, method="chap", **given)
    opened = life.model.api_config("ceph-iscsi/1")["targets"][OPEN]
    assert (opened["acl_enabled"], opened["auth"]["username"]) == (False, "everybody")
    assert "takes no clients by name" in life.refused(
        "add-client", iqn=OPEN, client_initiatorname=OTHER
    )
    life.once("set-target-auth", iqn=OPEN, method="none")
    life.once("delete-target", iqn=OPEN)


def test_a_host_group_gives_its_disks_to_its_clients(life: Life):
    two = "ceph-iscsi/life-two"
    life.once("create-host-group", group_name="hosts")
    life.once("add-client", client_initiatorname=OTHER)
    life.once(
        "add-to-host-group",
        group_name="hosts",
        client_initiatorname=OTHER,
        image_name="life-two",
    )
    assert list(life.target["clients"][OTHER]["luns"]) == [two]
    given = {"client_initiatorname": OTHER, "image_name": "life-two"}
    assert "disks of its host group" in life.refused("detach-disk", **given)
    assert "has disks of its own" in life.refused(
        "add-to-host-group", group_name="hosts", client_initiatorname=CLIENT.name
    )
    life.once("remove-from-host-group", group_name="hosts", image_name="life-two")
    assert life.target["clients"][OTHER]["luns"] == {}
    life.once("add-to-host-group", group_name="hosts", image_name="life-two")
    life.once("delete-host-group", group_name="hosts")
    assert list(life.target["clients"][OTHER]["luns"]) == [two]
    life.once("detach-disk", **given)


def test_a_disk_of_another_target_is_not_to_be_had(life: Life):
    assert f"belongs to target {IQN}" in life.refused(
        "attach-disk", client_initiatorname=OTHER, image_name=FIRST.image
    )


def test_a_gateway_leaves_a_target_and_comes_back(life: Life):
    names = {
        portal["portal_ip_addresses"][0]: fqdn for fqdn, portal in life.target["portals"].items()
    }
    leaving = names[life.model.address("ceph-iscsi/1")]
    assert "would have no gateway left" in life.refused(
        "remove-gateways", gateway_names=" ".join(names.values())
    )
    assert life.do("remove-gateways", gateway_names=leaving)
    assert leaving not in life.target["portals"]
    assert life.do("add-gateways", gateway_units="ceph-iscsi/1")
    assert leaving in life.target["portals"]


def test_two_units_at_once_change_the_same_target(life: Life):
    """The second waits for the first: both disks are there, each with a LUN of its own."""
    tasks = [
        life.model.start(
            unit, "create-disk", iqn=LIFE, image_name=f"life-{unit[-1]}", image_size="16M"
        )
        for unit in life.model.gateways()
    ]
    for task in tasks:
        life.model.finish(task)
    luns = [life.target["disks"][f"ceph-iscsi/life-{n}"]["lun_id"] for n in (0, 1)]
    assert len(set(luns)) == 2


def test_disks_and_clients_go_and_images_only_if_that_is_meant(life: Life):
    assert life.do("remove-client", client_initiatorname=OTHER)
    assert life.on_disk("delete-disk", "life-two")
    assert "life-two" in life.model.images()
    for name in ("life-two", "life-0", "life-1"):
        assert "i-really-mean-it" in life.refused(
            "delete-disk", iqn=None, image_name=name, remove_image=True
        )
        assert life.on_disk("delete-disk", name, remove_image=True, i_really_mean_it=True)
        assert name not in life.model.images()


def test_the_target_goes_and_its_disks_stay_until_they_are_deleted(life: Life):
    assert life.refused("delete-target").startswith("i-really-mean-it")
    life.once("delete-target", i_really_mean_it=True)
    assert CLIENT.image in life.model.images()
    assert life.on_disk("delete-disk", remove_image=True, i_really_mean_it=True)
    assert sorted(life.model.images()) == life.images_before
    assert list(life.model.api_config("ceph-iscsi/0")["targets"]) == [IQN]
