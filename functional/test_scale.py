"""From two gateways to four and back; at last, the host of one of two is off for good."""

import pytest
from harness import FIRST, GATEWAY, IQN, SECOND, UNDRAINED, Model

CONFIG = "/etc/ceph/iscsi-gateway.cfg"
OTHER = "iqn.2024-11.com.example.lab:named"


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
        disk.settle(GATEWAY, timeout=1200)  # a host comes up and gets its packages
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
    others = [unit for unit in model.gateways() if unit != new]
    assert model.api_config(new) == model.api_config(others[0])


def portal_addresses(model: Model, unit: str, iqn: str) -> list[list[str]]:
    """Addresses of the portals of a target, by gateway, as UNIT's API tells them."""
    stored = model.api_config(unit)["targets"][iqn]["portals"].values()
    return sorted(portal["portal_ip_addresses"] for portal in stored)


def test_a_target_is_on_the_gateways_that_are_named(three):
    model, new = three
    named = [new, model.gateways()[0]]
    made = model.action(new, "create-target", iqn=OTHER, gateway_units=" ".join(named))
    assert made["changed"] == "true"
    assert portal_addresses(model, named[1], OTHER) == sorted(
        [model.address(unit)] for unit in named
    )
    assert model.action(new, "delete-target", iqn=OTHER)["changed"] == "true"


def test_four_gateways_serve_a_target(three):
    model, _ = three
    before = model.gateways()
    model.juju.add_unit(GATEWAY)
    model.settle(GATEWAY, timeout=1200)
    units = model.gateways()
    (fourth,) = set(units) - set(before)
    addresses = sorted(model.address(unit) for unit in units)
    assert len(addresses) == 4
    for unit in units:
        assert sorted(configured_addresses(model, unit)) == addresses
    model.action(fourth, "create-target", iqn=OTHER)
    assert portal_addresses(model, before[0], OTHER) == [[address] for address in addresses]
    model.action(fourth, "delete-target", iqn=OTHER)
    model.juju.remove_unit(fourth)
    model.wait(lambda status: fourth not in status.apps[GATEWAY].units)
    model.settle(GATEWAY)
    assert sorted(configured_addresses(model, before[0])) == sorted(map(model.address, before))


@pytest.fixture(scope="module")
def removed(three, figures) -> tuple[Model, str, dict]:
    """The gateway that carried the I/O, removed while a writer was at work; its address."""
    model, _ = three
    model.create_target(FIRST)
    model.login()
    model.wait_paths(3)
    unit = model.active_gateway()
    address = model.address(unit)
    started = model.all_started_at()
    del started[unit]
    with model.writing() as summary:
        model.juju.remove_unit(unit)
        model.wait(lambda status: unit not in status.apps[GATEWAY].units)
        model.wait_restarted(started)
        model.settle(GATEWAY)
    figures["writes during the removal of the active gateway"] = str(summary)
    return model, address, summary


def test_an_initiator_does_not_feel_that_its_gateway_is_removed(removed):
    _, _, summary = removed
    assert summary["errors"] == summary["lost"] == 0
    assert summary["worst-stall"] < UNDRAINED


def test_a_removed_gateway_is_gone_from_status_and_configuration(removed):
    model, address, _ = removed
    for unit in model.gateways():
        assert address not in configured_addresses(model, unit)
        portals = model.api_config(unit)["targets"][IQN]["portals"].values()
        assert len(portals) == 2
        assert all(address not in portal["portal_ip_addresses"] for portal in portals)
        groups = model.run_on(unit, "ls", f"/sys/kernel/config/target/iscsi/{IQN}").split()
        assert len([name for name in groups if name.startswith("tpgt_")]) == 2


def test_the_remaining_gateways_forget_it_one_after_the_other(removed):
    model, _, _ = removed
    first, second = sorted(model.down_between(unit) for unit in model.gateways())
    assert first[1] <= second[0]
    model.logout()
    model.login()
    model.wait_paths(2)


def test_the_remaining_gateways_go_on_serving_and_taking_changes(removed):
    model, _, _ = removed
    assert model.create_target(SECOND, model.gateways()[0])["iqn"] == IQN


@pytest.fixture(scope="module")
def lost(disk: Model, figures) -> tuple[Model, str, dict]:
    """The gateway that is left after the leader's host went off and its unit was removed by force;
    a writer was at work meanwhile."""
    disk.wait_paths(2)
    unit = disk.leader()
    (left,) = set(disk.gateways()) - {unit}
    with disk.writing() as summary:
        disk.power(unit, "off")
        disk.wait_moved(unit)
        disk.juju.remove_unit(unit, force=True)
        disk.wait(lambda status: unit not in status.apps[GATEWAY].units)
        disk.wait(lambda status: disk.says(status, left, "1 is an invalid unit count"))
    figures["writes while the leader's host is lost and its unit removed by force"] = str(summary)
    return disk, left, summary


def test_no_write_is_lost_with_a_gateways_host(lost):
    _, _, summary = lost
    assert summary["errors"] == summary["lost"] == 0


def test_a_unit_that_is_dead_is_taken_out_of_configuration_and_targets_by_the_next_leader(lost):
    model, left, _ = lost
    assert model.leader() == left
    assert configured_addresses(model, left) == [model.address(left)]
    for target in model.api_config(left)["targets"].values():
        (portal,) = target["portals"].values()
        assert portal["portal_ip_addresses"] == [model.address(left)]
