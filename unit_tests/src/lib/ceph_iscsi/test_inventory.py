"""What list-targets tells, and how it tells what it could not read."""

import json
from types import SimpleNamespace

import pytest
from ceph_iscsi import inventory, tree
from ceph_iscsi.errors import GatewayError

IQN = "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw"
OTHER = "iqn.2003-01.com.ubuntu.iscsi-gw:other"
CLIENT, SECOND = "iqn.2024-11.com.example:c1", "iqn.2024-11.com.example:c2"
SECRET = "a-secret-of-16ch"
PEERS = ["10.0.0.2"]
UNITS = {"a.lab": "ceph-iscsi/0", "b.lab": "ceph-iscsi/1"}


def auth(username="", mutual=""):
    secret = SECRET if username else ""
    return {
        "username": username,
        "password": secret,
        "mutual_username": mutual,
        "mutual_password": secret if mutual else "",
    }


def disk(image, owner="a.lab"):
    return {"pool": "data", "image": image, "owner": owner, "wwn": f"w-{image}", "controls": {}}


def client(luns, group="", **credentials):
    luns = {name: {"lun_id": number} for number, name in enumerate(luns)}
    return {"auth": auth(**credentials), "luns": luns, "group_name": group}


def target(disks, clients, groups=()):
    return {
        "acl_enabled": True,
        "auth": auth(),
        "portals": {
            "a.lab": {"portal_ip_addresses": ["10.0.0.1"]},
            "b.lab": {"portal_ip_addresses": ["10.0.0.2"]},
        },
        "disks": {name: {"lun_id": number} for number, name in enumerate(disks)},
        "clients": clients,
        "groups": dict(groups),
    }


STATE = {
    "disks": {f"data/{image}": disk(image) for image in ("one", "two", "spare")},
    "targets": {
        IQN: target(
            ["data/one", "data/two"],
            {
                CLIENT: client(["data/one", "data/two"], username="someone1", mutual="gateway1"),
                SECOND: client([], group="hosts"),
            },
            {"hosts": {"members": [SECOND], "disks": {"data/two": {}}}},
        ),
        OTHER: target([], {}),
    },
    "discovery_auth": auth("discover1"),
}
SNAPSHOT = {"name": "before", "size": 1 << 30, "created": "2026-11-26T18:00:00Z"}
IMAGES = {
    "data/one": {"size": 1 << 30, "snapshots": [SNAPSHOT]},
    "data/two": {"size": 2 << 30, "snapshots": []},
    "data/spare": {"size": 3 << 20, "snapshots": []},
}


@pytest.fixture
def world():
    """Two gateways and a cluster that answer, the client logged in to both; counts requests."""
    world = SimpleNamespace(down={}, images=dict(IMAGES), stored=STATE, asked=[], state=STATE)
    world.memory = STATE

    def api_of(host="localhost", timeouts=None):
        def answer(name, value):
            def method(*_):
                world.asked.append((host, name))
                for place in (host, (host, name)):
                    if place in world.down:
                        raise GatewayError(world.down[place])
                return value(*_) if callable(value) else value

            return method

        return SimpleNamespace(
            config=answer("config", lambda: world.state),
            remembered=answer("remembered", lambda: world.memory),
            ping=answer("ping", None),
            session_count=answer("session_count", lambda iqn: 1 if iqn == IQN else 0),
            session=answer(
                "session", lambda _, name: {"state": "LOGGED_IN" if name == CLIENT else ""}
            ),
        )

    def answer(value):
        if isinstance(value, str):
            raise GatewayError(value)
        return value

    world.cluster = SimpleNamespace(
        images=lambda names: answer(world.images),
        stored_config=lambda pool: answer(world.stored),
    )
    world.take = lambda only=None: inventory.take(world.cluster, PEERS, UNITS, only, api_of)
    return world


def test_a_disk_that_was_left_half_made_has_no_owner(world):
    half = disk("half")
    del half["owner"]
    world.state = {**STATE, "disks": {**STATE["disks"], "data/half": half}}
    told = next(d for d in world.take()["unused-disks"] if d["name"] == "data/half")
    assert told["owner"] == ""


def test_a_target_is_told_with_all_that_belongs_to_it(world):
    taken = world.take()
    told = next(target for target in taken["targets"] if target["iqn"] == IQN)
    assert told["gateways"] == [
        {"name": "a.lab", "unit": "ceph-iscsi/0", "portals": ["10.0.0.1"], "state": "up"},
        {"name": "b.lab", "unit": "ceph-iscsi/1", "portals": ["10.0.0.2"], "state": "up"},
    ]
    assert told["disks"][0] == {
        "name": "data/one",
        "pool": "data",
        "image": "one",
        "size": 1 << 30,
        "owner": "a.lab",
        "wwn": "w-one",
        "settings": {},
        "snapshots": [SNAPSHOT],
    }
    assert told["clients"] == [
        {
            "name": CLIENT,
            "auth": "mutual",
            "sessions": {"a.lab": "logged-in", "b.lab": "logged-in"},
            "luns": {"data/one": 0, "data/two": 1},
            "host-group": None,
        },
        {
            "name": SECOND,
            "auth": "none",
            "sessions": {"a.lab": "logged-out", "b.lab": "logged-out"},
            "luns": {},
            "host-group": "hosts",
        },
    ]
    assert told["host-groups"] == [{"name": "hosts", "members": [SECOND], "disks": ["data/two"]}]
    assert [disk["name"] for disk in taken["unused-disks"]] == ["data/spare"]
    assert (told["auth"], told["acl"], taken["discovery-auth"]) == ("none", True, "chap")
    assert taken["problems"] == []


def test_nothing_secret_is_told(world):
    taken = world.take()
    assert SECRET not in json.dumps(taken) + tree.render(taken)


def test_one_target_is_told_alone(world):
    taken = world.take(OTHER)
    assert [target["iqn"] for target in taken["targets"]] == [OTHER]
    assert taken["unused-disks"] == []


def test_a_target_that_is_not_there_is_refused_with_those_that_are(world):
    with pytest.raises(GatewayError, match=f"iqn: there is no target 'iqn.x'; targets: {IQN}, "):
        world.take("iqn.x")


def test_clients_of_a_target_without_sessions_are_not_asked_for_one_by_one(world):
    world.take(OTHER)
    assert not any(name.startswith("session") for _, name in world.asked)
    world.take(IQN)
    assert world.asked.count(("b.lab", "session_count")) == 1
    assert world.asked.count(("b.lab", "config")) == 0


def test_no_more_clients_are_asked_for_than_there_are_sessions(world):
    world.take(IQN)
    assert world.asked.count(("b.lab", "session")) == 1


def test_a_gateway_that_is_down_is_told_and_its_sessions_are_unknown(world):
    world.down["b.lab"] = "the API does not answer: No route to host"
    taken = world.take(IQN)
    (told,) = taken["targets"]
    assert [gateway["state"] for gateway in told["gateways"]] == ["up", "down"]
    assert told["clients"][0]["sessions"] == {"a.lab": "logged-in", "b.lab": "unknown"}
    assert taken["problems"] == ["gateway b.lab: the API does not answer: No route to host"]
    assert "logged in on a.lab (unknown on b.lab)" in tree.render(taken)


def test_a_gateway_that_fails_in_the_middle_leaves_no_gap_unsaid(world):
    world.down["b.lab", "session"] = "the API refused: Internal Server Error (500)"
    taken = world.take(IQN)
    assert taken["targets"][0]["clients"][0]["sessions"]["b.lab"] == "unknown"
    assert taken["problems"] == ["gateway b.lab: the API refused: Internal Server Error (500)"]


def test_with_the_own_api_down_a_peer_is_asked(world):
    world.down["localhost"] = "the API does not answer: Connection refused"
    taken = world.take()
    assert ("10.0.0.2", "config") in world.asked
    assert len(taken["targets"]) == 2
    assert taken["problems"] == ["the API does not answer: Connection refused"]


def test_with_all_apis_down_the_cluster_tells(world, monkeypatch):
    monkeypatch.setattr(inventory, "metadata_pool", lambda: "iscsi")
    for host in ("localhost", "10.0.0.2", "a.lab", "b.lab"):
        world.down[host] = f"{host} is down"
    taken = world.take(IQN)
    assert [gateway["state"] for gateway in taken["targets"][0]["gateways"]] == ["down", "down"]
    assert taken["targets"][0]["disks"][0]["size"] == 1 << 30
    assert taken["problems"] == [
        "localhost is down",
        "10.0.0.2 is down",
        "gateway a.lab: a.lab is down",
        "gateway b.lab: b.lab is down",
    ]


def test_while_the_cluster_hangs_a_gateway_tells_from_memory(world):
    for host in ("localhost", "10.0.0.2"):
        world.down[host, "config"] = f"{host}: no answer in time"
    world.images = "`python3` failed: error connecting to the cluster"
    auth = {"auth": None, "acl_enabled": None}
    targets = {iqn: there | auth for iqn, there in STATE["targets"].items()}
    world.memory = {"disks": STATE["disks"], "targets": targets, "discovery_auth": None}
    taken = world.take(IQN)
    (told,) = taken["targets"]
    assert told["clients"][0]["sessions"] == {"a.lab": "logged-in", "b.lab": "logged-in"}
    assert (told["auth"], told["acl"], told["disks"][0]["size"]) == ("unknown", None, None)
    assert [problem.partition(":")[0] for problem in taken["problems"]] == [
        "localhost",
        "10.0.0.2",
        "so this is what a gateway has in memory, without targets' own CHAP",
        "sizes and snapshots cannot be read from the Ceph cluster",
    ]
    assert tree.render(taken).startswith(f"{IQN}  CHAP unknown\n")


def test_with_nobody_to_ask_it_fails_and_says_why(world, monkeypatch):
    monkeypatch.setattr(inventory, "metadata_pool", lambda: "iscsi")
    world.down |= {"localhost": "no API here", "10.0.0.2": "nor there"}
    world.stored = "no cluster"
    with pytest.raises(GatewayError, match="no API here; nor there; no cluster"):
        world.take()


def test_without_the_cluster_sizes_and_snapshots_are_unknown_and_it_is_said(world):
    world.images = "`python3` failed: error connecting to the cluster"
    taken = world.take(IQN)
    assert taken["targets"][0]["disks"][0]["size"] is None
    assert taken["targets"][0]["disks"][0]["snapshots"] is None
    (problem,) = taken["problems"]
    assert problem.startswith("sizes and snapshots cannot be read from the Ceph cluster")
    text = tree.render(taken)
    assert "data/one  size unknown  owner a.lab" in text
    assert "snapshots unknown" in text
    assert problem in text


def test_an_image_that_was_deleted_behind_the_gateway_is_told(world):
    world.images["data/two"] = {"problem": "its image is gone from the Ceph cluster"}
    taken = world.take()
    assert taken["problems"] == ["disk data/two: its image is gone from the Ceph cluster"]


def test_the_tree_reads_as_people_write_it(world):
    assert (
        tree.render(world.take())
        == f"""\
{IQN}
  gateways
    a.lab (ceph-iscsi/0)  10.0.0.1  up
    b.lab (ceph-iscsi/1)  10.0.0.2  up
  disks
    data/one  1G  owner a.lab
      snapshot before  2026-11-26T18:00:00Z
    data/two  2G  owner a.lab
  clients
    {CLIENT}  mutual CHAP  logged in on a.lab, b.lab
      LUN 0  data/one
      LUN 1  data/two
    {SECOND}  no CHAP  not logged in  host group hosts
  host groups
    hosts
      members: {SECOND}
      disks: data/two
{OTHER}
  gateways
    a.lab (ceph-iscsi/0)  10.0.0.1  up
    b.lab (ceph-iscsi/1)  10.0.0.2  up
  disks: none
  clients: none
disks of no target
  data/spare  3M  owner a.lab
discovery asks for CHAP"""
    )


def test_the_tree_says_that_there_is_nothing(world):
    world.state = {"disks": {}, "targets": {}, "discovery_auth": auth()}
    assert tree.render(world.take()) == "no targets"
