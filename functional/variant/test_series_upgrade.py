"""A gateway goes from 22.04 to 24.04 while the initiator writes over the other one."""

import time

import pytest
from harness import FIRST, IQN, Model

READY = "Ready for do-release-upgrade and reboot. Set complete when finished."


@pytest.fixture(scope="module")
def upgraded(disk: Model, figures: dict[str, str]) -> tuple[Model, str, dict, dict]:
    """The model, the gateway that was upgraded, what was there before, what the writer saw."""
    disk.wait_paths(2, timeout=300)
    unit = disk.active_gateway()
    machine = disk.machine(unit)
    before = {"config": disk.api_config(unit)}
    with disk.writing() as summary:
        disk.juju.cli("upgrade-machine", machine, "prepare", "ubuntu@24.04", "-y")
        before["status"] = disk.juju.status().apps[disk.gateway].units[unit].workload_status
        disk.wait_moved(unit)
        began = time.monotonic()
        where = ("--model", str(disk.juju.model), machine)
        disk.juju.cli("lab", "do-release-upgrade", *where, include_model=False)
        figures["do-release-upgrade"] = f"{time.monotonic() - began:.0f} s"
        began = time.monotonic()
        disk.juju.cli("upgrade-machine", machine, "complete")
        disk.settle(disk.gateway)
        disk.wait_paths(2, timeout=300)
        figures["complete to both paths"] = f"{time.monotonic() - began:.0f} s"
    figures["writes during the series upgrade"] = str(summary)
    return disk, unit, before, summary


def test_no_write_fails_and_none_is_lost(upgraded):
    summary = upgraded[3]
    assert summary["errors"] == summary["lost"] == 0
    assert summary["acknowledged"] > 100


def test_in_between_the_unit_says_that_it_is_ready_for_the_upgrade(upgraded):
    said = upgraded[2]["status"]
    assert (said.current, said.message) == ("blocked", READY)


def test_the_gateway_has_the_newer_release(upgraded):
    model, unit, *_ = upgraded
    version = model.run_on(unit, "dpkg-query", "-W", "-f", "${Version}", "ceph-iscsi")
    assert version.startswith("3.9")
    assert model.juju.status().machines[model.machine(unit)].base.channel == "24.04"


def test_it_serves_what_it_served_before(upgraded):
    model, unit, before, _ = upgraded
    (other,) = set(model.gateways()) - {unit}
    after = model.api_config(unit)
    assert after == model.api_config(other)
    for part in ("disks", "gateways"):
        assert set(after[part]) == set(before["config"][part])
    for part in ("clients", "portals", "disks"):
        assert set(after["targets"][IQN][part]) == set(before["config"]["targets"][IQN][part])


@pytest.mark.parametrize("service", ["rbd-target-api", "rbd-target-gw", "tcmu-runner"])
def test_its_daemons_run_and_are_enabled(upgraded, service):
    model, unit, *_ = upgraded
    properties = ("-P", "ActiveState", "-P", "UnitFileState")
    shown = model.run_on(unit, "systemctl", "show", *properties, service)
    assert shown.split() == ["active", "enabled"]


def test_gateways_of_both_releases_agree_on_what_is_asked_of_either(upgraded):
    model = upgraded[0]
    for each in model.gateways():
        assert model.create_target(FIRST, each)["iqn"] == IQN


def test_zazas_class_moves_the_other_gateway_too(upgraded):
    model = upgraded[0]
    model.zaza("tests.iscsi.SeriesUpgradeTest")
    machines = model.juju.status().machines
    bases = {machines[model.machine(each)].base.channel for each in model.gateways()}
    assert bases == {"24.04"}
    model.wait_paths(2, timeout=300)
