"""Have initiators move to the other gateways before this one stops.

A program of its own as well, copied to the host and run by systemd before each stop of
rbd-target-api (``ExecStop=``): by the charm, by apt, at a reboot. So it needs Python alone.

An initiator whose session breaks waits for it (25 s is common) before it takes another path. One
that is told that the path is on standby takes another at once. So: each LUN's target port group
of this gateway goes to standby (SPC-4, asymmetric logical unit access), and the stop waits until
the LUNs get no more commands than initiators' path checkers send.

Linux learns of the standby from a command that comes back. Before it, a LUN is offered as one that
still serves but is worse than the other gateways' paths: multipath takes those at its next look.

What is read and written is LIO's configfs. There ceph-iscsi defines the target port groups (TPG)
of all of a target's gateways, and enables its own alone.
"""

import contextlib
import socket
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path

LIO = Path("/sys/kernel/config/target")
STANDBY, LBA_DEPENDENT = "2", "4"
# How a disk depends on the address, for LIO: not at all, a group serves all of it.
EVERYWHERE = "0 0\n0 18446744073709551614 {group}:O\n"
# Seconds that multipath gets at least and at most to look (`max_polling_interval`) and to leave.
FOLLOW = 6.0, 8.0
# Seconds that initiators get at least and at most to take another path.
LEAVE = 2.0, 15.0
# Seconds from the drain's beginning that other gateways which vanish meanwhile get to come back,
# and seconds that initiators get then to log in to them and look.
OTHERS_LIMIT, REJOIN = 90, 10
# A LUN is left alone when it gets no more commands than this in as many seconds for a session:
# path checkers ask a few times, then not again for 5 s or more.
CHECKS, WINDOW = 3, 1.0
CONNECT_TIMEOUT = 2
# Seconds that initiators get to log in again after a restart and look at a disk, and then at the
# others: multipath looks at each every 5 s.
RETURN_LIMIT, LOOK = 120, 6


def own_groups(root: Path = LIO) -> list[Path]:
    """The TPG of this gateway in each target that it serves."""
    return [
        path.parent
        for path in sorted(root.glob("iscsi/iqn.*/tpgt_*/enable"))
        if _read(path) == "1"
    ]


def sessions(tpg: Path) -> set[str]:
    """Names of the initiators that are logged in to a TPG."""
    known = {
        info.parent.name
        for info in tpg.glob("acls/*/info")
        if _read(info).startswith("InitiatorName:")
    }
    return known.union(_read(tpg / "dynamic_sessions").split())


def portals(tpg: Path) -> list[str]:
    """Portals of a TPG, as ``10.0.0.1:3260`` or ``[fd00::1]:3260``."""
    return sorted(portal.name for portal in tpg.glob("np/*:*"))


def other_portals(tpg: Path) -> list[str]:
    """Portals of the same target on the other gateways."""
    return sorted(
        portal for other in tpg.parent.glob("tpgt_*") if other != tpg for portal in portals(other)
    )


def listens(portal: str) -> bool:
    """Whether an initiator could connect to a portal."""
    address, _, port = portal.rpartition(":")
    try:
        with socket.create_connection((address.strip("[]"), int(port)), CONNECT_TIMEOUT):
            return True
    except OSError:
        return False


def reaches_others(tpg: Path) -> bool:
    """Whether an initiator could connect to the target of a TPG on another gateway."""
    return any(map(listens, other_portals(tpg)))


def silent_portals(root: Path = LIO) -> list[str]:
    """Portals of other gateways, in the targets that this one serves, that don't listen."""
    found = {portal for tpg in own_groups(root) for portal in other_portals(tpg)}
    return sorted(portal for portal in found if not listens(portal))


def last_paths(root: Path = LIO) -> dict[str, list[str]]:
    """Targets to which initiators, named, have no other path than over this gateway."""
    return {
        tpg.parent.name: sorted(initiators)
        for tpg in own_groups(root)
        if (initiators := sessions(tpg)) and not reaches_others(tpg)
    }


def connected(root: Path = LIO) -> dict[str, set[str]]:
    """Names of the initiators that are logged in here, by target."""
    return {tpg.parent.name: sessions(tpg) for tpg in own_groups(root)}


def wait_for_return(before: dict[str, set[str]], root: Path = LIO) -> bool:
    """Wait until initiators use this gateway again after a restart, so that the next one may go.

    :param before: as ``connected`` told it before the restart
    :returns: whether all do
    """
    end = time.monotonic() + RETURN_LIMIT
    while any(before[iqn] - _back(root).get(iqn, set()) for iqn in before):
        if time.monotonic() > end:
            return False
        time.sleep(WINDOW)
    if any(before.values()):
        time.sleep(LOOK)
    return True


def _back(root: Path) -> dict[str, set[str]]:
    """Initiators, by target, that are logged in and have sent a command to a disk."""
    counters = "lun_*/statistics/scsi_auth_intr/num_cmds"
    return {
        tpg.parent.name: {
            name
            for name in sessions(tpg)
            if not (counts := [_read(path) for path in (tpg / "acls" / name).glob(counters)])
            or any(count != "0" for count in counts)
        }
        for tpg in own_groups(root)
    }


def drain(root: Path = LIO) -> Iterator[str]:
    """Put this gateway's LUNs on standby and wait until their I/O has left.

    LUNs that lose all other gateways meanwhile serve as before until one is back, for some time.

    :returns: what was done and what could not be, a sentence each, while it goes on
    """
    draining = {}
    for tpg in own_groups(root):
        iqn, initiators = tpg.parent.name, sessions(tpg)
        if not initiators:
            continue
        if not reaches_others(tpg):
            yield f"{iqn}: not drained, no other gateway listens"
            continue
        draining[tpg] = len(initiators)
        yield f"{iqn}: {len(initiators)} session(s), to the other gateways"
    states = {tpg: _states(root, tpg) for tpg in draining}
    end = time.monotonic() + OTHERS_LIMIT
    while draining:
        draining = yield from _move(root, draining)
        if draining:
            names = ", ".join(tpg.parent.name for tpg in draining)
            yield f"{names}: no other gateway listens any more, so this one serves again"
            for tpg in draining:
                for path, state in states[tpg].items():
                    yield from _set_state(path, state, "serving again")
            if not _others_return(draining, end):
                yield f"{names}: not drained, no other gateway has come back"
                return


def _move(root: Path, draining: dict[Path, int]) -> Generator[str, None, dict[Path, int]]:
    """Have the initiators of TPGs, given with their number of sessions, leave.

    :returns: those TPGs that have lost all other gateways meanwhile, the same way
    """
    began = time.monotonic()
    stepped_back = [_step_back(root, tpg) for tpg in draining]
    if any(stepped_back):
        _wait_until_left(draining, *FOLLOW)
    moving = {tpg: count for tpg, count in draining.items() if reaches_others(tpg)}
    for tpg in moving:
        yield from _stand_by(root, tpg)
    if moving:
        busy = _wait_until_left(moving, *LEAVE)
        took = f"{time.monotonic() - began:.1f} s"
        yield f"drained in {took}" if not busy else f"still in use after {took}: {', '.join(busy)}"
    return {
        tpg: count
        for tpg, count in draining.items()
        if tpg not in moving or not reaches_others(tpg)
    }


def _others_return(tpgs: dict[Path, int], end: float) -> bool:
    """Wait until another gateway listens for each TPG, and initiators had time to log in to it.

    :param end: until when, as ``time.monotonic`` counts
    """
    while time.monotonic() < end:
        if all(map(reaches_others, tpgs)):
            time.sleep(REJOIN)
            return True
        time.sleep(WINDOW)
    return False


def _step_back(root: Path, tpg: Path) -> bool:
    """Offer LUNs as worse than the other gateways'; return whether any were.

    Not those for several initiators: each goes when it looks, and until the last has gone the
    gateways would take the disk from each other with every write.
    """
    stepped = False
    for group, (luns, alone) in _groups(root, tpg).items():
        if alone and all(_users(tpg, lun) == 1 for lun in luns):
            serves = EVERYWHERE.format(group=_read(group / "tg_pt_gp_id"))
            with contextlib.suppress(OSError):
                (group.parents[1] / "lba_map").write_text(serves)
                (group / "alua_access_state").write_text(LBA_DEPENDENT)
                stepped = True
    return stepped


def _stand_by(root: Path, tpg: Path) -> Iterator[str]:
    for group, (_, alone) in _groups(root, tpg).items():
        disk = group.parents[1].name
        if not alone:
            yield f"disk {disk}: not on standby: {group.name} is not this gateway's alone"
            continue
        yield from _set_state(group / "alua_access_state", STANDBY, "on standby")


def _set_state(path: Path, state: str, what: str) -> Iterator[str]:
    try:
        path.write_text(state)
    except OSError as error:
        yield f"disk {path.parents[2].name}: not {what}: {error.strerror}"


def _states(root: Path, tpg: Path) -> dict[Path, str]:
    """The ALUA states of a TPG's LUNs, of those groups that are its alone."""
    groups = [group for group, (_, alone) in _groups(root, tpg).items() if alone]
    return {path: _read(path) for path in (group / "alua_access_state" for group in groups)}


def _groups(root: Path, tpg: Path) -> dict[Path, tuple[list[str], bool]]:
    """Target port groups with LUNs of a TPG: which LUNs (``lun_0``), and whether only those."""
    own = f"iSCSI/{tpg.parent.name}/{tpg.name}/"
    found = {}
    for members in sorted(root.glob("core/*/*/alua/*/members")):
        lines = _read(members).splitlines()
        mine = [line.removeprefix(own) for line in lines if line.startswith(own)]
        if mine:
            found[members.parent] = (mine, len(mine) == len(lines))
    return found


def _users(tpg: Path, lun: str) -> int:
    """How many initiators a LUN of a TPG is for."""
    links = (link for link in tpg.glob("acls/*/lun_*/*") if link.is_symlink())
    return sum(link.resolve().name == lun for link in links)


def _wait_until_left(draining: dict[Path, int], shortest: float, longest: float) -> list[str]:
    """Wait until the LUNs of TPGs, given with their number of sessions, are left alone.

    :param shortest: seconds to wait in any case, and `longest` at most
    :returns: those that are not when the time is up, as ``iqn…/lun_0``
    """
    began, before = time.monotonic(), _commands(draining)
    while True:
        time.sleep(WINDOW)
        now = _commands(draining)
        busy = [
            f"{lun.parents[1].parent.name}/{lun.name}"
            for lun, count in now.items()
            if count - before.get(lun, 0) > CHECKS * draining[lun.parents[1]]
        ]
        passed = time.monotonic() - began
        if (not busy and passed >= shortest) or passed >= longest:
            return busy
        before = now


def _commands(tpgs: dict[Path, int]) -> dict[Path, int]:
    """Commands that each LUN of the TPGs has got so far."""
    counters = "statistics/scsi_tgt_port/in_cmds"
    return {
        lun: int(_read(lun / counters) or 0) for tpg in tpgs for lun in sorted(tpg.glob("lun/*"))
    }


def _read(path: Path) -> str:
    """The text of a file of LIO, which may have null bytes in it; nothing if it is gone."""
    try:
        return path.read_text(errors="replace").replace("\0", "").strip()
    except OSError:
        return ""


def main() -> None:
    """Drain; whatever happens, the stop goes on."""
    try:
        for line in drain():
            print(line, flush=True)
    except Exception as error:
        print(f"not drained: {error!r}", file=sys.stderr)


if __name__ == "__main__":
    main()
