"""What goes wrong while targets are changed: the message says it, and nothing is left half-done.

Each case ends with the stored configuration and the images as they were before.
"""

import contextlib
import json
import time
from collections.abc import Iterator

import jubilant
import pytest
from harness import FIRST, IQN, SECOND, Model

UNIT, OTHER = "ceph-iscsi/0", "ceph-iscsi/1"
NEW = "iqn.2024-11.com.example.lab:faults"
WITH_CLIENT = {"iqn": IQN, "client_initiatorname": NEW}


@pytest.fixture(scope="module")
def faults(target: Model) -> Model:
    """The target with its two disks and clients, and nobody logged in."""
    target.logout()
    target.create_target(SECOND)
    return target


def fails(model: Model, name: str, unit: str = UNIT, **given) -> str:
    """Run an action that must fail; the message it fails with."""
    try:
        results = model.action(unit, name, **given)
    except jubilant.TaskError as error:
        return error.task.message
    raise AssertionError(f"{name} succeeded: {results}")


@contextlib.contextmanager
def unchanged(model: Model) -> Iterator[None]:
    """Nothing in the cluster is another than before."""
    before = model.stored()
    yield
    assert model.stored() == before


def disk(name: str = "faulty", **changed) -> dict:
    """Parameters of create-disk."""
    return {"iqn": IQN, "image_name": name, "image_size": "16M"} | changed


@pytest.mark.parametrize(
    ("action", "given", "told"),
    [
        ("create-disk", disk(rbd_pool_name="nope"), "there is no pool 'nope' in the Ceph cluster"),
        ("create-disk", disk(FIRST.image), f"{FIRST.image} is there already with 1G, not 16M"),
        ("create-disk", disk(iqn="iqn.bad_one"), "iqn: 'iqn.bad_one' is not valid; allowed: iqn."),
        ("create-disk", disk(iqn="iqn.2003-01.com.example:x"), "there is no target iqn.2003-01"),
        (
            "add-client",
            WITH_CLIENT | {"client_username": "somebody", "client_password": "short"},
            "password must be between 12 and 16 characters long",
        ),
        (
            "add-client",
            WITH_CLIENT | {"client_username": "some body", "client_password": "long-enough-1"},
            "username can only contain: [A-Za-z0-9.@_:-]",
        ),
        (
            "add-client",
            {
                "iqn": IQN,
                "client_initiatorname": FIRST.name,
                "client_username": FIRST.username,
                "client_password": "another-one-1",
            },
            f"client-password: {FIRST.name} has another CHAP password already",
        ),
    ],
)
def test_what_is_asked_for_is_refused_by_name(faults: Model, action, given, told):
    with unchanged(faults):
        assert told in fails(faults, action, **given)


def test_a_target_that_exists_is_left_as_it_is(faults: Model):
    with unchanged(faults):
        assert faults.action(OTHER, "create-target", iqn=IQN)["changed"] == "false"


def test_a_full_pool(faults: Model):
    quota = ("ceph", "osd", "pool", "set-quota", "ceph-iscsi", "max_objects")
    with unchanged(faults):
        faults.ceph(*quota, "1")
        try:
            end = time.monotonic() + 120
            while "full" not in faults.ceph("ceph", "osd", "pool", "ls", "detail"):
                assert time.monotonic() < end
                time.sleep(2)
            assert "pool 'ceph-iscsi' is full" in fails(faults, "create-disk", **disk())
        finally:
            faults.ceph(*quota, "0")
        while "full" in faults.ceph("ceph", "osd", "pool", "ls", "detail"):
            time.sleep(2)


def test_an_image_that_was_deleted_behind_the_gateway(faults: Model):
    spare = "iqn.2003-01.com.ubuntu.iscsi-gw:spare"
    faults.action(UNIT, "create-target", iqn=spare)
    faults.action(UNIT, "create-disk", **disk("faulty", iqn=spare))
    faults.action(UNIT, "delete-target", iqn=spare, i_really_mean_it=True)
    faults.ceph("rbd", "rm", "--no-progress", "ceph-iscsi/faulty")
    with unchanged(faults):
        message = fails(faults, "create-disk", **disk())
        assert "ceph-iscsi/faulty is defined, but its image is gone from the Ceph" in message
    assert faults.action(UNIT, "delete-disk", image_name="faulty")["changed"] == "true"


def test_a_disk_that_belongs_to_another_target(faults: Model):
    spare = "iqn.2003-01.com.ubuntu.iscsi-gw:spare"
    faults.action(UNIT, "create-target", iqn=spare)
    with unchanged(faults):
        message = fails(faults, "create-disk", **disk(FIRST.image, iqn=spare, image_size="1G"))
        assert f"disk ceph-iscsi/{FIRST.image} belongs to target {IQN}" in message
    faults.action(UNIT, "delete-target", iqn=spare)


def test_a_gateway_whose_name_does_not_resolve(faults: Model):
    hosts = "/etc/hosts"
    fqdn = faults.run_on(OTHER, "hostname", "--fqdn").strip()
    with unchanged(faults):
        faults.run_on(UNIT, "cp", "--preserve", hosts, "/root/hosts")
        faults.run_on(UNIT, "sed", "-i", f"/{fqdn}/d", hosts)
        try:
            message = fails(faults, "create-disk", **disk())
        finally:
            faults.run_on(UNIT, "cp", "--preserve", "/root/hosts", hosts)
        assert f"gateway {fqdn} (ceph-iscsi/1) is not usable" in message
        assert "Name or service not known" in message or "name resolution" in message


@pytest.mark.parametrize(
    ("stopped", "told"),
    [
        (UNIT, "the API at http://localhost:5000/api/config does not answer: Connection refused"),
        (OTHER, "(ceph-iscsi/1) is not usable, and a change needs all gateways"),
    ],
)
def test_a_gateways_daemon_that_is_down(faults: Model, stopped, told):
    with unchanged(faults):
        faults.run_on(stopped, "systemctl", "stop", "rbd-target-api")
        try:
            message = fails(faults, "create-disk", **disk())
        finally:
            faults.serve_again(stopped)
        assert told in message


def test_monitors_that_cannot_be_reached(faults: Model):
    with unchanged(faults):
        faults.link("ceph-mon/0", "down")
        try:
            listed = json.loads(faults.action(UNIT, "list-targets")["targets"])
            message = fails(faults, "create-disk", **disk())
        finally:
            faults.link("ceph-mon/0", "up")
            faults.settle()
        assert [target["iqn"] for target in listed["targets"]] == [IQN], "a gateway remembers it"
        problems = "\n".join(listed["problems"])
        assert "sizes and snapshots cannot be read from the Ceph cluster" in problems
        assert "nothing was changed: the Ceph cluster cannot be asked" in message
    assert faults.action(UNIT, "create-disk", **disk())["changed"] == "true"
    mean = {"remove_image": True, "i_really_mean_it": True}
    assert faults.action(UNIT, "delete-disk", image_name="faulty", **mean)["changed"] == "true"


def whole(name: str) -> dict:
    """Parameters of a create-target that makes a disk and a client."""
    return disk(name) | {
        "client_initiatorname": NEW,
        "client_username": "somebody",
        "client_password": "faulty-password",
    }


def test_gwcli_killed_half_way(faults: Model):
    with unchanged(faults):
        change = faults.start(UNIT, "create-target", **whole("faulty"))
        faults.wait_stored("ceph-iscsi/faulty")
        faults.juju.ssh(f"root@{UNIT}", "pkill", "--signal", "KILL", "gwcli")
        with pytest.raises(jubilant.TaskError) as error:
            faults.finish(change)
    message = error.value.task.message
    assert "gwcli was ended by SIGKILL" in message
    assert "is undone" in message


# Prints what LIO has of the clients: their credentials and disks.
IN_LIO = """
import json, rtslib_fb
acls = [acl for acl in rtslib_fb.RTSRoot().node_acls]
names = lambda acl: sorted(lun.tpg_lun.storage_object.name for lun in acl.mapped_luns)
print(json.dumps({acl.node_wwn: [acl.chap_userid, acl.chap_password, names(acl)] for acl in acls}))
"""
# Takes a client and a disk out of LIO, as if they had never got there.
LOSE = """
import rtslib_fb, sys
root = rtslib_fb.RTSRoot()
for acl in root.node_acls:
    if acl.node_wwn == sys.argv[1]:
        acl.delete()
for disk in root.storage_objects:
    if disk.name == sys.argv[2]:
        for lun in [*disk.attached_luns]:
            lun.delete()
        disk.delete()
"""
DISK, DISK_IN_LIO = "ceph-iscsi/faulty", "ceph-iscsi.faulty"
MADE = ["somebody", "faulty-password", [DISK_IN_LIO]]


def in_lio(model: Model, unit: str) -> dict:
    """What LIO on UNIT has of each client: user name, password, disks."""
    return json.loads(model.run_on(unit, "python3", "-c", IN_LIO))


def gone_with_the_lock(model: Model) -> None:
    """Leave ceph-iscsi's lock on its configuration as a gateway that dies with it."""
    lock = ("lock", "get", "gateway.conf", "lock", "--lock-cookie", "config")
    model.ceph("rados", "--pool", "iscsi", *lock)


def take_away(model: Model) -> None:
    """Remove what ``whole`` made."""
    mean = {"remove_image": True, "i_really_mean_it": True}
    model.action(UNIT, "delete-disk", image_name="faulty", **mean)
    model.action(UNIT, "remove-client", iqn=IQN, client_initiatorname=NEW)


def test_a_gateway_that_died_as_it_wrote_the_configuration(faults: Model):
    with unchanged(faults):
        gone_with_the_lock(faults)
        assert faults.action(OTHER, "create-target", **whole("faulty"))["changed"] == "true"
        for unit in faults.gateways():
            assert in_lio(faults, unit)[NEW] == MADE
        take_away(faults)


def test_a_gateway_that_dies_so_in_the_middle_of_a_change(faults: Model):
    with unchanged(faults):
        faults.action(UNIT, "create-disk", **disk())
        change = faults.start(UNIT, "create-target", **whole("faulty"))
        faults.wait_stored(NEW)
        gone_with_the_lock(faults)
        with pytest.raises(jubilant.TaskError) as error:
            faults.finish(change)
        assert "is undone" in error.value.task.message
        for unit in faults.gateways():
            assert NEW not in in_lio(faults, unit)
        mean = {"remove_image": True, "i_really_mean_it": True}
        faults.action(UNIT, "delete-disk", image_name="faulty", **mean)


def test_what_was_cut_off_is_completed_on_every_gateway(faults: Model):
    with unchanged(faults):
        faults.action(UNIT, "create-target", **whole("faulty"))
        faults.run_on(OTHER, "python3", "-c", LOSE, NEW, DISK_IN_LIO)
        assert NEW not in in_lio(faults, OTHER)
        cut_off = ("rados", "--pool", "iscsi", "put", "ceph-iscsi-charm.lock", "-")
        faults.ceph("sh", "-c", f"printf {UNIT} | {' '.join(cut_off)}")
        assert faults.action(UNIT, "create-target", **whole("faulty"))["changed"] == "true"
        for unit in faults.gateways():
            assert in_lio(faults, unit)[NEW] == MADE
        assert faults.action(UNIT, "create-target", **whole("faulty"))["changed"] == "false"
        take_away(faults)


def test_units_that_go_half_way(faults: Model):
    """One outage for three cases: the leader loses its power in a change; the other one's
    changes are refused meanwhile; after a reboot in a change the same call completes it."""
    leader, other = (UNIT, OTHER) if faults.leader() == UNIT else (OTHER, UNIT)
    before = faults.stored()
    change = faults.start(leader, "create-target", **whole("faulty"))
    faults.wait_stored("ceph-iscsi/faulty")
    faults.power(leader, "off")
    message = fails(faults, "create-disk", other, **disk("faulty-2"))
    assert f"({leader}) is not usable, and a change needs all gateways" in message
    faults.power(leader, "on")
    faults.settle("ceph-iscsi")
    with pytest.raises((jubilant.TaskError, jubilant.CLIError)):
        faults.finish(change)
    change = faults.start(other, "create-target", **whole("faulty"))
    with contextlib.suppress(jubilant.CLIError):  # the connection goes with the host
        faults.wait_stored(NEW)
        faults.juju.ssh(f"root@{other}", "systemctl", "reboot", "--force", "--force")
    with contextlib.suppress(jubilant.TaskError):  # it may have been through already
        faults.finish(change)
    faults.settle("ceph-iscsi")
    faults.action(other, "create-target", **whole("faulty"))
    assert faults.action(leader, "create-target", **whole("faulty"))["changed"] == "false"
    target = faults.api_config(leader)["targets"][IQN]
    assert list(target["clients"][NEW]["luns"]) == [DISK]
    for unit in (leader, other):
        assert in_lio(faults, unit)[NEW] == MADE
    take_away(faults)
    assert faults.stored() == before
