"""Ten configuration changes within minutes, on gateways of which one is paused."""

import json
import time
from collections.abc import Iterator

import pytest
from harness import GATEWAY, PAUSED, Model

API_LOG = "/var/log/rbd-target-api/rbd-target-api.log"
CEPH_CONF = "/etc/ceph/iscsi/ceph.conf"
CONFIG = "/etc/ceph/iscsi-gateway.cfg"
MON = "ceph-mon/0"
ELSEWHERE = "10.250.0.1"
CHANGES = 10
LAST = {"loglevel": 20, "use-syslog": True}
OPTIONS = [*LAST, "ceph-public-network"]
#: What rbd-target-api tells at its start.
STARTED = "Started the configuration object watcher"


@pytest.fixture(scope="module")
def stormy(disk: Model, figures) -> Iterator[tuple[Model, str, str]]:
    """The model after the changes, and the gateways of it that serve and are paused.

    The one that serves restarts twice meanwhile and, in the tests, twice more: systemd by itself
    allows three starts in half an hour.
    """
    disk.logout()
    serving, paused = disk.gateways()[:2]
    disk.action(paused, "pause")
    disk.settle_agents(GATEWAY)
    address = disk.address(MON)
    began = time.monotonic()
    for number in range(CHANGES - 1):
        changes = ({"loglevel": number}, {"use-syslog": number % 4 == 3})
        disk.juju.config(GATEWAY, changes[number % 2])
        if number % 4 == 3:
            disk.action(serving, "restart", force=True)
    disk.wait_for(lambda: knows_another(disk, paused, address), 600)
    disk.juju.config(GATEWAY, LAST | {"ceph-public-network": f"{address}/32"})
    figures["ten configuration changes, one unit paused"] = f"{time.monotonic() - began:.0f} s"
    disk.settle_agents(GATEWAY)
    yield disk, serving, paused
    disk.login()


def tell_monitors(model: Model, *addresses: str) -> None:
    """Have Ceph tell the gateways these addresses of monitors, until it tells its own again."""
    relation = model.run_on(MON, "relation-ids", "client").strip()
    told = f"ceph-mon-public-addresses={json.dumps(addresses)}"
    model.run_on(MON, "relation-set", "-r", relation, "--app", told)


def knows_another(model: Model, unit: str, address: str) -> bool:
    """Have Ceph tell of a monitor that is not there; whether UNIT's file has it."""
    tell_monitors(model, address, ELSEWHERE)
    return ELSEWHERE in model.run_on(unit, "cat", CEPH_CONF)


def logged(model: Model, unit: str) -> int:
    """Bytes of the API's log file; no more are written while it logs to syslog alone."""
    return int(model.run_on(unit, "stat", "-c", "%s", API_LOG))


def told_journal(model: Model, unit: str) -> str:
    """What the running rbd-target-api has told the journal: its own output and its syslog."""
    pid = model.run_on(unit, "systemctl", "show", "-P", "MainPID", "rbd-target-api").strip()
    return model.run_on(unit, "journalctl", "--no-pager", f"_PID={pid}")


def test_after_ten_changes_the_daemons_run_and_no_hook_has_failed(stormy):
    model, serving, _ = stormy
    for service in ("rbd-target-api", "rbd-target-gw"):
        assert model.run_on(serving, "systemctl", "is-active", service).strip() == "active"


def test_a_paused_unit_stays_paused_and_gets_its_files(stormy):
    model, _, paused = stormy
    assert model.said(paused) == PAUSED
    for service in ("rbd-target-api", "rbd-target-gw"):
        show = ("systemctl", "show", "-P", "ActiveState", "-P", "UnitFileState", service)
        assert model.run_on(paused, *show).split() == ["inactive", "masked"]
    lines = model.run_on(paused, "cat", CEPH_CONF).splitlines()
    assert f"mon host = {model.address(MON)}" in lines
    assert "debug rbd = 20/5" in lines
    assert "log to syslog = true" in lines
    settings = model.run_on(paused, "cat", CONFIG).splitlines()
    assert "logger_level = 20" in settings, "not DEBUG, with which it would log secrets"
    assert "log_to_file = false" in settings


def test_the_other_runs_on_the_same_and_logs_to_syslog_alone(stormy):
    model, serving, paused = stormy
    before = logged(model, serving)
    model.action(serving, "restart", force=True)
    for path in (CEPH_CONF, CONFIG):
        assert model.run_on(paused, "cat", path) == model.run_on(serving, "cat", path)
    assert STARTED in told_journal(model, serving)
    assert STARTED in model.run_on(serving, "cat", API_LOG), "until it logged to syslog alone"
    assert logged(model, serving) == before


def test_a_resumed_unit_serves_on_the_last_of_the_changes(stormy):
    model, serving, paused = stormy
    before, started = logged(model, paused), {serving: model.started_at(serving)}
    tell_monitors(model, model.address(MON))
    model.juju.config(GATEWAY, reset=OPTIONS)
    model.wait_for(lambda: "log_to_file = true" in model.run_on(paused, "cat", CONFIG))
    model.action(paused, "resume")
    model.wait_restarted(started)
    model.settle(GATEWAY)
    assert model.announced(paused)
    assert logged(model, paused) > before
    assert "debug rbd = 1/5" in model.run_on(paused, "cat", CEPH_CONF).splitlines()
