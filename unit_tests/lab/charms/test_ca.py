"""The ca companion: what it issues, renews and revokes, and whom it answers."""

import json
import subprocess

import pytest
from ca import relation
from ca.authority import Authority, names_in
from cryptography import x509
from cryptography.hazmat.primitives import serialization

NAMES = ["host-1.lab", "10.0.0.1", "fd99::11", "host-1"]


@pytest.fixture
def authority(tmp_path):
    authority = Authority(tmp_path / "state")
    authority.set_up()
    return authority


def loaded(pem):
    return x509.load_pem_x509_certificate(pem.encode())


def test_a_certificate_leads_over_the_chain_to_the_root(authority):
    issued = authority.certificate("gw", NAMES, 90)
    certificate, issuing, root = map(loaded, (issued.cert, authority.chain, authority.root))
    certificate.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)


def test_it_stands_the_strictest_verification(authority, tmp_path):
    for name, pem in (
        ("root", authority.root),
        ("chain", authority.chain),
        ("cert", authority.certificate("gw", NAMES, 90).cert),
    ):
        (tmp_path / name).write_text(pem)
    trust = ("-CAfile", tmp_path / "root", "-untrusted", tmp_path / "chain")
    subprocess.run(["openssl", "verify", "-x509_strict", *trust, tmp_path / "cert"], check=True)


def test_it_is_good_for_all_names_and_has_the_key_that_comes_with_it(authority):
    issued = authority.certificate("gw", NAMES, 90)
    assert names_in(issued.cert) == set(NAMES)
    key = serialization.load_pem_private_key(issued.key.encode(), None)
    assert key.public_key() == loaded(issued.cert).public_key()


def test_the_same_names_get_the_same_certificate_and_others_a_new_one(authority):
    first = authority.certificate("gw", NAMES, 90)
    assert authority.certificate("gw", NAMES[::-1], 90) == first
    assert Authority(authority.state).certificate("gw", NAMES, 90) == first
    assert authority.certificate("gw", [*NAMES, "host-2.lab"], 90) != first


def test_setting_up_again_keeps_the_authority(authority):
    root = authority.root
    authority.set_up()
    assert authority.root == root


def test_what_is_revoked_is_on_the_list_and_not_answered_with_until_renewed(authority):
    authority.certificate("gw", NAMES, 90)
    serial = authority.revoke("gw")
    assert authority.certificate("gw", NAMES, 90) is None
    listed = x509.load_pem_x509_crl(authority.revocation_list().encode())
    assert [entry.serial_number for entry in listed] == [serial]
    assert listed.is_signature_valid(loaded(authority.chain).public_key())
    renewed = authority.issue("gw", NAMES, 90)
    assert authority.certificate("gw", NAMES, 90) == renewed


def test_what_was_never_issued_cannot_be_revoked(authority):
    with pytest.raises(FileNotFoundError):
        authority.revoke("gw")


def test_keys_on_disk_are_for_root_alone(authority):
    authority.certificate("gw", NAMES, 90)
    assert authority.state.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in authority.state.iterdir()} == {0o600}


def bag(cn, *sans):
    return {"application_cert_requests": json.dumps({cn: {"sans": list(sans)}})}


def test_one_certificate_answers_all_units_that_ask_with_the_names_of_all(authority):
    bags = {
        "gw/0": {**bag("host-1.lab", "10.0.0.1"), "unit_name": "gw_0"},
        "gw/1": bag("host-2.lab", "10.0.0.2", "host-2.lab"),
        "gw/2": {},
    }
    asking = relation.requests(bags)
    assert relation.names(asking) == ["host-1.lab", "host-2.lab", "10.0.0.1", "10.0.0.2"]
    issued = authority.certificate("gw", relation.names(asking), 90)
    answers = relation.answers(asking, issued)
    assert set(answers) == {f"{unit}.processed_application_requests" for unit in ("gw_0", "gw_1")}
    for answer in answers.values():
        assert json.loads(answer) == {"app_data": {"cert": issued.cert, "key": issued.key}}


def test_nothing_issued_is_no_answer():
    assert relation.answers({"gw_0": {}}, None) == {}
