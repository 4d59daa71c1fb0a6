"""tls-certificates, the requiring side."""

import json

import pytest
from charms.reactive import clear_flag, is_flag_set

ENDPOINT = "certificates"
RID = "certificates:2"
CHANGED = "certificates-relation-changed"
APPLICATION_KEY = "ceph-iscsi_0.processed_application_requests"


@pytest.fixture
def requires(role):
    return role("tls-certificates", "requires").TlsRequires


def issued(cert="cert", key="key"):
    return json.dumps({"app_data": {"cert": cert, "key": key}})


def changed():
    names = ("ca", "certs", "application.certs")
    return [name for name in names if is_flag_set(f"certificates.{name}.changed")]


def clear():
    for name in changed():
        clear_flag(f"certificates.{name}.changed")


def test_the_authority_can_be_asked_once_it_is_there(model, hook, requires):
    model.relate(RID)
    with hook(requires, ENDPOINT, "certificates-relation-created"):
        assert not is_flag_set("certificates.available")
    model.relate(RID, vault_0={})
    with hook(requires, ENDPOINT, "certificates-relation-joined", RID):
        assert is_flag_set("certificates.available")
        assert not is_flag_set("certificates.ca.available")


def test_requests_go_out_as_json_under_the_units_name(model, hook, requires):
    model.relate(RID, vault_0={})
    with hook(requires, ENDPOINT, CHANGED, RID) as tls:
        tls.request_application_cert("one.lab", ["10.0.0.1", "one", "10.0.0.1"])
    own = model.units[RID][model.unit]
    assert own["unit_name"] == "ceph-iscsi_0"
    assert json.loads(own["application_cert_requests"]) == {
        "one.lab": {"sans": ["10.0.0.1", "one"]}
    }


def test_the_same_request_is_not_sent_again(model, hook, requires):
    model.relate(RID, vault_0={})
    for _ in range(2):
        with hook(requires, ENDPOINT, "config-changed") as tls:
            tls.request_application_cert("one.lab", ["10.0.0.1"])
    assert model.writes == [(RID, False)]


def test_an_authority_without_certificates_is_no_error(model, hook, requires):
    model.relate(RID, vault_0={"ca": "the-ca"})
    with hook(requires, ENDPOINT, CHANGED, RID) as tls:
        assert changed() == ["ca"]
        assert tls.root_ca_cert == "the-ca"
        assert tls.application_certs == []


def test_an_application_certificate_has_flags_of_its_own(model, hook, requires):
    model.relate(RID, vault_0={"ca": "the-ca", "chain": "a-chain", APPLICATION_KEY: issued()})
    with hook(requires, ENDPOINT, CHANGED, RID) as tls:
        assert changed() == ["ca", "certs", "application.certs"]
        (certificate,) = tls.application_certs
        assert (certificate.cert, certificate.key) == ("cert", "key")
        assert tls.root_ca_chain == "a-chain"
        assert tls.server_certs == []


def test_changed_flags_return_only_with_another_content(model, hook, requires):
    model.relate(RID, vault_0={"ca": "the-ca", APPLICATION_KEY: issued()})
    with hook(requires, ENDPOINT, CHANGED, RID):
        clear()
    with hook(requires, ENDPOINT, CHANGED, RID):
        assert changed() == []
    model.units[RID]["vault/0"][APPLICATION_KEY] = issued("another")
    with hook(requires, ENDPOINT, CHANGED, RID):
        assert changed() == ["certs", "application.certs"]


def test_without_the_relation_no_flag_is_left_and_a_new_one_starts_over(model, hook, requires):
    content = {"ca": "the-ca", APPLICATION_KEY: issued()}
    model.relate(RID, vault_0=content)
    with hook(requires, ENDPOINT, CHANGED, RID):
        clear()
    model.relate(RID)
    with hook(requires, ENDPOINT, "certificates-relation-broken", RID):
        assert not is_flag_set("certificates.available")
        assert not is_flag_set("certificates.certs.available")
        assert changed() == []
    model.relate(RID, vault_0=content)
    with hook(requires, ENDPOINT, CHANGED, RID):
        assert changed() == ["ca", "certs", "application.certs"]


def test_a_certificate_shows_no_key_when_printed(role):
    certificate = role("tls-certificates", "requires").Certificate(
        "server", "cn", "cert", "secret"
    )
    assert "secret" not in repr(certificate)
