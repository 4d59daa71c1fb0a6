"""What the security checklist finds, on files of this machine and a state as the API tells it."""

import copy
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ceph_iscsi import audit, chap_key, live_settings, services, tls
from ceph_iscsi.errors import GatewayError

PASSWORD = "p" * 32
CHAP = "chap-password"
AUTH = {
    "username": "someone",
    "password": CHAP,
    "password_encryption_enabled": True,
    "mutual_username": "",
    "mutual_password": "",
    "mutual_password_encryption_enabled": False,
}
NO_AUTH = {key: type(value)() for key, value in AUTH.items()}
IQN, CLIENT = "iqn.2003-01.com.example:t", "iqn.2003-01.com.example:c"
STATE = {
    "discovery_auth": NO_AUTH,
    "targets": {IQN: {"acl_enabled": True, "auth": NO_AUTH, "clients": {CLIENT: {"auth": AUTH}}}},
}
KEY = "-----BEGIN PRIVATE KEY-----\nbGluZQ==line1\nbGluZQ==line2\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def unit(tmp_path, monkeypatch):
    """A unit on which nothing is wrong; ``gateway`` makes what is audited."""
    root = tmp_path / "root"
    iscsi = root / "iscsi"
    iscsi.mkdir(parents=True)
    iscsi.chmod(0o750)
    monkeypatch.setattr(audit, "GATEWAY_CFG", root / "iscsi-gateway.cfg")
    monkeypatch.setattr(audit, "CEPH_CONF", iscsi / "ceph.conf")
    monkeypatch.setattr(chap_key, "PRIVATE", iscsi / "iscsi-gateway.key")
    monkeypatch.setattr(chap_key, "PUBLIC", iscsi / "iscsi-gateway-pub.key")
    monkeypatch.setattr(audit, "SEARCHED", (str(root),))
    monkeypatch.setattr(tls, "enabled", lambda: False)
    monkeypatch.setattr(live_settings, "FILES", {})
    monkeypatch.setattr(tls, "KEY", root / "iscsi-gateway.key")
    files = {
        audit.GATEWAY_CFG: (
            f"[config]\napi_password = {PASSWORD}\ntrusted_ip_list = a,b\n",
            0o600,
        ),
        audit.CEPH_CONF: ("[global]\n", 0o644),
        iscsi / "ceph.client.gw.keyring": ("[client.gw]\n\tkey = Y2VwaHg=\n", 0o600),
        chap_key.PRIVATE: (KEY, 0o600),
        chap_key.PUBLIC: ("public\n", 0o644),
    }
    for path, (content, mode) in files.items():
        path.write_text(content)
        path.chmod(mode)
    state = SimpleNamespace(
        root=root,
        iscsi=iscsi,
        state=copy.deepcopy(STATE),
        code=403,
        trusted=("a", "b"),
        api=SimpleNamespace(password=PASSWORD, secure=True, hostname=lambda: "host"),
        services={
            name: services.State(True, False, True)
            for name in (services.TCMU_RUNNER, *services.MANAGED)
        },
    )
    state.api.config = lambda decrypted: state.state
    state.api.status_for = lambda source: state.code
    monkeypatch.setattr(services, "states", lambda *names: state.services)
    monkeypatch.setattr(Path, "stat", owned_by_root(Path.stat))
    state.run = lambda: audit.run(audit.Gateway("gw", state.trusted, state.api))
    return state


def owned_by_root(real):
    """As if root ran the tests, whoever does."""

    def stat(self, **options):
        fields = list(real(self, **options))
        return os.stat_result([*fields[:4], 0, 0, *fields[6:]])

    return stat


def failed(unit):
    return {name: result for name, result in unit.run().items() if result != "PASS"}


def test_a_unit_on_which_nothing_is_wrong_passes_every_check(unit):
    assert unit.run() == dict.fromkeys(audit.CHECKS, "PASS")


def test_a_file_with_another_mode_or_none_at_all_is_named(unit):
    audit.CEPH_CONF.chmod(0o666)
    chap_key.PUBLIC.unlink()
    assert failed(unit) == {
        "file-permissions": f"FAIL - {audit.CEPH_CONF} has mode 0666, not 0644; "
        f"{chap_key.PUBLIC} is not there"
    }


def test_a_file_that_is_not_roots_is_named(unit, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(audit, "expected_files", lambda gateway: {Path("/proc/self/fd"): 0o500})
    owner = Path("/proc/self/fd").stat()
    if owner.st_uid == 0:
        monkeypatch.setattr(
            Path, "stat", lambda self: os.stat_result([0o40500, 0, 0, 0, 7, 7, 0, 0, 0, 0])
        )
    found = list(audit.check_files(None))
    assert len(found) == 1
    assert "not to root" in found[0]


def test_files_of_the_certificate_count_while_there_is_one(unit, monkeypatch):
    monkeypatch.setattr(tls, "enabled", lambda: True)
    monkeypatch.setattr(tls, "FILES", {unit.root / "a.crt": 0o644})
    assert failed(unit) == {"file-permissions": f"FAIL - {unit.root / 'a.crt'} is not there"}


def test_an_api_without_tls_is_told(unit):
    unit.api.secure = False
    assert failed(unit)["tls"].startswith("FAIL - the API speaks plain HTTP")


def test_what_cannot_be_checked_fails(unit):
    def refuse():
        raise GatewayError("certificate has expired")

    unit.api.hostname = refuse
    assert failed(unit) == {"tls": "FAIL - it can't be checked: certificate has expired"}


def test_a_short_password_is_told_without_it(unit):
    unit.api.password = "admin"
    assert failed(unit)["password-length"] == "FAIL - the API's password has 5 characters, not 32"


def test_trusted_addresses_are_those_of_the_model(unit):
    unit.trusted = ("b", "c")
    told = failed(unit)["trusted-addresses"]
    assert told == (
        "FAIL - trusted_ip_list has a, which the model does not know; trusted_ip_list lacks c"
    )


def test_an_api_that_lets_a_stranger_in_is_told(unit):
    unit.code = 200
    assert failed(unit) == {
        "trusted-addresses": "FAIL - a request from 127.99.99.99, which is not trusted, was "
        "answered with 200"
    }


def test_a_client_without_chap_is_named(unit):
    unit.state["targets"][IQN]["clients"][CLIENT]["auth"] = NO_AUTH
    assert failed(unit) == {"chap": f"FAIL - {CLIENT} at {IQN} has no CHAP password"}


def test_a_target_without_acl_and_password_is_named(unit):
    unit.state["targets"][IQN] |= {"acl_enabled": False, "clients": {}}
    assert failed(unit) == {"chap": f"FAIL - {IQN} lets in everybody"}


@pytest.mark.parametrize("kind", ["", "mutual_"])
def test_a_password_in_clear_in_the_cluster_is_told_of_whoever_it_is(unit, kind):
    clear = NO_AUTH | {f"{kind}password": "in-clear-12345"}
    unit.state["discovery_auth"] = clear
    unit.state["targets"][IQN]["auth"] = clear
    told = failed(unit)["chap-encryption"]
    for whose in ("discovery", IQN):
        assert f"a password of {whose} lies in clear" in told
    assert "in-clear-12345" not in told


@pytest.mark.parametrize("secret", [PASSWORD, "Y2VwaHg=", CHAP, "bGluZQ==line2"])
def test_a_secret_that_all_can_read_is_found_by_place_but_not_told(unit, secret):
    log = unit.root / "some.log"
    log.write_text(f"x {secret} y")
    log.chmod(0o644)
    assert failed(unit) == {
        "readable-secrets": f"FAIL - {log} has a secret and can be read by every user"
    }


def test_what_others_cannot_get_at_or_read_is_no_leak(unit):
    (unit.iscsi / "copy").write_text(PASSWORD)
    (unit.iscsi / "copy").chmod(0o644)
    (unit.root / "own").write_text(PASSWORD)
    (unit.root / "own").chmod(0o640)
    (unit.root / "link").symlink_to(unit.root / "own")
    (unit.root / "dangling").symlink_to(unit.root / "nothing")
    assert failed(unit) == {}


def test_a_secret_across_two_pieces_of_a_file_is_found(unit, monkeypatch):
    monkeypatch.setattr(audit, "_CHUNK", 7)
    log = unit.root / "some.log"
    log.write_text("0123456789" * 5 + PASSWORD + "0123456789")
    assert audit.contains(log, {PASSWORD.encode()})
    assert not audit.contains(log, {b"another"})
    assert not audit.contains(unit.root / "gone", {b"another"})


def test_services_that_do_not_run_or_do_not_start_are_named(unit):
    unit.services["rbd-target-gw"] = services.State(False, False, False)
    assert failed(unit) == {
        "services": "FAIL - rbd-target-gw does not run; "
        "rbd-target-gw does not start with the machine"
    }


def test_the_documentation_has_the_same_files_and_modes():
    text = (Path(__file__).resolve().parents[4] / "docs" / "security.md").read_text()
    gateway = audit.Gateway("<application>", (), None)
    for path, mode in (audit.expected_files(gateway) | tls.FILES).items():
        slash = "/" if mode == 0o750 else ""
        assert f"| `{path}{slash}` | {mode:04o} |" in text
