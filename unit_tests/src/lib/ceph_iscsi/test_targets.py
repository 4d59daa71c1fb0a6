"""What a request leads to, against states as ``GET /api/config`` returns them."""

import copy
import re

import pytest
from ceph_iscsi import gwcli, plan, services, targets, transaction
from ceph_iscsi.auth import Credentials
from ceph_iscsi.clients import NewClient
from ceph_iscsi.disks import NewDisk
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.gwcli import Refused
from ceph_iscsi.targets import Gateway, NewTarget
from fake_gateways import EMPTY, GIB, FakeGateways, size_in_bytes

IQN = "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw"
CLIENT = "iqn.2003-01.com.example:c1"
GATEWAYS = (Gateway("gw/1", "b.lab", "10.0.0.2"), Gateway("gw/0", "a.lab", "10.0.0.1"))


def asking(
    iqn=IQN,
    gateways=GATEWAYS,
    gateways_only=False,
    pool="gw",
    data_pool=None,
    image="disk_1",
    size="1G",
    initiator=CLIENT,
    username="username1",
    password="password1234",  # noqa: S107
):
    return NewTarget(
        iqn=iqn,
        gateways=gateways,
        gateways_only=gateways_only,
        disk=NewDisk(
            iqn=iqn, name=f"{pool}/{image}", size=size_in_bytes(size), data_pool=data_pool
        ),
        client=NewClient(iqn=iqn, name=initiator, credentials=Credentials(username, password)),
    )


REQUEST = asking()


def create(gateways, request=REQUEST):
    return transaction.make(request, gateways.ways)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(transaction, "RETURN_LIMIT", 0)
    monkeypatch.setattr(transaction, "AFTERMATH_LIMIT", 0)
    monkeypatch.setattr(services.time, "sleep", lambda seconds: None)


@pytest.fixture
def served():
    """A gateway on which the request has been carried out."""
    gateway = FakeGateways()
    create(gateway)
    gateway.commands.clear()
    return gateway


def test_a_new_target_takes_these_commands_the_local_gateway_first():
    gateway = FakeGateways()
    assert create(gateway) is True
    assert gateway.commands == [
        f"/iscsi-targets create {IQN}",
        f"/iscsi-targets/{IQN}/gateways create b.lab 10.0.0.2 skipchecks=true",
        f"/iscsi-targets/{IQN}/gateways create a.lab 10.0.0.1 skipchecks=true",
        "/disks create pool=gw image=disk_1 size=1G",
        f"/iscsi-targets/{IQN}/disks add gw/disk_1",
        f"/iscsi-targets/{IQN}/hosts create {CLIENT}",
        f"/iscsi-targets/{IQN}/hosts/{CLIENT} auth username=username1 password=password1234",
        f"/iscsi-targets/{IQN}/hosts/{CLIENT} disk add gw/disk_1",
    ]


def test_gwcli_is_told_what_must_not_be_shown():
    gateway = FakeGateways()
    create(gateway)
    assert gateway.secrets == [{"password1234"}]


def test_asked_again_nothing_is_run(served):
    assert create(served) is False
    assert served.commands == []


def test_another_client_and_disk_on_the_same_target_add_only_those(served):
    other = "iqn.2003-01.com.example:c2"
    assert create(served, asking(image="disk_2", initiator=other, username="username2"))
    assert served.commands == [
        "/disks create pool=gw image=disk_2 size=1G",
        f"/iscsi-targets/{IQN}/disks add gw/disk_2",
        f"/iscsi-targets/{IQN}/hosts create {other}",
        f"/iscsi-targets/{IQN}/hosts/{other} auth username=username2 password=password1234",
        f"/iscsi-targets/{IQN}/hosts/{other} disk add gw/disk_2",
    ]


def test_a_call_that_was_cut_short_is_completed_by_the_next(served):
    del served.data["targets"][IQN]["clients"][CLIENT]
    assert create(served)
    assert [text.split()[0].rsplit("/", 1)[1] for text in served.commands] == [
        "hosts",
        CLIENT,
        CLIENT,
    ]


def test_a_gateway_that_came_later_is_added_to_the_target(served):
    third = Gateway("gw/2", "c.lab", "10.0.0.3")
    create(served, asking(gateways=(*GATEWAYS, third)))
    assert served.commands == [
        f"/iscsi-targets/{IQN}/gateways create c.lab 10.0.0.3 skipchecks=true"
    ]


def test_an_image_with_data_in_an_erasure_coded_pool_is_made_beforehand():
    gateway = FakeGateways()
    create(gateway, asking(pool="meta", data_pool="ec"))
    assert gateway.commands[0] == "rbd create meta/disk_1 1G ec"
    assert "/disks attach pool=meta image=disk_1" in gateway.commands


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"size": "2G"}, "image-size: gw/disk_1 is there already with 1G, not 2G"),
        (
            {"username": "username2"},
            f"client-username: {CLIENT} has another CHAP user name already",
        ),
        (
            {"password": "password4321"},
            f"client-password: {CLIENT} has another CHAP password already",
        ),
        (
            {"gateways": GATEWAYS[:1], "gateways_only": True},
            f"gateway-units: {IQN} is on a.lab as well",
        ),
        (
            {"iqn": "iqn.2003-01.com.example:other"},
            f"image-name: disk gw/disk_1 belongs to target {IQN}",
        ),
    ],
)
def test_what_contradicts_the_state_is_refused_with_the_difference(served, changes, problem):
    before = copy.deepcopy(served.data)
    with pytest.raises(GatewayError) as error:
        create(served, asking(**changes))
    assert problem in str(error.value)
    assert "password4321" not in str(error.value)
    assert (served.commands, served.data) == ([], before)


def test_a_portal_stays_where_it_was_made_when_its_gateway_has_another_address_now(served):
    before = served.all()
    moved = Gateway("gw/1", "b.lab", "10.0.0.9")
    assert create(served, asking(gateways=(moved, GATEWAYS[1]))) is False
    assert served.all() == before


def test_a_disk_whose_image_is_gone_is_told(served):
    served.stored.clear()
    with pytest.raises(GatewayError, match="its image is gone from the Ceph cluster"):
        create(served)


def test_an_image_that_is_there_already_becomes_the_disk_if_its_size_is_right():
    assert create(FakeGateways(images={"gw/disk_1": GIB}))
    with pytest.raises(GatewayError, match=r"image-size: .* with 512M, not 1G"):
        create(FakeGateways(images={"gw/disk_1": GIB // 2}))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pool": "no"}, "rbd-pool-name: there is no pool 'no' in the Ceph cluster; replicated"),
        ({"pool": "ec"}, "rbd-pool-name: pool 'ec' is erasure, not replicated"),
        ({"pool": "full"}, "rbd-pool-name: pool 'full' is full, by its quota or"),
        ({"pool": "no", "data_pool": "ec"}, "ec-rbd-metadata-pool: there is no pool 'no'"),
        ({"pool": "meta", "data_pool": "gw"}, "rbd-pool-name: pool 'gw' is replicated, not"),
    ],
)
def test_pools_must_be_there_and_of_the_right_kind(changes, problem):
    gateway = FakeGateways()
    with pytest.raises(GatewayError) as error:
        create(gateway, asking(**changes))
    assert str(error.value).startswith(problem)
    assert gateway.commands == []


def test_nothing_is_run_while_a_gateway_is_down():
    gateway = FakeGateways()
    gateway.down["a.lab"] = "Connection refused"
    with pytest.raises(GatewayError, match=r"gateway a\.lab \(gw/0\) is not usable.*refused"):
        create(gateway)
    assert gateway.commands == []


def test_a_dead_gateway_that_is_only_in_the_target_counts_too(served):
    served.data["targets"][IQN]["portals"]["dead.lab"] = {"portal_ip_addresses": ["10.0.0.7"]}
    served.down["dead.lab"] = "No route to host"
    with pytest.raises(GatewayError, match=r"gateway dead\.lab is not usable.*No route"):
        create(served, asking(image="disk_2"))


def test_gateways_with_other_settings_or_another_name_are_refused():
    gateway = FakeGateways()
    gateway.hashes["a.lab"] = "other"
    with pytest.raises(GatewayError, match=r"a\.lab .*iscsi-gateway.cfg differs"):
        create(gateway)
    gateway.names["b.lab"] = "elsewhere.lab"
    with pytest.raises(GatewayError, match=r"b\.lab .*calls itself elsewhere\.lab"):
        create(gateway)


def _every_command():
    gateway = FakeGateways()
    create(gateway)
    return list(gateway.commands)


EVERY_COMMAND = _every_command()


@pytest.mark.parametrize("refused", EVERY_COMMAND)
def test_whichever_command_fails_a_new_target_leaves_nothing(refused):
    gateway = FakeGateways()
    gateway.refuse = refused
    with pytest.raises(GatewayError) as error:
        create(gateway)
    assert (gateway.data, gateway.stored) == (EMPTY, {})
    assert re.search(r": no(\. What this call had done is undone)?$", str(error.value))


@pytest.mark.parametrize("refused", EVERY_COMMAND[3:])
def test_whichever_command_fails_a_target_that_was_there_stays_as_it_was(served, refused):
    before = served.all()
    third = Gateway("gw/2", "c.lab", "10.0.0.3")
    request = asking(
        image="disk_2",
        initiator="iqn.2003-01.com.example:c2",
        gateways=(*GATEWAYS, third),
    )
    served.refuse = refused.replace("disk_1", "disk_2").replace(":c1", ":c2")
    with pytest.raises(GatewayError, match="What this call had done is undone"):
        create(served, request)
    assert served.all() == before


def test_undoing_keeps_an_image_that_was_there_before():
    gateway = FakeGateways(images={"gw/disk_1": GIB})
    before = gateway.all()
    gateway.refuse = f"/iscsi-targets/{IQN}/hosts create"
    with pytest.raises(GatewayError):
        create(gateway)
    assert gateway.all() == before


def test_undoing_removes_an_image_that_only_the_cluster_has():
    gateway = FakeGateways()
    gateway.refuse = "/iscsi-targets create"
    with pytest.raises(GatewayError, match="What this call had done is undone"):
        create(gateway, asking(pool="meta", data_pool="ec"))
    assert (gateway.data, gateway.stored) == (EMPTY, {})


def test_undoing_leaves_alone_what_somebody_else_did_meanwhile(served):
    def run(commands, secrets=()):
        served.data["targets"][IQN]["clients"]["iqn.2003-01.com.example:other"] = plan.new_client()
        run_as_ever(commands, secrets)

    run_as_ever, served.run = served.run, run
    served.refuse = f"/iscsi-targets/{IQN}/hosts create"
    with pytest.raises(GatewayError, match="is undone"):
        create(served, asking(image="disk_2", initiator="iqn.2003-01.com.example:c2"))
    assert [*served.data["targets"][IQN]["clients"]] == [CLIENT, "iqn.2003-01.com.example:other"]


def test_what_the_gateway_ends_after_gwcli_was_killed_is_undone_as_well():
    gateway = FakeGateways()
    late = []

    def run(commands, secrets=()):
        if late:
            return run_as_ever(commands, secrets)
        run_as_ever(commands[:3], secrets)
        late.append(commands[3].text)
        raise gwcli.Ended("create the disk: gwcli was ended by SIGKILL", commands[3])

    def config(self, decrypted=False):
        if len(late) == 1:
            gateway._obey(late[0])
            late.append("done")
        return copy.deepcopy(gateway.data)

    run_as_ever, gateway.run = gateway.run, run
    api = gateway.of()
    api.config = lambda decrypted=False: config(api)
    gateway.of = lambda host="localhost", **_: (
        api if host == "localhost" else type(api)(gateway, host)
    )
    with pytest.raises(GatewayError, match=r"SIGKILL\. What this call had done is undone"):
        create(gateway)
    assert (gateway.data, gateway.stored) == (EMPTY, {})


def test_undoing_takes_credentials_and_maps_off_a_client_that_was_there(served):
    served.data["targets"][IQN]["clients"][CLIENT] = plan.new_client()
    before = served.all()
    served.deaf = f"/iscsi-targets/{IQN}/hosts/{CLIENT} disk add"
    with pytest.raises(GatewayError, match="gwcli reported success, but this is not so: map"):
        create(served)
    assert served.all() == before


def test_what_cannot_be_undone_is_told():
    gateway = FakeGateways()
    gateway.refuse = f"/iscsi-targets/{IQN}/hosts/{CLIENT} auth"

    def run(commands, secrets=()):
        if commands[0].text.startswith(f"/iscsi-targets/{IQN}/hosts delete"):
            raise Refused("client: gateway unavailable")
        run_as_ever(commands, secrets)

    run_as_ever, gateway.run = gateway.run, run
    with pytest.raises(GatewayError) as error:
        create(gateway)
    message = str(error.value)
    assert "credentials: no. Undoing this call failed as well (client: gateway unav" in message
    assert message.endswith(f"delete disk gw/disk_1, delete target {IQN}")


def test_an_added_gateway_is_taken_out_by_force_only_if_it_is_the_last(served):
    before = copy.deepcopy(served.data)
    before["targets"][IQN]["portals"] = {}
    texts = [command.text for command in plan.commands(served.data, before, "b.lab")]
    assert texts == [
        f"/iscsi-targets/{IQN}/gateways delete a.lab",
        f"/iscsi-targets/{IQN}/gateways delete b.lab confirm=true",
    ]


@pytest.mark.parametrize(
    ("request_", "changed"),
    [
        (NewTarget(iqn=IQN, gateways=GATEWAYS), [3]),
        (NewTarget(iqn=IQN, gateways=GATEWAYS, disk=REQUEST.disk), [5]),
        (NewTarget(iqn=IQN, gateways=GATEWAYS, client=REQUEST.client), [5]),
    ],
)
def test_a_target_needs_neither_disk_nor_client(request_, changed):
    gateway = FakeGateways()
    assert create(gateway, request_)
    assert [len(gateway.commands)] == changed
    assert create(gateway, request_) is False


def test_a_change_holds_the_lock_and_gives_it_back(served):
    assert served.locked == [["gw/1"]]
    with pytest.raises(GatewayError):
        create(served, asking(size="2G"))
    assert served.locks == []


def test_it_is_refused_on_a_unit_that_does_not_serve_the_target(served):
    served.names["localhost"] = "z.lab"
    third = (Gateway("gw/2", "c.lab", "10.0.0.3"),)
    del served.data["targets"][IQN]["portals"]["b.lab"]
    with pytest.raises(GatewayError, match=r"b\.lab, which the action runs on, does not serve"):
        create(served, targets.MoreGateways(iqn=IQN, gateways=third))


def test_deleting_a_target_with_disks_or_clients_must_be_meant(served):
    before = served.all()
    with pytest.raises(GatewayError, match=r"i-really-mean-it: .*disk_1.*only if this is true"):
        create(served, targets.NoTarget(iqn=IQN))
    assert served.all() == before
    assert create(served, targets.NoTarget(iqn=IQN, meant=True))
    assert (served.data["targets"], [*served.data["disks"]]) == ({}, ["gw/disk_1"])
    assert create(served, targets.NoTarget(iqn=IQN)) is False


def test_a_target_is_not_deleted_under_a_client_that_is_logged_in(served):
    served.logged_in.add(CLIENT)
    with pytest.raises(GatewayError, match=rf"{CLIENT} is logged in.*log it out first$"):
        create(served, targets.NoTarget(iqn=IQN, meant=True))
    assert IQN in served.data["targets"]


def test_gateways_are_added_and_removed(served):
    third = (Gateway("gw/2", "c.lab", "10.0.0.3"),)
    assert create(served, targets.MoreGateways(iqn=IQN, gateways=third))
    assert create(served, targets.MoreGateways(iqn=IQN, gateways=third)) is False
    assert create(served, targets.FewerGateways(iqn=IQN, gateways=frozenset({"c.lab"})))
    assert served.commands == [
        f"/iscsi-targets/{IQN}/gateways create c.lab 10.0.0.3 skipchecks=true",
        f"/iscsi-targets/{IQN}/gateways delete c.lab",
    ]


def test_a_dead_gateway_is_removed_by_force_only(served):
    served.down["a.lab"] = "No route to host"
    dead = frozenset({"a.lab"})
    with pytest.raises(GatewayError, match=r"a\.lab \(gw/0\) is not usable"):
        create(served, targets.FewerGateways(iqn=IQN, gateways=dead))
    assert create(served, targets.FewerGateways(iqn=IQN, gateways=dead, force=True))
    assert served.commands == [f"/iscsi-targets/{IQN}/gateways delete a.lab confirm=true"]


def test_a_target_keeps_a_gateway(served):
    everyone = frozenset({"a.lab", "b.lab"})
    with pytest.raises(GatewayError, match="would have no gateway left"):
        create(served, targets.FewerGateways(iqn=IQN, gateways=everyone))


def test_a_request_does_not_show_its_password():
    assert "password1234" not in repr(REQUEST)
