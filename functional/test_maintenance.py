"""Maintenance under writes: the gateways take turns, and an initiator feels none of it."""

import pytest
from harness import CHARM, FIRST, GATEWAY, UNDRAINED, Model

WAITING = ("waiting", "Waiting for its turn to restart")
DRAINING = ("maintenance", "Restarting: draining")

#: Makes an archive in /srv/later with ceph-iscsi as it is, of a later version.
LATER_PACKAGE = """
set -e
rm -rf /srv/later /srv/package; mkdir -p /srv/later /srv/package
cd /srv/package
apt-get download -qq ceph-iscsi
dpkg-deb -R ceph-iscsi_*.deb content
sed -i 's/^Version: .*/&+later1/' content/DEBIAN/control
dpkg-deb -b content /srv/later/ceph-iscsi_later.deb > /dev/null
cd /srv/later
dpkg-deb -f ceph-iscsi_later.deb > Packages
echo "Filename: ./ceph-iscsi_later.deb" >> Packages
echo "Size: $(stat -c %s ceph-iscsi_later.deb)" >> Packages
echo "SHA256: $(sha256sum ceph-iscsi_later.deb | cut -d ' ' -f 1)" >> Packages
"""


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
    assert {(unit, *DRAINING) for unit in disk.gateways()} <= set(disk.seen)
    assert [said[1:] for said in disk.seen].count(WAITING) >= 1


def test_a_refresh_to_the_same_charm_restarts_nothing(disk: Model):
    def revisions() -> set[str]:
        agents = "/var/lib/juju/agents/unit-{}/charm/revision"
        return {
            disk.look(unit, "sudo", "cat", agents.format(unit.replace("/", "-")))
            for unit in disk.gateways()
        }

    started, old = disk.all_started_at(), revisions()
    disk.juju.refresh(GATEWAY, path=CHARM)
    disk.wait_for(lambda: old.isdisjoint(revisions()))
    disk.settle(GATEWAY)
    assert disk.all_started_at() == started


def test_another_source_upgrades_one_gateway_after_the_other(disk: Model, figures):
    for unit in disk.gateways():
        disk.run_on(unit, "sh", "-c", LATER_PACKAGE)
    started = disk.all_started_at()
    with disk.writing() as summary:
        source = "deb [trusted=yes] file:/srv/later ./"
        disk.juju.config(GATEWAY, {"source": source}, reset="loglevel")
        disk.wait_restarted(started)
        disk.settle(GATEWAY)
    figures["writes during an upgrade of all gateways"] = str(summary)
    assert unnoticed(summary)
    # A masked unit forgets when it stopped: that one waited for the other is seen by its status.
    assert WAITING in [said[1:] for said in disk.seen]
    for unit in disk.gateways():
        version = disk.run_on(unit, "dpkg-query", "-W", "-f", "${Version}", "ceph-iscsi")
        assert version.endswith("+later1")
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
