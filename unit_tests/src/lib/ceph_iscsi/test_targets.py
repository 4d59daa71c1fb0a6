"""What a request leads to, against states as ``GET /api/config`` returns them."""

import copy
import dataclasses
import re
from pathlib import Path

import pytest
from ceph_iscsi import targets
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.gwcli import Refused
from ceph_iscsi.targets import Gateway, TargetRequest

IQN = "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw"
CLIENT = "iqn.2003-01.com.example:c1"
REQUEST = TargetRequest(
    iqn=IQN,
    gateways=(Gateway("gw/1", "b.lab", "10.0.0.2"), Gateway("gw/0", "a.lab", "10.0.0.1")),
    gateways_only=False,
    pool="gw",
    data_pool=None,
    image="disk_1",
    size="1G",
    initiator=CLIENT,
    username="username1",
    password="password1234",
)
EMPTY = {"targets": {}, "disks": {}, "gateways": {}}
GIB = 1 << 30
POOLS = {"gw": "replicated", "meta": "replicated", "ec": "erasure"}


def asking(**changes):
    return dataclasses.replace(REQUEST, **changes)


class FakeGateway:
    """A gateway that understands the commands, with a cluster behind it.

    ``refuse`` is the start of a command that it refuses; ``breaks`` one after which it is dead.
    """

    def __init__(self, state=EMPTY, images=None):
        self.state = copy.deepcopy(state)
        self.images = dict(images or {})
        self.commands = []
        self.refuse = None
        self.deaf = None
        self.down = {}
        self.names = {}
        self.hashes = {}

    # As Api

    def of(self, host="localhost"):
        return _FakeApi(self, host)

    # As gwcli.run

    def run(self, commands, secrets=()):
        for command in commands:
            self.commands.append(command.text)
            if self.refuse and command.text.startswith(self.refuse):
                raise Refused(f"{command.purpose}: no")
            if self.deaf and command.text.startswith(self.deaf):
                continue
            self._obey(command.text)

    def _obey(self, text):
        path, verb, *words = text.split()
        parts = path.strip("/").split("/")
        target = self.state["targets"].get(parts[1]) if len(parts) > 1 else None
        keywords = dict(word.split("=", 1) for word in words if "=" in word)
        match parts, verb:
            case ["iscsi-targets"], "create":
                self.state["targets"][words[0]] = {"portals": {}, "disks": {}, "clients": {}}
            case ["iscsi-targets"], "delete":
                del self.state["targets"][words[0]]
            case ["disks"], "create":
                self.images.setdefault((keywords["pool"], keywords["image"]), keywords["size"])
                self.state["disks"][f"{keywords['pool']}/{keywords['image']}"] = {}
            case ["disks"], "delete":
                del self.state["disks"][words[0]], self.images[tuple(words[0].split("/"))]
            case ["disks"], "detach":
                del self.state["disks"][words[0]]
            case [_, _, "gateways"], "create":
                target["portals"][words[0]] = {"portal_ip_addresses": [words[1]]}
            case [_, _, "gateways"], "delete":
                del target["portals"][words[0]]
            case [_, _, "disks"], "add":
                target["disks"][words[0]] = {}
            case [_, _, "disks"], "delete":
                del target["disks"][words[0]]
            case [_, _, "hosts"], "create":
                auth = {"username": "", "password": ""}
                target["clients"][words[0]] = {"auth": auth, "luns": {}}
            case [_, _, "hosts"], "delete":
                del target["clients"][words[0]]
            case [_, _, "hosts", client], "auth":
                values = keywords or {"username": "", "password": ""}
                target["clients"][client]["auth"].update(values)
            case [_, _, "hosts", client], "disk":
                luns = target["clients"][client]["luns"]
                luns.update({words[1]: {}}) if words[0] == "add" else luns.pop(words[1])
            case _:
                raise AssertionError(text)

    # As Cluster

    def pools(self):
        return POOLS

    def image_size(self, pool, image):
        size = self.images.get((pool, image))
        return size and int(size[:-1]) * {"M": 1 << 20, "G": GIB}[size[-1]]

    def create_image(self, pool, image, size, data_pool):
        self.images[pool, image] = size
        self.commands.append(f"rbd create {pool}/{image} {size} {data_pool}")

    def remove_image(self, pool, image):
        del self.images[pool, image]


class _FakeApi:
    def __init__(self, gateway, host):
        self.gateway, self.host = gateway, host

    def config(self, decrypted=False):
        return copy.deepcopy(self.gateway.state)

    def ping(self):
        if self.host in self.gateway.down:
            raise GatewayError(self.gateway.down[self.host])

    def hostname(self):
        self.ping()
        return self.gateway.names.get(self.host, self.host)

    def settings_hash(self):
        return self.gateway.hashes.get(self.host, "same")


def create(gateway, request=REQUEST):
    return targets.create(request, gateway, gateway.of, gateway.run)


@pytest.fixture
def served():
    """A gateway on which the request has been carried out."""
    gateway = FakeGateway()
    create(gateway)
    gateway.commands.clear()
    return gateway


def test_a_new_target_takes_these_commands_the_local_gateway_first():
    gateway = FakeGateway()
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
    gateway = FakeGateway()
    told = []

    def run(commands, secrets):
        told.append(secrets)
        gateway.run(commands)

    targets.create(REQUEST, gateway, gateway.of, run)
    assert told == [(REQUEST.password,)]


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
    del served.state["targets"][IQN]["clients"][CLIENT]
    assert create(served)
    assert [text.split()[0].rsplit("/", 1)[1] for text in served.commands] == [
        "hosts",
        CLIENT,
        CLIENT,
    ]


def test_a_gateway_that_came_later_is_added_to_the_target(served):
    third = Gateway("gw/2", "c.lab", "10.0.0.3")
    create(served, asking(gateways=(*REQUEST.gateways, third)))
    assert served.commands == [
        f"/iscsi-targets/{IQN}/gateways create c.lab 10.0.0.3 skipchecks=true"
    ]


def test_an_image_with_data_in_an_erasure_coded_pool_is_made_beforehand():
    gateway = FakeGateway()
    create(gateway, asking(pool="meta", data_pool="ec"))
    assert gateway.commands[0] == "rbd create meta/disk_1 1G ec"
    assert "/disks create pool=meta image=disk_1 size=1G" in gateway.commands


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
            {"gateways": (REQUEST.gateways[0],), "gateways_only": True},
            f"gateway-units: {IQN} is on a.lab as well",
        ),
        (
            {"iqn": "iqn.2003-01.com.example:other"},
            f"image-name: disk gw/disk_1 belongs to target {IQN}",
        ),
    ],
)
def test_what_contradicts_the_state_is_refused_with_the_difference(served, changes, problem):
    before = copy.deepcopy(served.state)
    with pytest.raises(GatewayError) as error:
        create(served, asking(**changes))
    assert problem in str(error.value)
    assert "password4321" not in str(error.value)
    assert (served.commands, served.state) == ([], before)


def test_a_portal_stays_where_it_was_made_when_its_gateway_has_another_address_now(served):
    before = copy.deepcopy(served.state)
    moved = Gateway("gw/1", "b.lab", "10.0.0.9")
    assert create(served, asking(gateways=(moved, REQUEST.gateways[1]))) is False
    assert served.state == before


def test_a_disk_whose_image_is_gone_is_told(served):
    served.images.clear()
    with pytest.raises(GatewayError, match="its image is gone from the Ceph cluster"):
        create(served)


def test_an_image_that_is_there_already_becomes_the_disk_if_its_size_is_right():
    assert create(FakeGateway(images={("gw", "disk_1"): "1G"}))
    with pytest.raises(GatewayError, match=r"image-size: .* with 512M, not 1G"):
        create(FakeGateway(images={("gw", "disk_1"): "512M"}))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pool": "no"}, "rbd-pool-name: there is no pool 'no' in the Ceph cluster; replicated"),
        ({"pool": "ec"}, "rbd-pool-name: pool 'ec' is erasure, not replicated"),
        ({"pool": "no", "data_pool": "ec"}, "ec-rbd-metadata-pool: there is no pool 'no'"),
        ({"pool": "meta", "data_pool": "gw"}, "rbd-pool-name: pool 'gw' is replicated, not"),
    ],
)
def test_pools_must_be_there_and_of_the_right_kind(changes, problem):
    gateway = FakeGateway()
    with pytest.raises(GatewayError) as error:
        create(gateway, asking(**changes))
    assert str(error.value).startswith(problem)
    assert gateway.commands == []


def test_nothing_is_run_while_a_gateway_is_down():
    gateway = FakeGateway()
    gateway.down["a.lab"] = "Connection refused"
    with pytest.raises(GatewayError, match=r"gateway a\.lab \(gw/0\) is not usable.*refused"):
        create(gateway)
    assert gateway.commands == []


def test_a_dead_gateway_that_is_only_in_the_target_counts_too(served):
    served.state["targets"][IQN]["portals"]["dead.lab"] = {"portal_ip_addresses": ["10.0.0.7"]}
    served.down["dead.lab"] = "No route to host"
    with pytest.raises(GatewayError, match=r"gateway dead\.lab is not usable.*No route"):
        create(served, asking(image="disk_2"))


def test_gateways_with_other_settings_or_another_name_are_refused():
    gateway = FakeGateway()
    gateway.hashes["a.lab"] = "other"
    with pytest.raises(GatewayError, match=r"a\.lab .*iscsi-gateway.cfg differs"):
        create(gateway)
    gateway.names["b.lab"] = "elsewhere.lab"
    with pytest.raises(GatewayError, match=r"b\.lab .*calls itself elsewhere\.lab"):
        create(gateway)


EVERY_COMMAND = [command.text for command in targets.difference(EMPTY, REQUEST)]


@pytest.mark.parametrize("refused", EVERY_COMMAND)
def test_whichever_command_fails_a_new_target_leaves_nothing(refused):
    gateway = FakeGateway()
    gateway.refuse = refused
    with pytest.raises(GatewayError) as error:
        create(gateway)
    assert (gateway.state, gateway.images) == (EMPTY, {})
    assert re.search(r": no(\. What this call had done is undone)?$", str(error.value))


@pytest.mark.parametrize("refused", EVERY_COMMAND[3:])
def test_whichever_command_fails_a_target_that_was_there_stays_as_it_was(served, refused):
    before, images = copy.deepcopy(served.state), dict(served.images)
    third = Gateway("gw/2", "c.lab", "10.0.0.3")
    request = asking(
        image="disk_2",
        initiator="iqn.2003-01.com.example:c2",
        gateways=(*REQUEST.gateways, third),
    )
    served.refuse = refused.replace("disk_1", "disk_2").replace(":c1", ":c2")
    with pytest.raises(GatewayError, match="What this call had done is undone"):
        create(served, request)
    assert (served.state, served.images) == (before, images)


def test_undoing_keeps_an_image_that_was_there_before():
    images = {("gw", "disk_1"): "1G"}
    gateway = FakeGateway(images=images)
    gateway.refuse = f"/iscsi-targets/{IQN}/hosts create"
    with pytest.raises(GatewayError):
        create(gateway)
    assert (gateway.state, gateway.images) == (EMPTY, images)


def test_undoing_takes_credentials_and_maps_off_a_client_that_was_there(served):
    auth = {"username": "", "password": ""}
    served.state["targets"][IQN]["clients"][CLIENT] = {"auth": auth, "luns": {}}
    before = copy.deepcopy(served.state)
    served.deaf = f"/iscsi-targets/{IQN}/hosts/{CLIENT} disk add"
    with pytest.raises(GatewayError, match="gwcli reported success, but this is not so: map"):
        create(served)
    assert served.state == before


def test_what_cannot_be_undone_is_told():
    gateway = FakeGateway()
    gateway.refuse = f"/iscsi-targets/{IQN}/hosts/{CLIENT} auth"

    def run(commands, secrets):
        if commands[0].text.startswith(f"/iscsi-targets/{IQN}/hosts delete"):
            raise Refused("client: gateway unavailable")
        gateway.run(commands, secrets)

    with pytest.raises(GatewayError) as error:
        targets.create(REQUEST, gateway, gateway.of, run)
    message = str(error.value)
    assert "credentials: no. Undoing this call failed as well (client: gateway unav" in message
    assert message.endswith(f"disk gw/disk_1, target {IQN}")


def test_an_added_gateway_is_taken_out_by_force_only_if_it_is_the_local_one(served):
    before = copy.deepcopy(served.state)
    before["targets"][IQN]["portals"] = {}
    texts = [
        command.text
        for command in targets.reversal(before, served.state, REQUEST, keep_image=False)
    ]
    assert texts == [
        f"/iscsi-targets/{IQN}/gateways delete a.lab",
        f"/iscsi-targets/{IQN}/gateways delete b.lab confirm=true",
    ]


THIRD = Gateway("gw/2", "c.lab", "10.0.0.3")


def test_a_gateway_that_has_left_is_forgotten_once(served, monkeypatch):
    create(served, asking(gateways=(*REQUEST.gateways, THIRD)))
    ran = []
    monkeypatch.setattr(targets.process, "run", lambda argv, timeout: ran.append(argv))
    targets.forget_gateways({"10.0.0.3", "10.0.0.9"}, Path("/charm/forget.py"), served.of)
    assert ran == [["/usr/bin/python3", "-I", "/charm/forget.py", "c.lab"]]
    targets.forget_gateways({"10.0.0.9"}, Path("/charm/forget.py"), served.of)
    assert len(ran) == 1


def test_a_request_does_not_show_its_password():
    assert REQUEST.password not in repr(REQUEST)


@pytest.mark.parametrize(
    ("size", "shown"), [(GIB, "1G"), (1536 << 20, "1536M"), (1 << 40, "1T"), (1000, "1000 bytes")]
)
def test_sizes_are_shown_in_whole_units(size, shown):
    assert targets.human_size(size) == shown
