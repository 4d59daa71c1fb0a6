"""Actions that change the gateways: what each asks for, and which parameters it refuses."""

import json
from types import SimpleNamespace
from unittest import mock

import charms.reactive as reactive
import charms_openstack.charm
import pytest
from ceph_iscsi import transaction
from ceph_iscsi.api import Api
from ceph_iscsi.auth import NO_CREDENTIALS, Credentials, DiscoveryAuth, TargetAuth
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.clients import ClientAuth, NewClient, NoClient
from ceph_iscsi.disks import Attachment, NewDisk, NoDisk, Resize, Settings
from ceph_iscsi.hostgroups import FewerInGroup, MoreInGroup, NewGroup, NoGroup
from ceph_iscsi.snapshots import NewSnapshot, NoSnapshot, Rollback
from ceph_iscsi.targets import FewerGateways, Gateway, MoreGateways, NoTarget
from charmhelpers.core import hookenv

with mock.patch("charms.layer.basic.bootstrap_charm_deps"):
    import actions

IQN = "iqn.2003-01.com.example:store"
NAME = "iqn.2003-01.com.example:c1"
ON = {"iqn": IQN}
CLIENT = {"client-initiatorname": NAME}
IMAGE = {"image-name": "disk_1"}
SNAPSHOT = {"snapshot-name": "monday"}
MEANT = {"i-really-mean-it": True}
CHAP = {"method": "chap", "username": "username1", "password": "password1234"}
MUTUAL = CHAP | {
    "method": "mutual-chap",
    "mutual-username": "username2",
    "mutual-password": "password5678",
}
ONE, TWO = (Gateway(f"gw/{n}", f"{n}.lab", f"10.0.0.{n}") for n in (0, 1))


@pytest.fixture
def unit(hook, monkeypatch):
    """A unit with a ready peer; what was asked for, the results and the failure of an action."""
    state = SimpleNamespace(params={}, asked=[], results={}, failed=None, changed=True)
    gateway = mock.MagicMock(ceph_cluster=Cluster("gw", lock_pool="metadata"))
    gateway.target_pools.side_effect = lambda pool, metadata: (
        (metadata, pool or "data") if metadata else (pool or "gw", None)
    )

    def make(wanted, gateways):
        assert gateways.cluster == Cluster("gw", lock_pool="metadata")
        state.asked.append(wanted)
        return state.changed

    monkeypatch.setenv("JUJU_UNIT_NAME", "gw/0")
    monkeypatch.setattr(transaction, "make", make)
    monkeypatch.setattr(hookenv, "action_get", lambda: state.params)
    monkeypatch.setattr(hookenv, "action_set", state.results.update)
    monkeypatch.setattr(hookenv, "action_fail", lambda words: setattr(state, "failed", words))
    monkeypatch.setattr(hookenv, "local_unit", lambda: "gw/0")
    peers = SimpleNamespace(
        ready_peer_details={one.unit: {"fqdn": one.fqdn, "ip": one.ip} for one in (ONE, TWO)},
        all_joined_units=[SimpleNamespace(unit_name="gw/1")],
    )
    monkeypatch.setattr(reactive, "endpoint_from_name", {"cluster": peers}.get)
    monkeypatch.setattr(
        charms_openstack.charm,
        "provide_charm_instance",
        lambda: mock.MagicMock(__enter__=lambda self: gateway),
    )
    monkeypatch.setattr(actions.basic, "init_config_states", lambda: None)
    there = SimpleNamespace(config=lambda: {"targets": {}})
    monkeypatch.setattr(Api, "of", lambda *host: there)
    reactive.set_flag("config.rendered")
    return state


@pytest.mark.parametrize(
    ("name", "params", "wanted"),
    [
        ("delete-target", ON | MEANT, NoTarget(iqn=IQN, meant=True)),
        ("add-gateways", ON, MoreGateways(iqn=IQN, gateways=(ONE, TWO))),
        (
            "add-gateways",
            ON | {"gateway-units": "gw/1"},
            MoreGateways(iqn=IQN, gateways=(TWO,)),
        ),
        (
            "remove-gateways",
            ON | {"gateway-names": "1.lab 2.lab", "force": True},
            FewerGateways(iqn=IQN, gateways=frozenset({"1.lab", "2.lab"}), force=True),
        ),
        (
            "create-disk",
            ON | IMAGE | {"image-size": "2g", "qfull-timeout": 0},
            NewDisk(iqn=IQN, name="gw/disk_1", size=2 << 30, controls={"qfull_timeout": 0}),
        ),
        (
            "create-disk",
            ON | IMAGE | {"ec-rbd-metadata-pool": "meta"},
            NewDisk(iqn=IQN, name="meta/disk_1", size=None, data_pool="data"),
        ),
        ("resize-disk", IMAGE | {"image-size": "1T"}, Resize(name="gw/disk_1", size=1 << 40)),
        (
            "set-disk",
            IMAGE | {"rbd-pool-name": "other", "hw-max-sectors": 64},
            Settings(name="other/disk_1", controls={"hw_max_sectors": 64}),
        ),
        ("delete-disk", IMAGE, NoDisk(name="gw/disk_1", keep_image=True)),
        (
            "delete-disk",
            IMAGE | MEANT | {"remove-image": True},
            NoDisk(name="gw/disk_1", keep_image=False, meant=True),
        ),
        (
            "attach-disk",
            ON | CLIENT | IMAGE,
            Attachment(iqn=IQN, client=NAME, name="gw/disk_1", there=True),
        ),
        (
            "detach-disk",
            ON | CLIENT | IMAGE | MEANT,
            Attachment(iqn=IQN, client=NAME, name="gw/disk_1", there=False, meant=True),
        ),
        ("add-client", ON | CLIENT, NewClient(iqn=IQN, name=NAME)),
        (
            "add-client",
            ON | CLIENT | {"client-username": "username1", "client-password": "password1234"},
            NewClient(iqn=IQN, name=NAME, credentials=Credentials("username1", "password1234")),
        ),
        ("remove-client", ON | CLIENT, NoClient(iqn=IQN, name=NAME)),
        (
            "set-client-auth",
            ON | CLIENT | {"method": "none"},
            ClientAuth(iqn=IQN, name=NAME, credentials=NO_CREDENTIALS),
        ),
        (
            "set-target-auth",
            ON | CHAP,
            TargetAuth(iqn=IQN, credentials=Credentials("username1", "password1234")),
        ),
        (
            "set-discovery-auth",
            MUTUAL,
            DiscoveryAuth(
                credentials=Credentials("username1", "password1234", "username2", "password5678")
            ),
        ),
        ("create-host-group", ON | {"group-name": "esx"}, NewGroup(iqn=IQN, group="esx")),
        ("delete-host-group", ON | {"group-name": "esx"}, NoGroup(iqn=IQN, group="esx")),
        (
            "add-to-host-group",
            ON | CLIENT | IMAGE | {"group-name": "esx"},
            MoreInGroup(iqn=IQN, group="esx", members=(NAME,), names=("gw/disk_1",)),
        ),
        (
            "remove-from-host-group",
            ON | IMAGE | {"group-name": "esx"},
            FewerInGroup(iqn=IQN, group="esx", names=("gw/disk_1",)),
        ),
        ("create-snapshot", IMAGE | SNAPSHOT, NewSnapshot(name="gw/disk_1", snapshot="monday")),
        (
            "delete-snapshot",
            IMAGE | SNAPSHOT | MEANT,
            NoSnapshot(name="gw/disk_1", snapshot="monday"),
        ),
        (
            "rollback-snapshot",
            IMAGE | SNAPSHOT | MEANT,
            Rollback(name="gw/disk_1", snapshot="monday"),
        ),
    ],
)
@pytest.mark.parametrize("changed", [True, False])
def test_what_an_action_asks_for(unit, name, params, wanted, changed):
    unit.params, unit.changed = params, changed
    actions.main(name)
    assert (unit.failed, unit.asked) == (None, [wanted])
    assert unit.results["changed"] == str(changed).lower()
    assert not any(word in json.dumps(unit.results) for word in ("password1234", "password5678"))


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("create-disk", ON | {"image-name": "a/b"}, "image-name: 'a/b' is not valid; allowed: "),
        ("create-disk", ON | IMAGE | {"image-size": "1"}, "image-size: '1' is not valid; allowed"),
        (
            "create-disk",
            ON | IMAGE | {"qfull-timeout": 601},
            "qfull-timeout: '601' is not valid; allowed: a whole number from 0 to 600",
        ),
        ("set-disk", IMAGE, "nothing to set; allowed, one or more: max-data-area-mb, qfull-t"),
        ("delete-disk", IMAGE | {"remove-image": True}, "i-really-mean-it: must be true with rem"),
        ("attach-disk", ON | IMAGE | {"client-initiatorname": "me"}, "client-initiatorname: 'me'"),
        ("add-client", ON | CLIENT | {"client-username": "username1"}, "client-password: needed"),
        (
            "add-client",
            ON | CLIENT | {"client-username": "username1", "client-password": "short"},
            "invalid username or password: password must be between 12 and 16 characters long",
        ),
        (
            "set-client-auth",
            ON | CLIENT | {"method": "kerberos"},
            "method: 'kerberos' is not valid; allowed: none, chap, mutual-chap",
        ),
        ("set-target-auth", ON | CHAP | {"method": "none"}, "username: not to be given with meth"),
        ("set-target-auth", ON | CHAP | {"method": "mutual-chap"}, "mutual-username: needed with"),
        (
            "set-discovery-auth",
            MUTUAL | {"mutual-username": "short"},
            "invalid mutual username or password: username must be between 8 and 64",
        ),
        ("create-host-group", ON | {"group-name": "a b"}, "group-name: 'a b' is not valid; allow"),
        ("add-to-host-group", ON | {"group-name": "esx"}, "client-initiatorname or image-name is"),
        ("add-gateways", ON | {"gateway-units": "gw/9"}, "gateway-units: gw/9 not in this applic"),
        ("create-snapshot", IMAGE | {"snapshot-name": "a@b"}, "snapshot-name: 'a@b' is not valid"),
        (
            "rollback-snapshot",
            IMAGE | SNAPSHOT,
            "i-really-mean-it: must be true: what was written",
        ),
        (
            "delete-snapshot",
            IMAGE | SNAPSHOT,
            "i-really-mean-it: must be true: what the disk held",
        ),
    ],
)
def test_what_an_action_refuses_before_anything_is_read(unit, name, params, words):
    unit.params = params
    actions.main(name)
    assert unit.failed.startswith(words)
    assert unit.asked == []


def test_snapshots_are_listed_as_json(unit, monkeypatch):
    unit.params = dict(IMAGE)
    snapshots = [{"name": "monday", "size": 1024, "created": "2026-11-26T18:00:00Z"}]
    found = {"gw/disk_1": {"size": 1024, "snapshots": snapshots}}
    monkeypatch.setattr(Cluster, "images", lambda self, names: found)
    actions.main("list-snapshots")
    assert json.loads(unit.results["snapshots"]) == snapshots
    found["gw/disk_1"] = {"problem": "its image is gone from the Ceph cluster"}
    actions.main("list-snapshots")
    assert unit.failed == "image-name: gw/disk_1: its image is gone from the Ceph cluster"
