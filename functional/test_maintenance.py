"""Maintenance under writes: the gateways take turns, and an initiator feels none of it."""

import pytest
from harness import CHARM, DRAINING, FIRST, GATEWAY, UNDRAINED, WAITING, Model


@pytest.fixture(autouse=True)
def all_paths(disk: Model):
    """Each test begins when the one before it is over for the initiator, too."""
    disk.wait_paths(2)
    disk.seen.clear()


def unnoticed(summary: dict) -> bool:
    return summary["errors"] == summary["lost"] == 0 and summary["worst-stall"] < UNDRAINED


def test_a_change_of_the_options_restarts_one_gateway_after_the_other(disk: Model, figures):
    started = disk.all_started_at()
    with disk.writing() as summary:
        disk.juju.config(GATEWAY, {"loglevel": 3})
        disk.wait_restarted(started)
        disk.settle(GATEWAY)
    figures["writes during a restart of all gateways"] = str(summary)
    assert unnoticed(summary)
    assert disk.restarted_one_after_the_other(started)
    assert {(unit, "maintenance", DRAINING) for unit in disk.gateways()} <= set(disk.seen)
    assert ("waiting", WAITING) in [said[1:] for said in disk.seen]


def test_a_refresh_to_the_same_charm_restarts_nothing(disk: Model):
    started, old = disk.all_started_at(), disk.revisions()
    disk.juju.refresh(GATEWAY, path=CHARM)
    disk.wait_for(lambda: old.isdisjoint(disk.revisions()))
    disk.settle(GATEWAY)
    assert disk.all_started_at() == started


def test_another_source_upgrades_one_gateway_after_the_other(disk: Model, figures):
    source, suffix = disk.offer_later_package()
    started = disk.all_started_at()
    with disk.writing() as summary:
        disk.juju.config(GATEWAY, {"source": source}, reset="loglevel")
        disk.wait_restarted(started)
        disk.settle(GATEWAY)
    figures["writes during an upgrade of all gateways"] = str(summary)
    assert unnoticed(summary)
    # A masked unit forgets when it stopped: that one waited for the other is seen by its status.
    assert ("waiting", WAITING) in [said[1:] for said in disk.seen]
    for unit in disk.gateways():
        version = disk.run_on(unit, "dpkg-query", "-W", "-f", "${Version}", "ceph-iscsi")
        assert version.endswith(suffix)
    started = disk.all_started_at()
    disk.juju.config(GATEWAY, reset="source")
    disk.settle(GATEWAY)
    assert disk.all_started_at() == started


def test_the_action_restart_restarts_at_the_units_turn(disk: Model):
    unit = disk.active_gateway()
    started = {unit: disk.started_at(unit)}
    assert disk.action(unit, "restart")["outcome"] in ("restarted", "waiting for its turn")
    disk.wait_restarted(started)
    disk.settle(GATEWAY)


def test_a_reboot_in_order_is_not_felt(disk: Model, figures):
    unit = disk.active_gateway()
    boot, started = disk.boot(unit), {unit: disk.started_at(unit)}
    with disk.writing() as summary:
        disk.run_on(unit, "systemd-run", "--on-active=5", "systemctl", "reboot")
        disk.wait_for(lambda: disk.boot(unit) not in ("", boot))
        disk.wait_restarted(started)
        disk.settle(GATEWAY)
        disk.wait_paths(2, timeout=300)
    figures["writes during a reboot of the active gateway"] = str(summary)
    assert unnoticed(summary)
    # The initiator's I/O may stay where it is: whoever has it, a change finds both gateways ready.
    assert disk.create_target(FIRST, unit)["changed"] == "false"
