"""Every kind of change on a target with clients and disks: what it does, and that it undoes."""

import pytest
from ceph_iscsi import change, gwcli, services, transaction
from ceph_iscsi.auth import NO_CREDENTIALS, Credentials, DiscoveryAuth, TargetAuth
from ceph_iscsi.clients import ClientAuth, NewClient, NoClient
from ceph_iscsi.disks import Attachment, NewDisk, NoDisk, Resize, Settings
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.hostgroups import FewerInGroup, MoreInGroup, NewGroup, NoGroup
from ceph_iscsi.snapshots import NewSnapshot, NoSnapshot, Rollback
from ceph_iscsi.targets import FewerGateways, Gateway, MoreGateways, NewTarget, NoTarget
from fake_gateways import EMPTY, GIB, FakeGateways

IQN = "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw"
OPEN = "iqn.2003-01.com.example:open"  # a target without clients
ONE, TWO, NEW = (f"iqn.2003-01.com.example:{name}" for name in ("one", "two", "new"))
GATEWAYS = (Gateway("gw/1", "b.lab", "10.0.0.2"), Gateway("gw/0", "a.lab", "10.0.0.1"))
CHAP = Credentials("username1", "password1234")
MUTUAL = Credentials("username1", "password1234", "username2", "password5678")


def setup(gateways):
    """ONE has a/1, TWO is in the group g with b/2, c/3 is free and has a snapshot."""
    for wanted in (
        NewTarget(
            iqn=IQN,
            gateways=GATEWAYS,
            disk=NewDisk(iqn=IQN, name="gw/1", size=GIB),
            client=NewClient(iqn=IQN, name=ONE, credentials=CHAP),
        ),
        NewTarget(iqn=OPEN, gateways=GATEWAYS),
        NewDisk(iqn=IQN, name="gw/2", size=GIB),
        NewDisk(iqn=IQN, name="gw/3", size=GIB),
        NewClient(iqn=IQN, name=TWO),
        NewGroup(iqn=IQN, group="g"),
        MoreInGroup(iqn=IQN, group="g", members=(TWO,), names=("gw/2",)),
        NewSnapshot(name="gw/3", snapshot="before"),
    ):
        assert transaction.make(wanted, gateways.ways)
    gateways.commands.clear()


@pytest.fixture
def gateways(monkeypatch):
    monkeypatch.setattr(transaction, "RETURN_LIMIT", 0)
    monkeypatch.setattr(transaction, "AFTERMATH_LIMIT", 0)
    monkeypatch.setattr(services.time, "sleep", lambda seconds: None)
    gateways = FakeGateways()
    setup(gateways)
    return gateways


PATH = f"/iscsi-targets/{IQN}"
COMMANDS = [
    (
        NewDisk(iqn=IQN, name="gw/4", size=2 * GIB, controls={"qfull_timeout": 9}),
        [
            "/disks create pool=gw image=4 size=2G",
            f"{PATH}/disks add gw/4",
            "/disks reconfigure gw/4 qfull_timeout 9",
        ],
    ),
    (Resize(name="gw/1", size=3 * GIB), ["/disks resize gw/1 3G"]),
    (
        Settings(name="gw/1", controls={"max_data_area_mb": 64}),
        ["/disks reconfigure gw/1 max_data_area_mb 64"],
    ),
    (
        NoDisk(name="gw/1", keep_image=True),
        [
            f"{PATH}/hosts/{ONE} disk remove gw/1",
            f"{PATH}/disks delete gw/1",
            "/disks detach gw/1",
        ],
    ),
    (
        NoDisk(name="gw/1", keep_image=False),
        [
            f"{PATH}/hosts/{ONE} disk remove gw/1",
            f"{PATH}/disks delete gw/1",
            "/disks delete gw/1",
        ],
    ),
    (
        Attachment(iqn=IQN, client=ONE, name="gw/3", there=True),
        [f"{PATH}/hosts/{ONE} disk add gw/3"],
    ),
    (
        Attachment(iqn=IQN, client=ONE, name="gw/1", there=False),
        [f"{PATH}/hosts/{ONE} disk remove gw/1"],
    ),
    (
        NewClient(iqn=IQN, name=NEW, credentials=CHAP),
        [
            f"{PATH}/hosts create {NEW}",
            f"{PATH}/hosts/{NEW} auth username=username1 password=password1234",
        ],
    ),
    (NoClient(iqn=IQN, name=ONE), [f"{PATH}/hosts delete {ONE}"]),
    (
        ClientAuth(iqn=IQN, name=ONE, credentials=MUTUAL),
        [
            f"{PATH}/hosts/{ONE} auth username=username1 password=password1234 "
            "mutual_username=username2 mutual_password=password5678"
        ],
    ),
    (
        ClientAuth(iqn=IQN, name=ONE, credentials=NO_CREDENTIALS),
        [f"{PATH}/hosts/{ONE} auth nochap"],
    ),
    (
        TargetAuth(iqn=OPEN, credentials=CHAP),
        [
            f"/iscsi-targets/{OPEN}/hosts auth disable_acl",
            f"/iscsi-targets/{OPEN} auth username=username1 password=password1234",
        ],
    ),
    (
        DiscoveryAuth(credentials=CHAP),
        ["/iscsi-targets discovery_auth username=username1 password=password1234"],
    ),
    (NewGroup(iqn=IQN, group="h"), [f"{PATH}/host-groups create h"]),
    (
        NoGroup(iqn=IQN, group="g"),
        [f"{PATH}/host-groups/g host remove {TWO}", f"{PATH}/host-groups delete g"],
    ),
    (
        MoreInGroup(iqn=IQN, group="g", names=("gw/3",)),
        [f"{PATH}/host-groups/g disk add gw/3"],
    ),
    (
        FewerInGroup(iqn=IQN, group="g", members=(TWO,), names=("gw/2",)),
        [f"{PATH}/host-groups/g host remove {TWO}", f"{PATH}/host-groups/g disk remove gw/2"],
    ),
    (NewSnapshot(name="gw/1", snapshot="s"), ["/disks/gw/1 snapshot create s"]),
    (NoSnapshot(name="gw/3", snapshot="before"), ["/disks/gw/3 snapshot delete before"]),
    (Rollback(name="gw/3", snapshot="before"), ["/disks/gw/3 snapshot rollback before"]),
    (NoTarget(iqn=OPEN), [f"/iscsi-targets delete {OPEN}"]),
    (
        MoreGateways(iqn=IQN, gateways=(Gateway("gw/2", "c.lab", "10.0.0.3"),)),
        [f"{PATH}/gateways create c.lab 10.0.0.3 skipchecks=true"],
    ),
    (
        FewerGateways(iqn=IQN, gateways=frozenset({"a.lab"})),
        [f"{PATH}/gateways delete a.lab"],
    ),
]


def kind(value):
    return type(value).__name__ if isinstance(value, change.Change) else None


@pytest.mark.parametrize(("wanted", "commands"), COMMANDS, ids=kind)
def test_a_change_takes_these_commands_and_none_when_asked_again(gateways, wanted, commands):
    assert transaction.make(wanted, gateways.ways) is True
    assert gateways.commands == commands
    if not wanted.orders():
        assert transaction.make(wanted, gateways.ways) is False
        assert gateways.commands == commands


CUTS = [(wanted, cut) for wanted, commands in COMMANDS for cut in commands]


@pytest.mark.parametrize(("wanted", "cut"), CUTS, ids=kind)
def test_whichever_command_fails_everything_is_as_it_was(gateways, wanted, cut):
    before = gateways.all()
    gateways.refuse = cut
    with pytest.raises(GatewayError, match=": no"):
        transaction.make(wanted, gateways.ways)
    assert gateways.all() == before
    assert not any(secret in gateways.secrets[0] for secret in ("", None))


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Resize(name="gw/1", size=GIB // 2), "image-size: gw/1 has 1G; a disk can only grow, not"),
        (
            Resize(name="gw/9", size=GIB),
            "image-name: there is no disk gw/9; disks: gw/1, gw/2, gw/3",
        ),
        (
            NewDisk(iqn=IQN, name="gw/9", size=None),
            "image-size: needed, because there is no image",
        ),
        (NewDisk(iqn=IQN, name="gw/1", size=2 * GIB), "image-size: gw/1 is there already with 1G"),
        (NewDisk(iqn=OPEN, name="gw/1", size=None), f"disk gw/1 belongs to target {IQN}"),
        (NewDisk(iqn="iqn.x", name="gw/9", size=GIB), "iqn: there is no target iqn.x; targets: "),
        (NoDisk(name="gw/2", keep_image=True), "gw/2 belongs to the host group g of iqn"),
        (NoDisk(name="gw/3", keep_image=False), "gw/3 has snapshots, delete them first: before"),
        (
            Attachment(iqn=IQN, client=NEW, name="gw/1", there=True),
            f"client-initiatorname: {IQN} has no client {NEW}; clients: {ONE}, {TWO}",
        ),
        (
            Attachment(iqn=IQN, client=TWO, name="gw/1", there=True),
            f"client-initiatorname: {TWO} has the disks of its host group g",
        ),
        (NoClient(iqn=IQN, name=TWO), f"client-initiatorname: {TWO} belongs to the host group g"),
        (
            NewClient(iqn=IQN, name=ONE, credentials=Credentials("username1", "otherpassword")),
            f"client-password: {ONE} has another CHAP password already",
        ),
        (ClientAuth(iqn=IQN, name=NEW, credentials=CHAP), f"has no client {NEW}"),
        (
            TargetAuth(iqn=IQN, credentials=CHAP),
            f"iqn: {IQN} has clients, and a target has either",
        ),
        (
            MoreInGroup(iqn=IQN, group="x", members=(ONE,)),
            f"group-name: {IQN} has no host group x",
        ),
        (MoreInGroup(iqn=IQN, group="g", members=(ONE,)), f"{ONE} has disks of its own"),
        (
            Rollback(name="gw/3", snapshot="x"),
            "snapshot-name: gw/3 has no snapshot x; snapshots: b",
        ),
    ],
    ids=kind,
)
def test_what_contradicts_the_state_is_told_and_changes_nothing(gateways, wanted, problem):
    before = gateways.all()
    with pytest.raises(GatewayError) as error:
        transaction.make(wanted, gateways.ways)
    assert problem in str(error.value)
    assert (gateways.all(), gateways.commands) == (before, [])


@pytest.mark.parametrize(
    ("kind_", "client", "given"),
    [
        (Attachment, ONE, {"iqn": IQN, "client": ONE, "name": "gw/1", "there": False}),
        (NoDisk, ONE, {"name": "gw/1", "keep_image": True}),
        (FewerInGroup, TWO, {"iqn": IQN, "group": "g", "names": ("gw/2",)}),
    ],
)
def test_a_disk_is_taken_from_a_client_that_is_logged_in_only_if_that_is_meant(
    gateways, kind_, client, given
):
    gateways.logged_in.add(client)
    with pytest.raises(GatewayError, match=rf"{client} is logged in .*i-really-mean-it=true"):
        transaction.make(kind_(**given), gateways.ways)
    assert gateways.commands == []
    assert transaction.make(kind_(**given, meant=True), gateways.ways)


def test_a_client_that_is_logged_in_is_not_removed_at_all(gateways):
    gateways.logged_in.add(ONE)
    with pytest.raises(GatewayError, match=r"log it out first$"):
        transaction.make(NoClient(iqn=IQN, name=ONE), gateways.ways)


def test_a_disk_whose_image_is_gone_can_still_be_deleted(gateways):
    del gateways.stored["gw/1"]
    assert transaction.make(NoDisk(name="gw/1", keep_image=True), gateways.ways)
    assert "gw/1" not in gateways.data["disks"]


def test_an_image_that_no_disk_stands_for_any_more_is_removed_from_the_cluster(gateways):
    transaction.make(NoDisk(name="gw/1", keep_image=True), gateways.ways)
    assert transaction.make(NoDisk(name="gw/1", keep_image=False), gateways.ways)
    assert gateways.commands[-1] == "rbd rm gw/1"


def test_an_image_that_is_there_becomes_a_disk_whatever_its_size(gateways):
    gateways.stored["gw/9"] = {"size": 1000, "snapshots": []}
    assert transaction.make(NewDisk(iqn=IQN, name="gw/9", size=None), gateways.ways)
    assert gateways.commands[0] == "/disks attach pool=gw image=9"


def test_credentials_for_discovery_need_a_gateway():
    gateways = FakeGateways(EMPTY)
    with pytest.raises(GatewayError, match="no gateway serves a target yet"):
        transaction.make(DiscoveryAuth(credentials=CHAP), gateways.ways)


def test_an_image_that_cannot_be_read_is_not_taken_for_one_that_is_gone(gateways, monkeypatch):
    monkeypatch.setattr(gateways, "images", lambda names: {"gw/1": {"problem": "timed out"}})
    with pytest.raises(GatewayError, match="image gw/1 cannot be read: timed out"):
        transaction.make(Resize(name="gw/1", size=2 * GIB), gateways.ways)


BOTH = sorted((iqn, gateway) for iqn in (IQN, OPEN) for gateway in ("a.lab", "b.lab"))


def test_a_change_is_noted_while_it_goes_on(gateways):
    gateways.notes.clear()
    seen = []
    run_as_ever = gateways.run
    gateways.run = lambda *given, **more: seen.append(gateways.note) or run_as_ever(*given, **more)
    transaction.make(NoClient(iqn=IQN, name=ONE), gateways.ways)
    assert seen == ["gw/1"]
    assert (gateways.notes, gateways.replayed) == (["gw/1", ""], [])
    transaction.make(NoClient(iqn=IQN, name=ONE), gateways.ways)
    gateways.refuse = PATH
    with pytest.raises(GatewayError):
        transaction.make(NewClient(iqn=IQN, name=NEW), gateways.ways)
    assert (gateways.notes, gateways.replayed) == (["gw/1", ""] * 2, [])


def test_after_a_change_that_was_cut_off_gateways_are_brought_in_line_first(gateways):
    def cut_off(commands, secrets=()):
        run_as_ever(commands, secrets)
        raise KeyboardInterrupt

    run_as_ever, gateways.run = gateways.run, cut_off
    wanted = NewClient(iqn=IQN, name=NEW)
    with pytest.raises(KeyboardInterrupt):
        transaction.make(wanted, gateways.ways)
    gateways.run = run_as_ever
    assert transaction.make(wanted, gateways.ways) is True, "what had been done is completed"
    assert sorted(gateways.replayed) == BOTH
    assert transaction.make(wanted, gateways.ways) is False
    assert len(gateways.replayed) == len(BOTH)


def test_a_target_that_is_in_lio_alone_is_cleared(gateways):
    gateways.note = "gw/0"
    other = "iqn.2003-01.com.example:other"
    transaction.make(NewTarget(iqn=other, gateways=GATEWAYS), gateways.ways)
    assert gateways.cleared == [other]
    gateways.note = "gw/0"
    transaction.make(NewTarget(iqn=other, gateways=GATEWAYS), gateways.ways)
    assert gateways.cleared == [other]


def test_nothing_is_called_done_while_a_gateway_may_be_behind(gateways):
    gateways.note = "gw/0"
    gateways.down["a.lab"] = "Connection refused"
    told = (
        r"cut off, and gateway a.lab \(gw/0\) may differ from what is stored: Connection refused"
    )
    with pytest.raises(GatewayError, match=told):
        transaction.make(NewClient(iqn=IQN, name=ONE, credentials=CHAP), gateways.ways)
    with pytest.raises(GatewayError, match=r"gateway a.lab \(gw/0\) is not usable"):
        transaction.make(NewClient(iqn=IQN, name=NEW), gateways.ways)
    assert gateways.note == "gw/0"
    transaction.make(
        FewerGateways(iqn=IQN, gateways=frozenset({"a.lab"}), force=True), gateways.ways
    )
    assert gateways.note == "gw/0", "the other target has it still"
    del gateways.down["a.lab"]
    assert transaction.make(NewClient(iqn=IQN, name=ONE, credentials=CHAP), gateways.ways) is True
    assert gateways.note == ""


@pytest.mark.parametrize("back", [True, False])
def test_if_it_is_not_clear_what_was_done_gateways_are_brought_in_line(gateways, back):
    calls = []

    def killed(commands, secrets=()):
        calls.append(commands)
        if len(calls) == 2:
            return run_as_ever(commands)
        if back:
            run_as_ever(commands[:1])
        raise gwcli.Ended("map: gwcli ended by itself with code 1", commands[0])

    before = gateways.all()
    run_as_ever, gateways.run = gateways.run, killed
    with pytest.raises(GatewayError, match="code 1") as error:
        transaction.make(NewClient(iqn=IQN, name=NEW, credentials=CHAP), gateways.ways)
    assert ("is undone" in str(error.value)) is back
    assert gateways.all() == before
    assert (sorted(gateways.replayed), gateways.freed, gateways.note) == (BOTH, 1, "")


def test_what_cannot_be_undone_stays_noted(gateways):
    def fail(commands, secrets=()):
        if any(" delete " in command.text for command in commands):
            raise GatewayError("gwcli did not start")
        run_as_ever(commands, secrets)

    gateways.deaf = f"{PATH}/hosts/{NEW} auth"
    run_as_ever, gateways.run = gateways.run, fail
    with pytest.raises(GatewayError, match="Undoing this call failed as well"):
        transaction.make(NewClient(iqn=IQN, name=NEW, credentials=CHAP), gateways.ways)
    assert gateways.note == "gw/1"
