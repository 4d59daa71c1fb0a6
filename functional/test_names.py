"""The gateways find one another by name: what the charm adds, and what it says if it can't."""

from collections.abc import Iterator

import pytest
from harness import FIRST, GATEWAY, Model

BLOCK = "# iSCSI gateways, by Juju"
UNKNOWN = "Gateways' names do not lead to them: "


@pytest.fixture(scope="module")
def stranger(target: Model) -> Iterator[tuple[Model, str, str, str]]:
    """A gateway whose host doesn't know the other's name: model, unit, that name, its address."""
    unit, other = target.gateways()[:2]
    name = target.run_on(other, "hostname", "--fqdn").strip()
    target.run_on(unit, "cp", "-p", "/etc/hosts", "/root/hosts")
    target.run_on(unit, "sed", "-i", f"/ {name} /d", "/etc/hosts")
    yield target, unit, name, target.address(other)
    target.run_on(unit, "cp", "/root/hosts", "/etc/hosts")
    target.juju.config(GATEWAY, reset="manage-hosts-file")
    target.settle(GATEWAY)


def says(model: Model, unit: str, text: str) -> None:
    """Wait until UNIT's status message is TEXT."""
    model.wait(lambda status: status.apps[GATEWAY].units[unit].workload_status.message == text)


def test_a_name_that_does_not_resolve_is_told_if_the_charm_may_not_add_it(stranger):
    model, unit, name, _ = stranger
    model.juju.config(GATEWAY, {"manage-hosts-file": False})
    says(model, unit, f"{UNKNOWN}{name} (ceph-iscsi/1) does not resolve")


def test_a_name_that_leads_elsewhere_is_told_with_both_addresses(stranger):
    model, unit, name, address = stranger
    model.run_on(unit, "sed", "-i", f"1i 10.85.0.250 {name}", "/etc/hosts")
    model.juju.config(GATEWAY, {"manage-hosts-file": True})
    wrong = f"{name} (ceph-iscsi/1) resolves to 10.85.0.250, not {address}"
    says(model, unit, f"{UNKNOWN}{wrong}")
    model.run_on(unit, "sed", "-i", "1d", "/etc/hosts")


def test_a_name_that_does_not_resolve_is_added_in_a_marked_block_if_the_charm_may(stranger):
    model, unit, name, address = stranger
    model.juju.config(GATEWAY, {"ec-profile-m": 3})  # any hook does it
    says(model, unit, "Unit is ready")
    model.juju.config(GATEWAY, reset="ec-profile-m")
    lines = model.run_on(unit, "grep", "--after-context=1", BLOCK, "/etc/hosts").splitlines()
    assert lines[1:] == [f"{address} {name}"]
    assert model.run_on(unit, "stat", "-c", "%a %U", "/etc/hosts").split() == ["644", "root"]
    model.create_target(FIRST, unit)  # asks the other gateway under that name
    assert BLOCK not in model.run_on("ceph-iscsi/1", "cat", "/etc/hosts")
