"""From two gateways to three and back."""

import pytest
from harness import GATEWAY, IQN, SECOND, Model

CONFIG = "/etc/ceph/iscsi-gateway.cfg"


def configured_addresses(model: Model, unit: str) -> list[str]:
    text = model.run_on(unit, "cat", CONFIG)
    (line,) = [line for line in text.splitlines() if line.startswith("trusted_ip_list")]
    return line.partition("=")[2].strip().split(",")


@pytest.fixture(scope="module")
def three(disk: Model) -> tuple[Model, str]:
    """The model with a third gateway."""
    before = set(disk.gateways())
    with disk.writing() as summary:
        disk.juju.add_unit(GATEWAY)
        disk.settle(GATEWAY)
    assert summary["errors"] == summary["lost"] == 0
    (new,) = set(disk.gateways()) - before
    return disk, new


def test_all_gateways_trust_the_new_one_and_have_the_same_configuration(three):
    model, _ = three
    addresses = sorted(model.address(unit) for unit in model.gateways())
    for unit in model.gateways():
        assert sorted(configured_addresses(model, unit)) == addresses
    assert len({model.run_on(unit, "sha256sum", CONFIG) for unit in model.gateways()}) == 1


def test_the_new_gateway_knows_the_configuration_that_the_others_serve(three):
    model, new = three
    assert model.api_config(new) == model.api_config("ceph-iscsi/0")


def test_a_removed_gateway_is_gone_from_status_and_configuration(three):
    model, new = three
    address = model.address(new)
    with model.writing() as summary:
        model.juju.remove_unit(new)
        model.wait(lambda status: new not in status.apps[GATEWAY].units)
        model.settle(GATEWAY)
    assert summary["errors"] == summary["lost"] == 0
    for unit in model.gateways():
        assert address not in configured_addresses(model, unit)


def test_the_remaining_gateways_go_on_serving_and_taking_changes(three):
    model, _ = three
    assert model.create_target(SECOND)["iqn"] == IQN
