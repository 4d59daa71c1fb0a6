"""The gateway's daemons under systemd, and when they have to be restarted.

A restart of rbd-target-api tears down all paths of this gateway, and its unit file allows three
starts in half an hour. So daemons restart only for a reason, which is kept in a mark on disk from
before a file is written until they have started after it: a hook that is killed in between is
made good by the next one. The mark lies in /run because a reboot starts them anew as well.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ceph_iscsi import drain, files, process
from ceph_iscsi.errors import GatewayError

TCMU_RUNNER = "tcmu-runner"
# What the charm starts, stops and pauses, in the order of starting.
MANAGED = ("rbd-target-api", "rbd-target-gw")
# rbd-target-api answers 8 s after its start with few disks, but it defines all LUNs before that.
API_TIME_LIMIT = 300
# Its unit file gives it 600 s to take its LUNs down.
STOP_TIME_LIMIT = 660

RESTART_MARK = Path("/run/ceph-iscsi-charm.restart")
# Initiators, by target, that were logged in before the restart and are not back yet.
AWAITED = Path("/run/ceph-iscsi-charm.awaited")
# What systemd runs before each stop of rbd-target-api, and where it is told so.
DRAIN = Path("/usr/local/lib/ceph-iscsi-charm/drain.py")
DRAIN_DROP_IN = Path("/etc/systemd/system/rbd-target-api.service.d/drain.conf")


@dataclass(frozen=True)
class State:
    """A service: whether it runs, has failed for good, starts with the machine; when it started,
    as ``time.monotonic`` counts."""

    active: bool
    failed: bool
    enabled: bool
    started: float = -math.inf


def states(*names: str) -> dict[str, State]:
    """What systemd says of services, by name; one call for all, for unknown ones as well."""
    fields = ("ActiveState", "UnitFileState", "ActiveEnterTimestampMonotonic")
    answer = process.run(["systemctl", "show", f"--property={','.join(fields)}", *names])
    blocks = (
        dict(line.split("=", 1) for line in block.splitlines())
        for block in answer.strip().split("\n\n")
    )
    return {
        name: State(
            active=block["ActiveState"] == "active",
            failed=block["ActiveState"] == "failed",
            enabled=block.get("UnitFileState") == "enabled",
            started=int(block.get("ActiveEnterTimestampMonotonic") or 0) / 1e6 or -math.inf,
        )
        for name, block in zip(names, blocks, strict=True)
    }


def stopped(*names: str) -> list[str]:
    """Names of the services that don't run, sorted."""
    return sorted(name for name, state in states(*names).items() if not state.active)


def running() -> list[str]:
    """Names of the managed services that run, sorted."""
    return sorted(set(MANAGED).difference(stopped(*MANAGED)))


def keep_down() -> None:
    """Mask the managed services, which their packages would start without a configuration."""
    _systemctl("mask", *MANAGED)


def install_drain(source: Path) -> None:
    """Have initiators moved away before any stop of rbd-target-api; that needs no restart.

    :param source: directory with the drop-in
    """
    text = (source / "rbd-target-api.conf").read_text()
    wanted = {DRAIN: Path(drain.__file__).read_text(), DRAIN_DROP_IN: text}
    written = [files.write(path, content, 0o644) for path, content in wanted.items()]
    if any(written):
        _systemctl("daemon-reload")


def restart_needed() -> bool:
    """Whether a file has changed since the daemons last started."""
    return RESTART_MARK.exists()


def mark_restart() -> None:
    """Note that a file of the daemons is about to change."""
    RESTART_MARK.touch(mode=0o600)


def unmark_restart() -> None:
    """Note that the daemons run on the files as they are."""
    RESTART_MARK.unlink(missing_ok=True)


def await_initiators() -> bool:
    """Note who is logged in before a restart, for a hook that comes after one that is killed too.

    :returns: whether anybody is
    """
    sessions = {iqn: sorted(names) for iqn, names in drain.connected().items() if names}
    if sessions:
        files.write(AWAITED, json.dumps(sessions), 0o600)
    return bool(sessions)


def initiators_returned() -> bool:
    """Wait until those are back who were noted, for some time; see ``drain.wait_for_return``."""
    if not AWAITED.exists():
        return True
    sessions = {iqn: set(names) for iqn, names in json.loads(AWAITED.read_text()).items()}
    returned = drain.wait_for_return(sessions)
    AWAITED.unlink()
    return returned


def serving() -> bool:
    """Whether initiators may be logged in here: the daemon runs and there are targets."""
    return not stopped(MANAGED[0]) and bool(drain.own_groups())


def run_all(check_ready: Callable[[], None]) -> bool:
    """Have all daemons enabled and running on the files as they are; nothing if it is so already.

    Daemons that the boot has just started get their time to become ready as well.

    :param check_ready: raises a GatewayError while the gateway is not ready
    :returns: whether anything was started
    :raises GatewayError: a daemon does not start, or the gateway does not become ready
    """
    now = states(TCMU_RUNNER, *MANAGED)
    if not all(now[name].enabled for name in MANAGED):
        _systemctl("unmask", *MANAGED)
        _systemctl("enable", *MANAGED)
    if not now[TCMU_RUNNER].active:
        _start(TCMU_RUNNER)
    names = [name for name in MANAGED if restart_needed() or not now[name].active]
    if not names:
        left = now[MANAGED[0]].started + API_TIME_LIMIT - time.monotonic()
        if left > 0:
            _wait_until_ready(check_ready, left)
        return False
    # It has 16 threads a disk: with 1 GiB, it aborts at systemd's limit at about 70 disks.
    _systemctl("set-property", TCMU_RUNNER, "TasksMax=infinity")
    if restart_needed():
        _systemctl("daemon-reload")  # drop-ins of the charm may have come or gone
    _start(*names)
    unmark_restart()
    _wait_until_ready(check_ready, API_TIME_LIMIT)
    return True


def stop_all() -> None:
    """Stop, disable and mask the managed services; one that does not stop won't come back either.

    :raises GatewayError: services that did not stop, by name, and what systemd said
    """
    refusal = None
    try:
        _systemctl("stop", *reversed(MANAGED))
    except GatewayError as error:
        refusal = error
    _systemctl("disable", *MANAGED)
    _systemctl("mask", *MANAGED)
    if still := running():
        said = f": {refusal}" if refusal else ""
        raise GatewayError(f"services that did not stop: {', '.join(still)}{said}")


def wait_until(
    check: Callable[[], None],
    limit: float,
    give_up: Callable[[], bool] = lambda: False,
    pause: float = 1,
) -> None:
    """Call ``check`` until it no longer raises a GatewayError; at the end, raise its last one.

    :param limit: seconds
    :param give_up: whether waiting has become pointless
    :param pause: seconds between two calls
    """
    end = time.monotonic() + limit
    while True:
        try:
            return check()
        except GatewayError:
            if time.monotonic() > end or give_up():
                raise
        time.sleep(pause)


def _wait_until_ready(check_ready: Callable[[], None], limit: float) -> None:
    """Wait for a gateway whose daemons were started; say which of them are down if it fails."""
    try:
        wait_until(check_ready, limit, give_up=_failed)
    except GatewayError as error:
        _name_stopped(MANAGED, error)
        raise


def _failed() -> bool:
    return any(state.failed for state in states(*MANAGED).values())


def _start(*names: str) -> None:
    # Clears the count of recent starts too, which would refuse the fourth within 30 minutes.
    _systemctl("reset-failed", *names)
    try:
        _systemctl("restart", *names)
    except GatewayError as error:
        _name_stopped(names, error)
        raise


def _name_stopped(names: Sequence[str], error: GatewayError) -> None:
    """Raise an error that names those of the services that don't run, if there are any."""
    if down := stopped(*names):
        raise GatewayError(f"services that did not start: {', '.join(down)}: {error}") from error


def _systemctl(verb: str, *names: str) -> None:
    process.run(["systemctl", verb, *names], timeout=STOP_TIME_LIMIT)
