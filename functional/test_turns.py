"""Turns to restart outlive whoever has them or hands them out: the table is in the data bags."""

import json
from typing import Any

from harness import DRAINING, WAITING, Model

#: Seconds that a unit may keep its turn, and more.
LONG_AGO = 1900


def leader_and_other(model: Model) -> tuple[str, str]:
    """The unit that leads, and the other one; both serve and have nothing to do."""
    model.settle()
    model.wait_paths(2, timeout=300)
    leader = model.leader()
    (other,) = set(model.gateways()) - {leader}
    return leader, other


def turn(model: Model) -> dict[str, Any]:
    """Whose turn it is, as the leader has told it."""
    return json.loads(application_bag(model)["application-data"].get("restart_turn") or "{}")


def application_bag(model: Model) -> dict[str, Any]:
    """What the gateways' relation among themselves holds."""
    unit = model.gateways()[0]
    shown = json.loads(model.juju.cli("show-unit", unit, "--format", "json"))[unit]
    return next(each for each in shown["relation-info"] if each["endpoint"] == "cluster")


def let_time_pass(model: Model) -> None:
    """Have the turn be one that was given LONG_AGO: what the leader told is changed, no clock."""
    told = turn(model)
    told["since"] -= LONG_AGO
    relation = f"cluster:{application_bag(model)['relation-id']}"
    key = f"restart_turn={json.dumps(told)}"
    model.run_on(model.leader(), "relation-set", "-r", relation, "--app", key)


def cut_at_its_turn(model: Model, first: str, cut: str) -> int:
    """Have both gateways need a restart, and when FIRST drains and the other one waits, have CUT
    lose its power; what `loglevel` is then, which is why they restart."""
    (second,) = set(model.gateways()) - {first}
    action = model.start(first, "restart")
    model.wait_for(lambda: model.said(first) in (WAITING, DRAINING))
    level = model.change_level()
    model.wait_for(lambda: {model.said(first), model.said(second)} == {WAITING, DRAINING})
    assert model.said(first) == DRAINING
    model.power(cut, "off")
    model.failed(action)
    return level


def all_restarted(model: Model, level: int) -> None:
    """See all gateways run on the change, nobody's turn, and both paths back."""
    for unit in model.gateways():
        model.wait_for(lambda unit=unit: model.level(unit) == level, 900)
    model.settle(timeout=900)
    assert turn(model) == {}
    model.wait_paths(2, timeout=300)


def test_a_unit_that_dies_with_the_turn_loses_it_when_its_time_is_over(watched: Model, figures):
    leader, dead = leader_and_other(watched)
    started = watched.started_at(leader)
    with watched.writing() as summary:
        level = cut_at_its_turn(watched, first=dead, cut=dead)
        assert turn(watched)["unit"] == dead
        let_time_pass(watched)
        watched.wait_for(lambda: turn(watched)["unit"] == leader)
        assert dead in turn(watched)["late"]
        assert watched.started_at(leader) == started, "it would cut the last path"
        watched.power_up(dead)
        watched.wait_restarted({leader: started}, timeout=900)
        all_restarted(watched, level)
    figures["writes while a unit dies with the turn"] = str(summary)
    assert summary["errors"] == summary["lost"] == 0


def test_a_leader_that_dies_with_the_turn_leaves_it_to_the_unit_that_waits(
    watched: Model, figures
):
    dead, heir = leader_and_other(watched)
    started = watched.started_at(heir)
    with watched.writing() as summary:
        level = cut_at_its_turn(watched, first=dead, cut=dead)
        watched.wait_for(lambda: turn(watched).get("unit") == heir)
        assert watched.leader() == heir
        assert watched.started_at(heir) == started, "it would cut the last path"
        watched.power_up(dead)
        watched.wait_restarted({heir: started}, timeout=900)
        all_restarted(watched, level)
    figures["writes while the leader dies with the turn"] = str(summary)
    assert summary["errors"] == summary["lost"] == 0


def test_a_leader_that_dies_while_it_waits_gets_its_turn_of_the_next_one(watched: Model, figures):
    dead, heir = leader_and_other(watched)
    started = watched.started_at(heir)
    with watched.writing() as summary:
        level = cut_at_its_turn(watched, first=heir, cut=dead)
        watched.wait_for(lambda: watched.leader() == heir)
        watched.wait_restarted({heir: started}, timeout=900)
        watched.wait_for(lambda: turn(watched).get("unit") == dead)
        watched.power_up(dead)
        all_restarted(watched, level)
    figures["writes while the leader dies waiting"] = str(summary)
    assert summary["errors"] == summary["lost"] == 0
