"""One restart at a time: each gateway asks for its turn, and the leader hands turns out.

In the data bags of the peer relation: a unit's ``restart_request`` is when it asked, in seconds
since 1970; that moment also tells its requests apart. The application's ``restart_turn`` is what
``next_turn`` returns. A turn ends when its request is gone, when its unit is gone, or at a limit.

All is in the data bags: a new leader goes on where the last one was. A leader that hands a turn
to itself uses it in the same hook, for it is told nothing of what it wrote; the others see it when
the hook ends, and until then nobody hands out another.
"""

import time
from collections.abc import Mapping
from typing import Any

from charmhelpers.core import hookenv

# Seconds: stopping may take 660 and starting 300; with that, the packages come first.
LIMIT = 1800


def next_turn(turn: Mapping[str, Any], requests: Mapping[str, str], now: float) -> dict[str, Any]:
    """Whose turn it is, given whose it was.

    First come, first served; who let its last turn run out comes after the others.

    :param turn: ``unit``, its ``request``, ``since`` when it has it, and ``late``: requests, by
        unit, that ran out once; or nothing
    :param requests: of the units that are there
    :param now: seconds since 1970
    :returns: as ``turn``; nothing if nobody asks
    """
    late = {
        unit: request
        for unit, request in turn.get("late", {}).items()
        if requests.get(unit) == request
    }
    unit = turn.get("unit")
    if unit in requests and requests[unit] == turn["request"]:
        # Leaders' clocks may differ; one that goes after another's counts as the same moment.
        if now - turn["since"] < LIMIT:
            return {**turn, "late": late}
        late[unit] = requests[unit]
    if not requests:
        return {}
    unit = min(requests, key=lambda name: (name in late, float(requests[name]), name))
    return {"unit": unit, "request": requests[unit], "since": int(now), "late": late}


def hand_out(cluster: Any) -> None:
    """On the leader: see whose turn it is now.

    :param cluster: endpoint of the peers
    """
    if not hookenv.is_leader():
        return
    turn = next_turn(cluster.restart_turn, cluster.restart_requests, time.time())
    if turn != cluster.restart_turn:
        hookenv.log(f"turn to restart: {turn.get('unit', 'nobody')}")
        cluster.set_restart_turn(turn)


def ask(cluster: Any) -> bool:
    """Ask for this unit's turn, unless it has asked already.

    :param cluster: endpoint of the peers
    :returns: whether it has it
    """
    if not hasattr(cluster, "restart_requests"):
        return True  # the community's interface knows no turns
    unit = hookenv.local_unit()
    if unit not in cluster.restart_requests:
        cluster.request_restart(f"{time.time():.3f}")
    hand_out(cluster)
    turn = cluster.restart_turn
    return bool(turn) and (turn["unit"], turn["request"]) == (
        unit,
        cluster.restart_requests[unit],
    )


def give_back(cluster: Any) -> None:
    """Need no turn any more; on the leader, the next one gets it.

    :param cluster: endpoint of the peers
    """
    if hasattr(cluster, "restart_requests"):
        cluster.withdraw_restart_request()
        hand_out(cluster)
