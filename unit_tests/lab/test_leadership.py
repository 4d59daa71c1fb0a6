"""Who is leader, and when that changes."""

HOOKS = ("leader-elected", "leader-settings-changed")


def leader(lab, application="toy"):
    units = lab.status()["applications"][application].get("units", {})
    return next((name for name, unit in units.items() if unit.get("leader")), None)


def telling(charm, trace):
    say = f'echo "$JUJU_UNIT_NAME $JUJU_HOOK_NAME $(is-leader)" >> {trace}'
    return str(charm("toy", {f"hooks/{hook}": say for hook in HOOKS}))


def test_one_unit_is_elected_and_the_others_are_told(lab, charm, trace):
    lab.api.deploy(None, telling(charm, trace), units=3)
    lab.wait_idle("toy/0", "toy/1", "toy/2")
    elected = [line for line in trace.read_text().splitlines() if "leader-elected" in line]
    assert elected == [f"{leader(lab)} leader-elected True"]
    lines = trace.read_text().splitlines()
    assert len([line for line in lines if line.endswith("settings-changed False")]) == 2


def test_removed_leader_hands_over_to_another_unit(lab, charm, trace):
    lab.api.deploy(None, telling(charm, trace), units=2)
    lab.wait_idle("toy/0", "toy/1")
    former = leader(lab)
    lab.api.remove_unit(None, former, False, False)
    lab.wait(lambda: not lab.unit(former))
    heir = leader(lab)
    assert heir and heir != former
    lab.wait(lambda: f"{heir} leader-elected True" in trace.read_text())


def test_leader_settings_reach_the_others(lab, charm, trace):
    lab.api.deploy(None, telling(charm, trace), units=2)
    lab.wait_idle("toy/0", "toy/1")
    trace.write_text("")
    first = leader(lab)
    (other,) = {"toy/0", "toy/1"} - {first}
    lab.exec(first, "leader-set a=1")
    lab.wait(lambda: trace.read_text() == f"{other} leader-settings-changed False\n")


def test_leader_on_a_dead_machine_loses_its_lease(lab, charm, trace):
    lab.api.deploy(None, telling(charm, trace), units=2)
    lab.wait_idle("toy/0", "toy/1")
    former = leader(lab)
    (heir,) = {"toy/0", "toy/1"} - {former}
    lab.api.power(None, former[-1], False)
    lab.wait(lambda: leader(lab) == heir)
    lab.wait(lambda: f"{heir} leader-elected True" in trace.read_text())
    lab.api.power(None, former[-1], True)
    lab.wait_idle(former)
    assert leader(lab) == heir
    assert lab.exec(former, "is-leader")["stdout"] == "False\n"


def test_only_unit_is_leader_again_when_its_machine_is_back(lab, charm, trace):
    lab.api.deploy(None, telling(charm, trace))
    lab.wait_idle("toy/0")
    lab.api.power(None, "0", False)
    lab.wait(lambda: leader(lab) is None)
    lab.api.power(None, "0", True)
    lab.wait(lambda: leader(lab) == "toy/0")
