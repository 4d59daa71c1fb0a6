"""The initiator of the zaza classes: what it reads from iscsiadm, lsblk and multipathd."""

import json
from types import SimpleNamespace

import pytest
import zaza_backend

zaza_backend.activate()

from tests import gateway  # noqa: E402

IQN = "iqn.2024-11.com.example:zaza"
SESSIONS = """\
iSCSI Transport Class version 2.0-870
version 2.1.5
Target: iqn.2024-11.com.example:other (non-flash)
\tCurrent Portal: 10.0.0.1:3260,1
\t\tAttached SCSI devices:
\t\t************************
\t\tHost Number: 1\tState: running
\t\tscsi1 Channel 00 Id 0 Lun: 0
\t\t\tAttached scsi disk sda\t\tState: running
Target: iqn.2024-11.com.example:zaza (non-flash)
\tCurrent Portal: 10.0.0.1:3260,1
\t\tscsi2 Channel 00 Id 0 Lun: 0
\t\t\tAttached scsi disk sdb\t\tState: running
\tCurrent Portal: 10.0.0.2:3260,2
\t\tscsi3 Channel 00 Id 0 Lun: 0
\t\t\tAttached scsi disk sdc\t\tState: running
"""
ANSWERS = {
    "iscsiadm -m session": SESSIONS,
    "lsblk": "sdb disk\nmpatha mpath\n",
    "multipathd": "dev dm_st chk_st\nsda active ready\nsdb active ready\nsdc failed faulty\n",
    "cat /etc/iscsi/initiatorname.iscsi": "## a comment\nInitiatorName=iqn.1993-08.org:01:abc\n",
}


@pytest.fixture
def initiator(monkeypatch):
    """An initiator whose commands are answered from ANSWERS; `commands` has what was run."""
    commands = []

    def run(unit, command, timeout=0):
        commands.append(command)
        return next((told for begin, told in ANSWERS.items() if command.startswith(begin)), "")

    monkeypatch.setattr(gateway, "run", run)
    monkeypatch.setattr(gateway, "first_unit", lambda application: f"{application}/0")
    made = gateway.Initiator(gateway.Disk(IQN, "image"))
    made.commands = commands
    return made


def test_disks_are_those_of_the_target_one_for_each_path(initiator):
    assert initiator.disks() == ["sdb", "sdc"]


def test_the_device_is_the_multipath_one_above_them(initiator):
    assert initiator.device() == "mpatha"


def test_only_working_paths_of_the_target_count(initiator):
    assert initiator.ready_paths() == 1


def test_the_initiators_name_is_the_hosts_own(initiator):
    assert gateway.initiator_name() == "iqn.1993-08.org:01:abc"


def test_login_sets_chap_before_it_logs_in(initiator):
    initiator.login(["10.0.0.2", "10.0.0.1"])
    commands = initiator.commands[0].split(" && ")
    settings = [command for command in commands if "node.session.auth" in command]
    assert [command.split()[-2:] for command in settings] == [
        ["-v", "CHAP"],
        ["-v", "zaza-user"],
        ["-v", "zaza-password"],
    ]
    assert commands[0].endswith("-p 10.0.0.2")
    assert commands[-1] == f"iscsiadm -m node -T {IQN} --login"


def test_who_is_not_logged_in_needs_no_logout(initiator, monkeypatch):
    monkeypatch.setitem(ANSWERS, "iscsiadm -m session", "iscsiadm: No active sessions.\n")
    initiator.logout()
    assert len(initiator.commands) == 1


def test_the_portals_are_those_of_the_target_whatever_their_family(monkeypatch):
    gateways = [{"portals": ["10.0.0.1"]}, {"portals": ["fd86::12"]}]
    told = {"targets": json.dumps({"targets": [{"iqn": IQN, "gateways": gateways}]})}
    monkeypatch.setattr(gateway, "action", lambda unit, name, iqn: told if iqn == IQN else {})
    portals = gateway.Disk(IQN, "image").portals("ceph-iscsi/0")
    assert portals == ["10.0.0.1", "[fd86::12]"]


@pytest.mark.parametrize("url", ["local:ceph-iscsi-0", "ch:amd64/jammy/ceph-iscsi-12"])
def test_the_application_is_the_one_with_the_charm(monkeypatch, url):
    charms = {"proxy": "local:ceph-iscsi-proxy-1", "storage-gw": url, "mon": "ch:ceph-mon-3"}
    status = SimpleNamespace(applications={name: {"charm": charms[name]} for name in charms})
    monkeypatch.setattr(gateway.zaza.model, "get_status", lambda: status)
    monkeypatch.setattr(gateway.utils, "get_charm_config", lambda: {"charm_name": "ceph-iscsi"})
    assert gateway.application() == "storage-gw"


def test_what_does_not_come_true_is_told(monkeypatch):
    monkeypatch.setattr(gateway.time, "sleep", lambda seconds: None)
    with pytest.raises(AssertionError, match="two paths"):
        gateway.wait(lambda: False, "two paths", timeout=0)
