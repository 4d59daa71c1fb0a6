"""export-config, restore-config, and credentials that the charm makes."""

import json
import stat
import subprocess
from types import SimpleNamespace

import pytest
from ceph_iscsi import credentials, plan, sealing
from ceph_iscsi.actions import asked, client, config, generated, target
from ceph_iscsi.api import Api
from ceph_iscsi.errors import GatewayError
from charmhelpers.core import hookenv

IQN, CLIENT = "iqn.2003-01.com.example:t", "iqn.2024-11.com.example:c"
CHAP = {**plan.NO_AUTH, "username": "first-user", "password": "first-password"}
PORTALS = {
    name: {"portal_ip_addresses": [address]}
    for name, address in (("a.lab", "10.0.0.1"), ("b.lab", "10.0.0.2"))
}
STATE = {
    "gateways": {"a.lab": {}, "b.lab": {}},
    "disks": {"gw/one": {"controls": {}, "wwn": None}},
    "targets": {
        IQN: {
            **plan.new_target(),
            "portals": PORTALS,
            "disks": {"gw/one": {"lun_id": 0}},
            "clients": {CLIENT: {**plan.new_client(), "auth": CHAP}},
        }
    },
    "discovery_auth": dict(plan.NO_AUTH),
}
READY = {
    "ceph-iscsi/0": {"fqdn": "a.lab", "ip": "10.0.0.1"},
    "ceph-iscsi/1": {"fqdn": "b.lab", "ip": "10.0.0.2"},
}


@pytest.fixture
def unit(hook, monkeypatch, tmp_path):
    """A unit with gateways in STATE; collects results, changes and what was kept."""
    unit = SimpleNamespace(params={}, results={}, changes=[], kept=[], forgotten=[], state=STATE)
    cluster = SimpleNamespace(
        images=lambda names: {name: {"size": 1 << 30, "snapshots": []} for name in names}
    )

    def carry_out(change, **results):
        unit.changes.append(change)
        unit.results |= {**results, "changed": "true"}

    def keep(iqn, name, values, leader):
        unit.kept.append((iqn, name, dict(values)))
        return {"credentials-secret": "secret:abc"}

    for module in (config, client, target):
        monkeypatch.setattr(module, "carry_out", carry_out)
    for module in (config, generated, target):
        monkeypatch.setattr(module, "require_gateway", lambda: None)
    monkeypatch.setattr(asked.hookenv, "action_get", lambda: unit.params)
    monkeypatch.setattr(hookenv, "action_set", unit.results.update)
    monkeypatch.setattr(hookenv, "is_leader", lambda: True)
    monkeypatch.setattr(config, "cluster", lambda: cluster)
    monkeypatch.setattr(config, "EXPORTS", tmp_path / "exports")
    peers = SimpleNamespace(ready_peer_details=READY, all_joined_units=[])
    monkeypatch.setattr(config.reactive, "endpoint_from_name", {"cluster": peers}.get)
    monkeypatch.setattr(
        Api, "of", lambda *_: SimpleNamespace(config=lambda decrypted=False: unit.state)
    )
    monkeypatch.setattr(credentials, "keep", keep)
    monkeypatch.setattr(credentials, "forget", lambda *what: unit.forgotten.append(what))
    return unit


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A private key's file, and its public half."""
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", path, "2048"], check=True, capture_output=True)
    public = ["openssl", "pkey", "-in", path, "-pubout"]
    return path, subprocess.run(public, check=True, capture_output=True, text=True).stdout


def export(unit, **params):
    unit.params = params
    config.export_config()
    return unit.results["file"]


def test_an_export_is_a_file_for_root_without_passwords(unit, tmp_path):
    path = tmp_path / "exports" / export(unit)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert CHAP["password"] not in path.read_text()
    assert (unit.results["targets"], unit.results["disks"]) == ("1", "1")
    assert unit.results["passwords"] == "left-out"


def test_with_a_key_the_passwords_are_in_it_for_its_private_half(unit, keys):
    private, public = keys
    path = export(unit, **{"public-key": public})
    text = config.Path(path).read_text()
    assert CHAP["password"] not in text
    sealed = json.loads(text)["targets"][IQN]["clients"][CLIENT]["auth"]["password"]
    assert sealing.unseal(sealed, private) == CHAP["password"]
    assert unit.results["passwords"] == "sealed"


def test_a_bad_key_is_refused_before_anything_is_written(unit, tmp_path):
    with pytest.raises(GatewayError, match="public-key: not valid"):
        export(unit, **{"public-key": "x"})
    assert not (tmp_path / "exports").exists()


def test_sealed_passwords_are_restored_with_the_private_key(unit, keys):
    private, public = keys
    path = export(unit, **{"public-key": public})
    unit.params = {"file": path, "private-key-file": str(private)}
    config.restore_config()
    (change,) = unit.changes
    auth = change.document["targets"][IQN]["clients"][CLIENT]["auth"]
    assert auth == {"username": CHAP["username"], "password": CHAP["password"]}
    assert [gateway.fqdn for gateway in change.gateways] == ["a.lab", "b.lab"]
    assert CHAP["password"] not in repr(change)
    assert unit.kept == []


@pytest.mark.parametrize("sealed", [True, False])
def test_without_passwords_nobody_is_let_in_unasked(unit, keys, sealed):
    path = export(unit, **({"public-key": keys[1]} if sealed else {}))
    unit.params = {"file": path}
    with pytest.raises(GatewayError, match=f"no password to be read in the file for {IQN} "):
        config.restore_config()
    assert unit.changes == []


def test_new_passwords_are_made_and_kept_if_that_is_asked_for(unit):
    path = export(unit)
    unit.state = {"targets": {}, "disks": {}}
    unit.params = {"file": path, "generate-credentials": True}
    config.restore_config()
    auth = unit.changes[0].document["targets"][IQN]["clients"][CLIENT]["auth"]
    assert auth["username"] == CHAP["username"]
    assert len(auth["password"]) == credentials.PASSWORD_LENGTH
    assert unit.kept == [(IQN, CLIENT, auth)]
    assert json.loads(unit.results["credentials"]) == {
        f"{IQN} {CLIENT}": {"credentials-secret": "secret:abc"}
    }
    assert auth["password"] not in json.dumps(unit.results)


def test_asked_again_the_passwords_that_are_in_force_stay(unit):
    unit.params = {"file": export(unit), "generate-credentials": True}
    config.restore_config()
    assert unit.kept[0][2]["password"] == CHAP["password"]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"file": "relative"}, "file: 'relative' is not valid"),
        ({"file": "/nowhere/at/all"}, "file: /nowhere/at/all cannot be read: No such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(unit, params, told):
    unit.params = params
    with pytest.raises(GatewayError, match=told):
        config.restore_config()


def test_a_key_that_cannot_be_read_is_told(unit):
    unit.params = {"file": export(unit), "private-key-file": "/nowhere"}
    with pytest.raises(GatewayError, match="private-key-file: /nowhere cannot be read"):
        config.restore_config()


# Credentials that the charm makes


def test_a_clients_credentials_are_made_used_and_kept(unit):
    name = f"{CLIENT}2"
    unit.params = {"iqn": IQN, "client-initiatorname": name, "generate-credentials": True}
    client.add_client()
    made = unit.changes[0].credentials
    assert unit.kept == [(IQN, name, made.document())]
    assert unit.results["credentials-secret"] == "secret:abc"
    assert made.password not in json.dumps(unit.results)


def test_they_are_told_only_if_asked_for(unit):
    unit.params = {
        "iqn": IQN,
        "client-initiatorname": f"{CLIENT}2",
        "generate-credentials": True,
        "show-credentials": True,
    }
    client.add_client()
    made = unit.changes[0].credentials
    assert (unit.results["username"], unit.results["password"]) == (made.username, made.password)


def test_asked_again_a_client_keeps_its_credentials(unit):
    unit.params = {"iqn": IQN, "client-initiatorname": CLIENT, "generate-credentials": True}
    client.add_client()
    assert unit.changes[0].credentials.password == CHAP["password"]
    assert unit.kept[0][2]["password"] == CHAP["password"]


def test_given_and_generated_exclude_each_other(unit):
    unit.params = {
        "iqn": IQN,
        "client-initiatorname": CLIENT,
        "client-password": "given-password",
        "generate-credentials": True,
    }
    with pytest.raises(GatewayError, match="client-password: not to be given with generate-cred"):
        client.add_client()


def test_mutual_ones_are_made_for_both_sides_and_always_new(unit):
    unit.params = {
        "iqn": IQN,
        "client-initiatorname": CLIENT,
        "method": "mutual-chap",
        "generate-credentials": True,
    }
    client.set_client_auth()
    made = unit.changes[0].credentials
    assert made.password not in ("", CHAP["password"])
    assert made.mutual_username
    assert made.mutual_password not in ("", made.password)


def test_there_is_nothing_to_make_for_no_credentials(unit):
    unit.params = {
        "iqn": IQN,
        "client-initiatorname": CLIENT,
        "method": "none",
        "generate-credentials": True,
    }
    with pytest.raises(GatewayError, match="method: 'none' has no credentials"):
        client.set_client_auth()


def test_what_is_no_longer_true_is_forgotten(unit):
    unit.params = {"iqn": IQN, "client-initiatorname": CLIENT, "method": "none"}
    client.set_client_auth()
    client.remove_client()
    target.delete_target()
    assert unit.forgotten == [(IQN, CLIENT)] * 3
