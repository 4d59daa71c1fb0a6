"""Another name, two networks, IPv6: what follows from them on the gateways and in Ceph."""

import dataclasses
import ipaddress
import json

import pytest
from harness import FIRST, INITIATOR, IQN, SECOND, Model

INTERNAL, INITIATORS = ipaddress.ip_network("fd85::/64"), ipaddress.ip_network("fd86::/64")
CFG = "/etc/ceph/iscsi-gateway.cfg"
OTHER = f"{IQN}-v4"
NEW = dataclasses.replace(SECOND, image="disk-v4")


def setting(model: Model, unit: str, key: str) -> str:
    """A setting in the gateway's configuration file."""
    return model.run_on(unit, "grep", f"^{key} = ", CFG).partition(" = ")[2].strip()


def addresses(model: Model, unit: str, network: str) -> set[ipaddress.IPv6Address]:
    """The host's IPv6 addresses in a network of the lab."""
    shown = json.loads(model.run_on(unit, "ip", "-6", "-json", "address"))
    found = {ipaddress.ip_address(each["local"]) for link in shown for each in link["addr_info"]}
    return {address for address in found if address in network}


def portals(model: Model, iqn: str) -> dict[str, str]:
    """The addresses of a target's portals, by gateway."""
    target = model.api_config(model.gateways()[0])["targets"][iqn]
    return {
        name: ",".join(each["portal_ip_addresses"]) for name, each in target["portals"].items()
    }


def fqdn(model: Model, unit: str) -> str:
    """The gateway's name."""
    return model.run_on(unit, "hostname", "--fqdn").strip()


def test_client_keyring_and_pools_are_called_like_the_application(model: Model):
    for unit in model.gateways():
        assert setting(model, unit, "cluster_client_name") == "client.storage-gw"
        assert setting(model, unit, "gateway_keyring") == "ceph.client.storage-gw.keyring"
        model.run_on(unit, "test", "-f", "/etc/ceph/iscsi/ceph.client.storage-gw.keyring")
    listed = model.run_on("ceph-mon/0", "ceph", "osd", "pool", "ls").split()
    assert {"storage-gw", "storage-gw-metadata", "iscsi"} <= set(listed)
    told = model.run_on("ceph-mon/0", "ceph", "auth", "get", "client.storage-gw")
    assert "allow rwx" in told and "profile rbd" in told


def test_gateways_trust_one_another_under_their_ipv6_addresses(model: Model):
    own = {str(*addresses(model, unit, INTERNAL)) for unit in model.gateways()}
    for unit in model.gateways():
        assert setting(model, unit, "trusted_ip_list").split(",") == sorted(own)
    assert len({model.run_on(unit, "sha256sum", CFG) for unit in model.gateways()}) == 1


def test_each_gateways_name_leads_the_other_to_its_ipv6_address(model: Model):
    first, second = model.gateways()
    for unit, other in ((first, second), (second, first)):
        address = str(*addresses(model, other, INTERNAL))
        resolved = model.run_on(unit, "getent", "ahosts", fqdn(model, other))
        assert resolved.split()[0] == address
        assert f"{address} {fqdn(model, other)}" in model.run_on(unit, "cat", "/etc/hosts")


@pytest.fixture(scope="module")
def target(model: Model) -> Model:
    """The model with a target of the erasure-coded pools."""
    model.create_target(FIRST)
    return model


def test_portals_are_in_the_initiators_network(target: Model):
    expected = {
        fqdn(target, unit): str(*addresses(target, unit, INITIATORS)) for unit in target.gateways()
    }
    assert portals(target, IQN) == expected


def test_list_targets_tells_the_unit_of_each_portal(target: Model):
    for asked in target.gateways():
        told = json.loads(target.action(asked, "list-targets")["targets"])["targets"][0]
        by_unit = {each["unit"]: (each["name"], each["state"]) for each in told["gateways"]}
        assert by_unit == {unit: (fqdn(target, unit), "up") for unit in target.gateways()}


def test_the_image_is_in_the_metadata_pool_and_its_data_in_the_other(target: Model):
    image = f"storage-gw-metadata/{FIRST.image}"
    info = json.loads(target.run_on("ceph-mon/0", "rbd", "info", image, "--format", "json"))
    assert info["data_pool"] == "storage-gw"


def test_an_initiator_works_over_both_portals(target: Model):
    target.action(
        INITIATOR,
        "login",
        portal=" ".join(portals(target, IQN).values()),
        iqn=IQN,
        username=FIRST.username,
        password=FIRST.password,
    )
    target.wait_paths(2)
    with target.writing() as summary:
        pass
    assert summary["acknowledged"] > 0
    assert summary["errors"] == summary["lost"] == 0
    target.logout()


def test_portals_stay_where_they_were_made_and_new_ones_follow_the_option(target: Model):
    before = portals(target, IQN)
    target.juju.config("storage-gw", {"prefer-ipv6": False})
    for unit in target.gateways():
        target.wait(lambda _, unit=unit: ":" not in setting(target, unit, "trusted_ip_list"))
    target.settle("storage-gw")
    assert portals(target, IQN) == before
    target.create_target(FIRST)
    assert portals(target, IQN) == before
    target.create_target(NEW, iqn=OTHER)
    assert all(address.startswith("10.86.0.") for address in portals(target, OTHER).values())
    for unit in target.gateways():
        assert "iSCSI gateways" not in target.run_on(unit, "cat", "/etc/hosts")
    target.juju.config("storage-gw", {"prefer-ipv6": True})
    for unit in target.gateways():
        target.wait(lambda _, unit=unit: "fd85:" in setting(target, unit, "trusted_ip_list"))
    target.settle("storage-gw")
