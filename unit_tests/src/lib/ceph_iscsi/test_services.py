import time
from pathlib import Path

import pytest
from ceph_iscsi import process, services
from ceph_iscsi.errors import GatewayError
from charm_options import SRC

API, GW = services.MANAGED
TCMU = services.TCMU_RUNNER
NO_LIMIT = f"set-property {services.TCMU_RUNNER} TasksMax=infinity"
REAL_DRAIN = services.DRAIN.relative_to("/")


class FakeSystemd:
    """systemctl on services with an active state and a unit file state."""

    def __init__(self):
        self.active = dict.fromkeys((TCMU, API, GW), "inactive")
        self.files = dict.fromkeys((TCMU, API, GW), "enabled")
        self.calls = []
        self.refuses_to_start, self.refuses_to_stop = set(), set()
        self.survives_stop = set()
        self.started = dict.fromkeys((TCMU, API, GW), 0)

    def run(self, argv, timeout=60):
        assert argv[0] == "systemctl"
        words = [word for word in argv[1:] if not word.startswith("--")]
        if words[0] == "show":
            return "\n\n".join(self._show(name) for name in words[1:]) + "\n"
        return self._change(*words)

    def _show(self, name):
        state = self.active.get(name, "inactive")
        microseconds = int(self.started.get(name, 0) * 1e6)
        return (
            f"ActiveState={state}\nUnitFileState={self.files.get(name, '')}\n"
            f"ActiveEnterTimestampMonotonic={microseconds}"
        )

    def _change(self, verb, *names):
        self.calls.append(f"{verb} {' '.join(names)}")
        for name in names:
            match verb:
                case "restart" if self.files[name] == "masked":
                    raise process.CommandFailed("`systemctl` failed: masked", 1, "")
                case "restart" if name in self.refuses_to_start:
                    self.active[name] = "failed"
                    raise process.CommandFailed("`systemctl` failed: job failed", 1, "")
                case "restart":
                    self.active[name] = "active"
                case "stop" if name in self.refuses_to_stop:
                    raise process.CommandFailed("`systemctl` failed: refused", 1, "")
                case "stop" if name not in self.survives_stop:
                    self.active[name] = "inactive"
                case "enable" | "disable":
                    if self.files[name] != "masked":
                        self.files[name] = f"{verb}d"
                case "mask":
                    self.files[name] = "masked"
                case "unmask":
                    self.files[name] = "disabled"
        return ""


@pytest.fixture
def systemd(monkeypatch, tmp_path):
    fake = FakeSystemd()
    monkeypatch.setattr(process, "run", fake.run)
    monkeypatch.setattr(services, "RESTART_MARK", tmp_path / "mark")
    monkeypatch.setattr(services.time, "sleep", lambda seconds: None)
    return fake


def ready():
    """The gateway is ready at once."""


def never():
    raise GatewayError("no answer")


def running(systemd):
    systemd.active.update({TCMU: "active", API: "active", GW: "active"})


def test_states_come_from_one_call_for_unknown_services_too(systemd):
    systemd.active[API] = "failed"
    assert services.states(API, "unknown") == {
        API: services.State(active=False, failed=True, enabled=True),
        "unknown": services.State(active=False, failed=False, enabled=False),
    }


def test_stopped_services_are_sorted(systemd):
    assert services.stopped(TCMU, *services.MANAGED) == [API, GW, TCMU]
    running(systemd)
    assert services.stopped(TCMU, *services.MANAGED) == []


def test_masked_services_are_unmasked_enabled_and_started_past_the_start_limit(systemd):
    services.keep_down()
    systemd.calls.clear()
    assert services.run_all(ready) is True
    assert systemd.calls == [
        f"unmask {API} {GW}",
        f"enable {API} {GW}",
        f"reset-failed {TCMU}",
        f"restart {TCMU}",
        NO_LIMIT,
        f"reset-failed {API} {GW}",
        f"restart {API} {GW}",
    ]


def test_running_services_are_left_alone(systemd):
    running(systemd)
    assert services.run_all(ready) is False
    assert systemd.calls == []


def test_daemons_that_the_boot_has_just_started_get_time_to_become_ready(systemd):
    answers = [GatewayError("no answer"), GatewayError("no answer"), None]

    def slow():
        if answer := answers.pop(0):
            raise answer

    running(systemd)
    systemd.started[API] = time.monotonic() - 2
    assert services.run_all(slow) is False
    assert (answers, systemd.calls) == ([], [])


def test_daemons_that_have_had_their_time_are_not_waited_for(systemd):
    running(systemd)
    systemd.started[API] = time.monotonic() - services.API_TIME_LIMIT - 1
    assert services.run_all(never) is False


def test_a_due_restart_restarts_the_daemons_once_but_not_tcmu_runner(systemd):
    running(systemd)
    services.mark_restart()
    assert services.run_all(ready) is True
    assert systemd.calls == [
        NO_LIMIT,
        "daemon-reload ",
        f"reset-failed {API} {GW}",
        f"restart {API} {GW}",
    ]
    assert services.run_all(ready) is False


def test_one_that_is_down_is_started_alone(systemd):
    running(systemd)
    systemd.active[GW] = "failed"
    services.run_all(ready)
    assert systemd.calls == [NO_LIMIT, f"reset-failed {GW}", f"restart {GW}"]


def test_a_restart_stays_due_if_it_fails(systemd, monkeypatch):
    running(systemd)
    services.mark_restart()
    systemd.files[API] = systemd.files[GW] = "masked"
    monkeypatch.setattr(systemd, "_change", never_change)
    with pytest.raises(GatewayError):
        services.run_all(ready)
    assert services.restart_needed()


def never_change(*words):
    raise process.CommandFailed("`systemctl` failed: no", 1, "")


def test_a_gateway_that_is_not_ready_in_time_is_an_error(systemd, monkeypatch):
    monkeypatch.setattr(services, "API_TIME_LIMIT", -1)
    with pytest.raises(GatewayError, match="no answer"):
        services.run_all(never)


def test_waiting_ends_when_a_daemon_has_failed_for_good(systemd):
    def failing():
        systemd.active[API] = "failed"
        raise GatewayError("no answer")

    with pytest.raises(GatewayError, match=f"services that did not start: {API}: no answer"):
        services.run_all(failing)


def test_a_service_that_does_not_start_is_named(systemd):
    systemd.refuses_to_start.add(GW)
    with pytest.raises(GatewayError, match=f"did not start: {GW}: `systemctl` failed: job failed"):
        services.run_all(ready)


def test_waiting_goes_on_until_ready(systemd):
    answers = [GatewayError("starting"), GatewayError("starting"), None]

    def check():
        answer = answers.pop(0)
        if answer:
            raise answer

    assert services.run_all(check) is True
    assert answers == []


def test_stopping_disables_and_masks(systemd):
    running(systemd)
    services.stop_all()
    assert systemd.calls == [f"stop {GW} {API}", f"disable {API} {GW}", f"mask {API} {GW}"]


def test_a_service_that_does_not_stop_is_named(systemd):
    running(systemd)
    systemd.survives_stop.add(API)
    with pytest.raises(GatewayError, match=f"services that did not stop: {API}$"):
        services.stop_all()


def test_a_service_that_refuses_to_stop_is_named_and_masked_all_the_same(systemd):
    running(systemd)
    systemd.refuses_to_stop.add(API)
    named = f"services that did not stop: {API}: `systemctl` failed: refused$"
    with pytest.raises(GatewayError, match=named):
        services.stop_all()
    assert systemd.calls[1:] == [f"disable {API} {GW}", f"mask {API} {GW}"]


@pytest.fixture
def host(monkeypatch, tmp_path):
    for name in ("DRAIN", "DRAIN_DROP_IN"):
        path = tmp_path / getattr(services, name).relative_to("/")
        monkeypatch.setattr(services, name, path)
    return SRC / "files" / "drain"


def test_draining_is_put_before_every_stop_without_a_restart(systemd, host):
    services.install_drain(host)
    program = services.DRAIN.read_text()
    assert program == Path(services.drain.__file__).read_text()
    assert f"ExecStop=-/usr/bin/python3 -I /{REAL_DRAIN}" in services.DRAIN_DROP_IN.read_text()
    assert systemd.calls == ["daemon-reload "]
    services.install_drain(host)
    assert len(systemd.calls) == 1
    assert not services.restart_needed()


def test_at_a_shutdown_lio_is_not_cleared_before_initiators_have_left(systemd, host):
    services.install_drain(host)
    lines = services.DRAIN_DROP_IN.read_text().splitlines()
    assert "After=rtslib-fb-targetctl.service" in lines[: lines.index("[Service]")]


def test_a_gateway_serves_if_its_daemon_runs_and_it_has_targets(systemd, monkeypatch):
    monkeypatch.setattr(services.drain, "own_groups", lambda: groups)
    groups = ["tpg"]
    assert services.serving() is False
    systemd.active[API] = "active"
    assert services.serving() is True
    groups.clear()
    assert services.serving() is False
