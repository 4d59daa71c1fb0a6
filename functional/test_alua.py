"""An initiator on Debian's ordinary kernel, under qemu: I/O follows the kernel's own ALUA handler.

A planned stop moves its I/O to the other gateway before anything on the path fails: no command
comes back, none is lost with a session, and there is a path at all times.
"""

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from harness import GATEWAY, REPOSITORY, Client, Model

APPLICATION = "ordinary-initiator"
CLIENT = Client(
    f"iqn.2024-11.com.example.lab:{APPLICATION}", "alua-user", "alua-password", "disk-alua"
)
EMULATOR = ("qemu-system-x86", "qemu-utils")

#: What the kernel says of a command that came back from a path.
CAME_BACK = re.compile(r"I/O error, dev|FAILED Result:|in standby state")
#: What multipathd says when a disk has no path left.
NO_PATH = "remaining active paths: 0"


@dataclass(frozen=True)
class Way:
    """A path as multipath and the kernel see it."""

    handler: str
    access: str
    priority: int
    group: str


class Ordinary(Model):
    """The model, with the initiator under qemu."""

    def ways(self) -> dict[str, Way]:
        """The disk's paths, by the gateway that each leads to."""
        gateways = {self.portal(unit): unit for unit in self.gateways()}
        found = {}
        for path in self.device()["paths"]:
            device = f"/sys/block/{path['disk']}/device"
            shown = self.run_on(
                self.initiator, "cat", f"{device}/dh_state", f"{device}/access_state"
            )
            found[gateways[path["portal"]]] = Way(*shown.split(), path["priority"], path["group"])
        return found

    def session(self, unit: str) -> str:
        """The state of the session with UNIT: FREE when the kernel waits for it no longer."""
        sessions = json.loads(self.action(self.initiator, "show")["sessions"])
        return next(each["state"] for each in sessions if each["portal"] == self.portal(unit))

    @contextlib.contextmanager
    def listening(self) -> Iterator[list[str]]:
        """Collect what the kernel and multipathd say meanwhile, line by line."""
        mark = "functional test listens"
        self.run_on(self.initiator, "sh", "-c", f"echo {mark} > /dev/kmsg")
        said: list[str] = []
        yield said
        sources = ("_TRANSPORT=kernel", "+", "_SYSTEMD_UNIT=multipathd.service")
        log = self.run_on(self.initiator, "journalctl", "--boot", "--output=cat", *sources)
        assert mark in log
        said += log.rpartition(mark)[2].splitlines()

    def wait_owner(self, unit: str) -> None:
        """Wait until both paths are there and I/O goes over UNIT's."""
        self.wait_paths(2, timeout=300)
        self.wait_for(lambda: self.ways()[unit].group == "active")


@pytest.fixture(scope="module")
def ordinary(target: Model) -> Iterator[Ordinary]:
    """The initiator under qemu, logged in over both paths; nothing of it stays."""
    subprocess.run([REPOSITORY / "lab" / "bootstrap", *EMULATOR], check=True)
    juju = target.juju
    if APPLICATION not in juju.status().apps:
        juju.deploy(
            REPOSITORY / "lab" / "charms" / "initiator",
            APPLICATION,
            base="ubuntu@22.04",
            config={"initiator-name": CLIENT.name},
            constraints={"virt-type": "qemu"},
        )
    target.settle(APPLICATION, timeout=1200)
    model = Ordinary(juju, initiator=next(iter(juju.status().apps[APPLICATION].units)))
    model.create_target(CLIENT)
    model.login(CLIENT)
    yield model
    model.logout()
    unit = model.gateways()[0]
    model.action(unit, "remove-client", client_initiatorname=CLIENT.name)
    model.action(
        unit, "delete-disk", image_name=CLIENT.image, remove_image=True, i_really_mean_it=True
    )
    juju.remove_application(APPLICATION)
    model.wait(lambda status: APPLICATION not in status.apps)


def came_back(said: list[str]) -> list[str]:
    return [line for line in said if CAME_BACK.search(line)]


def had_a_path(said: list[str]) -> bool:
    return not any(NO_PATH in line for line in said)


def test_the_kernels_handler_knows_the_paths_and_the_owners_is_used(ordinary: Ordinary):
    (owner,) = (unit for unit, way in ordinary.ways().items() if way.priority == 50)
    ordinary.wait_owner(owner)
    ways = ordinary.ways()
    (other,) = set(ways) - {owner}
    assert ways[owner] == Way("alua", "active/optimized", 50, "active")
    assert ways[other] == Way("alua", "active/non-optimized", 10, "enabled")
    assert "hwhandler='1 alua'" in ordinary.action(ordinary.initiator, "show")["multipath"]


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_pause_and_a_resume_of_the_owner_fail_no_command(ordinary: Ordinary, figures, time: str):
    unit = ordinary.active_gateway()
    ordinary.wait_owner(unit)
    with ordinary.listening() as said, ordinary.writing() as summary:
        ordinary.action(unit, "pause")
        ordinary.wait_moved(unit)
        ordinary.wait_for(lambda: ordinary.session(unit) == "FREE")
        ordinary.action(unit, "resume")
        ordinary.wait_owner(unit)
    figures[f"writes of a kernel with ALUA during the {time} pause and resume"] = str(summary)
    assert summary["errors"] == summary["lost"] == 0
    assert came_back(said) == []
    assert had_a_path(said)


def test_a_restart_of_all_gateways_fails_no_command(ordinary: Ordinary, figures):
    started = ordinary.all_started_at()
    with ordinary.listening() as said, ordinary.writing() as summary:
        for unit in started:
            ordinary.start(unit, "restart")
        ordinary.wait_restarted(started)
        ordinary.settle(GATEWAY)
        ordinary.wait_paths(2, timeout=300)
    figures["writes of a kernel with ALUA during a restart of all gateways"] = str(summary)
    assert summary["errors"] == summary["lost"] == 0
    assert came_back(said) == []
    assert had_a_path(said)
    assert ordinary.restarted_one_after_the_other(started)


def test_a_power_cut_of_the_owner_fails_no_write(ordinary: Ordinary, figures):
    unit = ordinary.active_gateway()
    ordinary.wait_owner(unit)
    with ordinary.listening() as said, ordinary.writing() as summary:
        ordinary.power(unit, "off")
        ordinary.wait_moved(unit)
        ordinary.power_up(unit)
        ordinary.wait_restarted({unit: 0})
        ordinary.settle(GATEWAY)
        ordinary.wait_owner(unit)
    figures["writes of a kernel with ALUA during a power-cut"] = str(summary)
    assert summary["errors"] == summary["lost"] == 0
    assert had_a_path(said)
