"""TLS on the older release, whose rbd-target-api cannot speak it without the charm's help."""

import json

import pytest
from harness import FIRST, IQN, SECOND, Model

SERVED = """
openssl s_client -connect localhost:5000 </dev/null 2>/dev/null | openssl x509 -serial -noout
"""


def test_the_release_is_the_older_one(model: Model):
    for unit in model.gateways():
        version = model.run_on(unit, "dpkg-query", "-W", "-f", "${Version}", "ceph-iscsi")
        assert version.startswith("3.5")


@pytest.mark.parametrize("kind", ["name", "cluster", "public"])
def test_the_api_serves_a_certificate_that_the_authority_vouches_for(model: Model, kind):
    for unit in model.gateways():
        host = {
            "name": model.run_on(unit, "hostname", "--fqdn").strip(),
            "cluster": model.address(unit),
            "public": model.portal(unit).removesuffix(":3260"),
        }[kind]
        url = f"https://{host}:5000/api/_ping"
        said = model.run_on(unit, "curl", "--silent", "--show-error", "--globoff", url)
        assert "Missing credentials" in said


def test_both_gateways_serve_the_certificate_on_their_disks(model: Model):
    serials = {model.run_on(unit, "sh", "-c", SERVED) for unit in model.gateways()}
    assert len(serials) == 1
    (served,) = serials
    crt = "/etc/ceph/iscsi-gateway.crt"
    for unit in model.gateways():
        assert model.run_on(unit, "openssl", "x509", "-in", crt, "-serial", "-noout") == served


def test_targets_are_made_over_tls_on_either_gateway_and_passwords_lie_encrypted(target: Model):
    target.create_target(SECOND, target.gateways()[1])
    clients = target.api_config(target.gateways()[0])["targets"][IQN]["clients"]
    assert {FIRST.name, SECOND.name} <= set(clients)
    for client in clients.values():
        assert client["auth"]["password_encryption_enabled"] is True
    stored = target.run_on("ceph-mon/0", "rados", "--pool", "iscsi", "get", "gateway.conf", "-")
    assert json.loads(stored)["targets"][IQN]["clients"]
    for client in (FIRST, SECOND):
        assert client.password not in stored


def test_asking_again_on_the_other_gateway_changes_nothing(target: Model):
    first, other = target.gateways()
    before = target.api_config(first)
    target.create_target(FIRST, other)
    assert target.api_config(first) == before


def test_zazas_class_for_tls_passes_and_leaves_the_targets_as_they_were(disk: Model):
    first = disk.gateways()[0]
    before = disk.api_config(first)
    disk.zaza("tests.iscsi.TLSTest")
    after = disk.api_config(first)
    assert (after["targets"], after["disks"]) == (before["targets"], before["disks"])
