"""certificates: the API with TLS, what stays the same under it, its renewal, and its end."""

import json
from collections.abc import Iterator

import jubilant
import pytest
from harness import COMPANIONS, CONSUMER, FIRST, GATEWAY, IQN, SECOND, Client, Model

AUTHORITY = "ca"
CERTIFICATE = "/etc/ceph/iscsi-gateway.crt"
TRUSTED = "/usr/local/share/ca-certificates/ceph-iscsi-gateway.crt"
FILES = {
    CERTIFICATE: "644 root root",
    "/etc/ceph/iscsi-gateway.key": "600 root root",
    "/etc/ceph/iscsi-gateway.pem": "600 root root",
    "/etc/ceph/iscsi-gateway-pub.key": "644 root root",
    "/etc/ceph/iscsi-gateway-ca.crt": "644 root root",
    TRUSTED: "644 root root",
    "/usr/local/lib/ceph-iscsi-charm/ceph_iscsi_charm_tls.py": "644 root root",
}
CHAP_KEYS = ("/etc/ceph/iscsi/iscsi-gateway.key", "/etc/ceph/iscsi/iscsi-gateway-pub.key")
THIRD = Client("iqn.2024-11.com.example.lab:third", "third-user", "third-password", "disk-three")

#: gwcli as the charm runs it, on a gateway whose authority is replaced by another meanwhile.
GWCLI_WITH_A_WRONG_AUTHORITY = """
cd $(mktemp -d) && cp -p /etc/ceph/iscsi-gateway-ca.crt kept
trap 'cp -p kept /etc/ceph/iscsi-gateway-ca.crt' EXIT
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout other.key 2>/dev/null \
    > /etc/ceph/iscsi-gateway-ca.crt
echo ls | HOME=$PWD PYTHONPATH=/usr/local/lib/ceph-iscsi-charm gwcli 2>&1
exit 0
"""


@pytest.fixture(scope="module")
def secure(target: Model) -> Iterator[Model]:
    """The model with certificates, without them again at the end."""
    if AUTHORITY not in target.juju.status().apps:
        target.juju.deploy(COMPANIONS / AUTHORITY, constraints={"virt-type": "container"})
        target.settle(AUTHORITY)
    target.juju.integrate(f"{GATEWAY}:certificates", AUTHORITY)
    target.wait(lambda status: all(certificates(target)))
    target.settle(GATEWAY, AUTHORITY)
    target.relate_consumer()
    yield target
    target.juju.remove_application(AUTHORITY, CONSUMER)


def certificates(model: Model) -> list[str]:
    """A sum of each gateway's certificate, empty where there is none."""
    script = f"cat {CERTIFICATE} 2>/dev/null | sha256sum; true"
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    sums = [model.run_on(unit, "sh", "-c", script).split()[0] for unit in model.gateways()]
    return ["" if found == nothing else found for found in sums]


def chap_keys(model: Model) -> set[str]:
    """Sums of the key pair for CHAP passwords, of all gateways."""
    return {model.run_on(unit, "sha256sum", *CHAP_KEYS) for unit in model.gateways()}


@pytest.mark.parametrize("path", FILES)
def test_a_file_of_the_certificate_has_its_mode_on_both_gateways(secure: Model, path):
    for unit in secure.gateways():
        assert secure.run_on(unit, "stat", "-c", "%a %U %G", path).strip() == FILES[path]


def test_each_gateway_asks_for_a_certificate_by_all_that_it_is_called(secure: Model):
    for unit in secure.gateways():
        asked = secure.bag(unit, "certificates", "ca/0")
        name = secure.run_on(unit, "hostname", "--fqdn").strip()
        assert asked["unit_name"] == unit.replace("/", "_")
        (request,) = json.loads(asked["application_cert_requests"]).items()
        assert request[0] == name
        short = secure.run_on(unit, "hostname").strip()
        assert {secure.address(unit), short} <= set(request[1]["sans"])


def test_clients_of_the_api_are_told_of_tls_and_get_in_over_it(secure: Model):
    authority = secure.bag("ca/0", "certificates", "ceph-iscsi/0")["ca"]
    secure.juju.config(CONSUMER, {"ca": authority})
    secure.settle(CONSUMER)
    assert schemes(secure) == {"https"}
    codes = json.loads(secure.action(secure.consumer(), "get-config")["codes"])
    assert list(codes.values()) == [200] * len(secure.gateways())


def schemes(model: Model) -> set[str]:
    """What the gateways tell their API's clients to speak."""
    client = model.consumer()
    return {model.bag(unit, "admin-access", client)["scheme"] for unit in model.gateways()}


def test_with_tls_the_checklist_passes_on_every_gateway(secure: Model):
    for unit in secure.gateways():
        shown = secure.action(unit, "security-checklist")
        said = {name: value for name, value in shown.items() if name != "return-code"}
        assert set(said.values()) == {"PASS"}
        assert len(said) == 8


def test_whoever_trusts_the_authority_can_verify_the_api_by_name_and_by_address(secure: Model):
    for unit in secure.gateways():
        name = secure.run_on(unit, "hostname", "--fqdn").strip()
        for host in (name, secure.address(unit)):
            for asking in secure.gateways():
                url = f"https://{host}:5000/api/_ping"
                said = secure.run_on(asking, "curl", "--silent", "--show-error", url)
                assert "Missing credentials" in said


def test_the_api_no_longer_speaks_without_tls(secure: Model):
    for unit in secure.gateways():
        with pytest.raises(jubilant.TaskError):
            secure.run_on(unit, "curl", "--silent", f"http://{secure.address(unit)}:5000/api/")


def test_the_gateways_file_says_so_and_is_the_same_on_both(secure: Model):
    cfg = "/etc/ceph/iscsi-gateway.cfg"
    contents = {secure.run_on(unit, "cat", cfg) for unit in secure.gateways()}
    assert len(contents) == 1
    assert "api_secure = true" in contents.pop()


def test_targets_are_created_over_tls(secure: Model):
    secure.create_target(THIRD, "ceph-iscsi/1")
    made = secure.api_config("ceph-iscsi/0")["targets"][IQN]["clients"][THIRD.name]
    assert made["auth"]["password_encryption_enabled"] is True


def test_gwcli_does_not_talk_to_a_gateway_that_it_cannot_verify(secure: Model):
    said = secure.run_on("ceph-iscsi/0", "bash", "-c", GWCLI_WITH_A_WRONG_AUTHORITY)
    assert "Unable to contact the local API endpoint" in said


def test_a_renewed_certificate_is_put_to_use_and_chap_passwords_stay_readable(secure: Model):
    before, keys = certificates(secure), chap_keys(secure)
    assert len(keys) == 1
    started = secure.all_started_at()
    secure.action("ca/0", "renew")
    secure.wait_restarted(started)
    secure.settle(GATEWAY)
    assert not set(certificates(secure)) & set(before)
    assert secure.restarted_one_after_the_other(started)
    assert chap_keys(secure) == keys
    for unit in secure.gateways():
        served = secure.run_on(unit, "sh", "-c", SERVED)
        ours = secure.run_on(unit, "openssl", "x509", "-in", CERTIFICATE, "-serial", "-noout")
        assert served == ours
    for client in (FIRST, SECOND, THIRD):
        secure.create_target(client)  # refused if its password is another, or can't be read


#: The serial number of the certificate that the local API serves.
SERVED = """
openssl s_client -connect localhost:5000 </dev/null 2>/dev/null | openssl x509 -serial -noout
"""


def test_a_revoked_certificate_stays_until_there_is_a_new_one(secure: Model):
    before = certificates(secure)
    serial = secure.action("ca/0", "revoke", application=GATEWAY)["serial"]
    secure.settle(GATEWAY)
    assert serial in secure.action("ca/0", "show-revoked")["serials"]
    assert certificates(secure) == before
    secure.action("ca/0", "renew", application=GATEWAY)
    secure.wait(lambda status: not set(certificates(secure)) & set(before))
    secure.settle(GATEWAY)


def test_without_the_relation_all_of_it_is_gone_and_the_gateways_go_on(secure: Model):
    secure.juju.remove_relation(f"{GATEWAY}:certificates", AUTHORITY)
    secure.wait(lambda status: not any(certificates(secure)))
    secure.settle(GATEWAY)
    for unit in secure.gateways():
        left = secure.run_on(unit, "sh", "-c", f"ls {' '.join(FILES)} 2>/dev/null; true")
        assert left.split() == []
        assert secure.api_code(unit, unit) == 401
    assert schemes(secure) == {"http"}
    secure.create_target(FIRST)


def test_no_chap_password_lies_in_clear_in_the_cluster(secure: Model):
    stored = secure.run_on("ceph-mon/0", "rados", "--pool", "iscsi", "get", "gateway.conf", "-")
    assert json.loads(stored)["targets"][IQN]["clients"]
    for client in (FIRST, SECOND, THIRD):
        assert client.name in stored
        assert client.password not in stored
