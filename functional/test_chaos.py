"""Five faults, each in the midst of three works on the gateways, under a writer.

No write fails and no acknowledged one is lost, the model is active again by itself, and the work
is whole: an action that completed has done it, one that failed has undone what it did, and one
that was lost with its unit or agent is completed by the same call.
"""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from harness import ACTION_LIMIT, DRAINING, GATEWAY, PAUSED, Client, Model

IQN = "iqn.2003-01.com.ubuntu.iscsi-gw:chaos"
CLIENT = Client("iqn.2024-11.com.example.lab:chaos", "chaos-user", "chaos-passwrd", "chaos", "64M")
DISK = f"{GATEWAY}/{CLIENT.image}"


class Work(ABC):
    """Something that is done on a unit while a fault strikes."""

    def __init__(self, model: Model, unit: str) -> None:
        self.model = model
        self.unit = unit

    @abstractmethod
    def begin(self) -> None:
        """Begin it, and wait until it is in the midst."""

    @abstractmethod
    def end(self) -> str:
        """See it end, or be taken back by itself; how it ended."""

    @abstractmethod
    def check(self, outcome: str) -> None:
        """See that nothing of it is half done, when all is active again."""

    def clear(self) -> None:  # noqa: B027 - not all leave something
        """Take away what it has made, also if it went wrong."""

    def states(self) -> list[str]:
        """The state of the unit's daemon, and of its unit file."""
        show = ("systemctl", "show", "-P", "ActiveState", "-P", "UnitFileState", "rbd-target-api")
        return self.model.look(self.unit, *show).split()

    def wait_draining(self) -> None:
        """Wait until the unit's daemon is told to stop, and drains."""
        self.model.wait_for(lambda: self.states()[0] == "deactivating")


class CreateTarget(Work):
    """A target with a disk and a client; the moment is when the disk is stored."""

    def begin(self) -> None:
        self.action = self.start()
        self.model.wait_stored(DISK)

    def start(self) -> Future:
        return self.model.start(self.unit, "create-target", **CLIENT.parameters(iqn=IQN))

    def end(self) -> str:
        return self.model.failed(self.action) or "made"

    def check(self, outcome: str) -> None:
        if outcome.endswith("What this call had done is undone"):
            document, images = self.model.stored()
            assert IQN not in document["targets"]
            assert DISK not in document["disks"]
            assert CLIENT.image not in images
        again = self.model.finish(self.start())["changed"]
        assert again == ("false" if outcome == "made" else "true")
        listed = self.model.action(self.unit, "list-targets", iqn=IQN)["targets"]
        document = json.loads(listed)
        (target,) = document["targets"]
        states = {gateway["unit"]: gateway["state"] for gateway in target["gateways"]}
        assert states == dict.fromkeys(self.model.gateways(), "up")
        assert [disk["name"] for disk in target["disks"]] == [DISK]
        clients = [(client["name"], client["luns"]) for client in target["clients"]]
        assert clients == [(CLIENT.name, {DISK: 0})]
        assert document["problems"] == []

    def clear(self) -> None:
        mean = {"i_really_mean_it": True}
        self.model.action(self.unit, "delete-target", iqn=IQN, **mean)
        image = {"image_name": CLIENT.image, "remove_image": True}
        self.model.action(self.unit, "delete-disk", **image, **mean)


class RollingRestart(Work):
    """All gateways restart for an option; the moment is when the unit's daemon drains."""

    def begin(self) -> None:
        self.since = self.model.all_started_at()
        self.level = self.model.change_level()
        self.wait_draining()
        assert self.model.said(self.unit) == DRAINING

    def end(self) -> str:
        self.model.wait_restarted(self.since, timeout=900)
        return "all restarted"

    def check(self, outcome: str) -> None:
        assert {self.model.level(unit) for unit in self.model.gateways()} == {self.level}


class Pause(Work):
    """A unit is paused; the moment is when its daemon drains. One that fails is taken back."""

    def begin(self) -> None:
        self.action = self.model.start(self.unit, "pause")
        self.wait_draining()

    def end(self) -> str:
        outcome = self.model.failed(self.action)
        if not outcome:
            self.model.wait(lambda status: self.model.says(status, self.unit, PAUSED))
            assert self.states() == ["inactive", "masked"]
            self.model.action(self.unit, "resume")
        serving = ["active", "enabled"]
        self.model.wait_for(lambda: self.states() == serving, 900)
        return outcome or "paused"

    def check(self, outcome: str) -> None:
        assert self.model.announced(self.unit)

    def clear(self) -> None:
        if self.model.said(self.unit) == PAUSED:
            self.model.action(self.unit, "resume")


def power_cut(model: Model, unit: str, other: str) -> None:
    """The unit's host is off until the initiator has gone over to the other."""
    model.power(unit, "off")
    try:
        model.wait_moved(unit)
    finally:
        model.power_up(unit)


def agent_kill(model: Model, unit: str, other: str) -> None:
    """The unit's agent ends, with the hook or action that it runs, and starts again."""
    model.kill_agent(unit)


def mon_restart(model: Model, unit: str, other: str) -> None:
    """The cluster's one monitor is down for 10 s."""
    kill_daemon(model, "ceph-mon -i a", seconds=10)


def osd_down(model: Model, unit: str, other: str) -> None:
    """An OSD is down for 20 s; the others take over its objects."""
    kill_daemon(model, "ceph-osd -i 0", seconds=20)


def network_cut(model: Model, unit: str, other: str) -> None:
    """The other one, where the initiator is to go, has no network for 20 s."""
    model.link(other, "down")
    try:
        time.sleep(20)
    finally:
        model.link(other, "up")


def kill_daemon(model: Model, command: str, seconds: int) -> None:
    """Kill a daemon of the cluster; SECONDS later its charm's hook starts it again, and waits
    until the cluster is healthy. No other hook runs meanwhile, which would start it earlier."""
    script = f"pkill --signal KILL --full '^{command}' && sleep {seconds} && hooks/hook.py"
    model.juju.exec("sh", "-c", script, unit="ceph-mon/0", wait=ACTION_LIMIT)


Fault = Callable[[Model, str, str], None]


@pytest.mark.parametrize("fault", [power_cut, agent_kill, mon_restart, osd_down, network_cut])
@pytest.mark.parametrize("work", [CreateTarget, RollingRestart, Pause])
def test_no_write_fails_and_the_work_is_whole(
    watched: Model, figures, work: type[Work], fault: Fault
):
    watched.settle()
    watched.wait_paths(2, timeout=300)
    unit = watched.leader() if fault is agent_kill else watched.active_gateway()
    (other,) = set(watched.gateways()) - {unit}
    doing = work(watched, unit)
    try:
        with watched.writing() as summary:
            doing.begin()
            fault(watched, unit, other)
            outcome = doing.end()
            watched.wait_paths(2, timeout=600)
            watched.settle(timeout=900)
            doing.check(outcome)
    finally:
        doing.clear()
    figures[f"{work.__name__} with {fault.__name__}"] = f"{outcome}; {summary}"
    assert summary["errors"] == summary["lost"] == 0
    assert summary["acknowledged"] > 0
