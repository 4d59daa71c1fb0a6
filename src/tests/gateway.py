"""What the test classes share: gateways, an initiator, and the words for what is done to them.

All goes through zaza.model, so the classes run wherever zaza does.
"""

import json
import re
import shlex
import time
import unittest
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import zaza.model
from zaza.charm_lifecycle import utils

CEPH = "ceph-mon"
INITIATOR = "initiator"
READY = "Unit is ready"
#: Seconds within which anything but a deployment or a release upgrade must be done.
PATIENCE = 900


def run(unit: str, command: str, timeout: float = PATIENCE) -> str:
    """What a shell command prints as root on a unit; AssertionError when it fails."""
    result = zaza.model.run_on_unit(unit, command, timeout=timeout)
    if result.get("Code") != "0":
        raise AssertionError(f"on {unit}: {result.get('Stderr') or result.get('Stdout')}")
    return result["Stdout"]


def first_unit(application: str) -> str:
    """Name of the application's first unit."""
    return zaza.model.get_first_unit_name(application)


def application() -> str:
    """Name of the application with the charm that is tested; it need not be the charm's."""
    charm = re.compile(rf"(.*[:/])?{utils.get_charm_config()['charm_name']}(-\d+)?")
    deployed = zaza.model.get_status().applications
    return next(name for name, shown in deployed.items() if charm.fullmatch(shown["charm"]))


def gateways() -> list[str]:
    """Names of the gateways' units."""
    return [unit.name for unit in zaza.model.get_units(application())]


def address(unit: str) -> str:
    """The address that others reach a unit under."""
    return zaza.model.get_unit_public_address(zaza.model.get_unit_from_name(unit))


def action(unit: str, name: str, **parameters: object) -> dict[str, str]:
    """Run an action; return its results, or raise zaza.model.ActionFailed."""
    given = {key.replace("_", "-"): value for key, value in parameters.items()}
    done = zaza.model.run_action(unit, name, action_params=given, raise_on_failure=True)
    return done.data["results"]


def settle() -> None:
    """Wait until the gateways say that they are ready, all others that they are active, and no
    agent has anything to do."""
    states = utils.get_charm_config().get("target_deploy_status", {})
    ours = application()
    for name in zaza.model.get_status().applications:
        if name != ours:
            states.setdefault(name, {"workload-status-message-regex": ""})
    zaza.model.wait_for_application_states(states=states, timeout=PATIENCE)


def wait(condition: Callable[[], object], what: str, timeout: float = PATIENCE) -> None:
    """Wait until a condition is true; AssertionError with WHAT when it does not come true."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so after {timeout} s: {what}")
        time.sleep(2)


@dataclass(frozen=True)
class Disk:
    """A target with one disk for the initiator, as create-target is asked for it."""

    iqn: str
    image: str
    size: str = "1G"
    username: str = "zaza-user"
    password: str = "zaza-password"

    def create(self, unit: str, **changed: str) -> dict[str, str]:
        """Create it on a unit; CHANGED parameters replace or add."""
        parameters = {
            "iqn": self.iqn,
            "image_name": self.image,
            "image_size": self.size,
            "client_initiatorname": initiator_name(),
            "client_username": self.username,
            "client_password": self.password,
        }
        return action(unit, "create-target", **(parameters | changed))

    def portals(self, unit: str) -> list[str]:
        """Addresses of the target's portals as a unit knows them, one for each gateway."""
        told = json.loads(action(unit, "list-targets", iqn=self.iqn)["targets"])
        (target,) = told["targets"]
        found = [each for gateway in target["gateways"] for each in gateway["portals"]]
        return [f"[{each}]" if ":" in each else each for each in found]

    def delete(self, unit: str, **pools: str) -> None:
        """Delete it on a unit, with its image; POOLS if they are not those of the options."""
        action(unit, "delete-target", iqn=self.iqn, i_really_mean_it=True)
        sure = {"remove_image": True, "i_really_mean_it": True}
        action(unit, "delete-disk", image_name=self.image, **sure, **pools)


def initiator_name() -> str:
    """The initiator's own IQN."""
    said = run(first_unit(INITIATOR), "cat /etc/iscsi/initiatorname.iscsi")
    return said.partition("InitiatorName=")[2].split()[0]


class Initiator:
    """The initiator and its one multipath device of a target."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.unit = first_unit(INITIATOR)

    def run(self, command: str) -> str:
        """What a shell command prints on the initiator."""
        return run(self.unit, command)

    def login(self, portals: Iterable[str]) -> None:
        """Find the target at one of the portals (addresses), and log in over all that it has."""
        node = f"iscsiadm -m node -T {self.disk.iqn}"
        settings = {
            "authmethod": "CHAP",
            "username": self.disk.username,
            "password": self.disk.password,
        }
        portal = shlex.quote(next(iter(portals)))
        commands = [f"iscsiadm -m discovery -t sendtargets -p {portal}"]
        for name, value in settings.items():
            value = shlex.quote(value)
            commands.append(f"{node} -o update -n node.session.auth.{name} -v {value}")
        self.run(" && ".join([*commands, f"{node} --login"]))
        wait(self.device, f"a multipath device of {self.disk.iqn}")

    def logout(self) -> None:
        """Give the device up and have the target forgotten; nothing, if it is not logged in."""
        if not self.disks():
            return
        node = f"iscsiadm -m node -T {self.disk.iqn}"
        self.run(f"multipath -f {self.device()}; {node} --logout && {node} -o delete")

    def disks(self) -> list[str]:
        """The disks (`sda`) that the sessions with the target have brought, one for each path."""
        said = self.run("iscsiadm -m session -P 3 || true")
        found, ours = [], False
        for words in map(str.split, said.splitlines()):
            if words[:1] == ["Target:"]:
                ours = words[1] == self.disk.iqn
            elif ours and words[:3] == ["Attached", "scsi", "disk"]:
                found.append(words[3])
        return found

    def device(self) -> str:
        """The name of the multipath device, empty as long as there is none."""
        disks = [f"/dev/{disk}" for disk in self.disks()]
        if not disks:
            return ""
        lines = self.run(f"lsblk --list --noheadings --output NAME,TYPE {' '.join(disks)}")
        found = [line.split() for line in lines.splitlines()]
        return next((name for name, kind in found if kind == "mpath"), "")

    def ready_paths(self) -> int:
        """How many of the device's paths work."""
        ours = self.disks()
        states = self.run('multipathd show paths format "%d %t %T"')
        paths = [line.split() for line in states.splitlines()]
        return sum(words[0] in ours and words[1:] == ["active", "ready"] for words in paths)

    def wait_paths(self, count: int) -> None:
        """Wait until so many of the device's paths work."""
        wait(lambda: self.ready_paths() == count, f"{count} working paths of {self.disk.iqn}")

    def write(self) -> str:
        """Make a file system on the device with a file in it; return the file's checksum."""
        return self._mounted(
            "mkfs.ext4 -q -F $device",
            "head -c 16M /dev/urandom > $where/data; sync; sha256sum < $where/data",
        )

    def read(self) -> str:
        """The checksum of the file that `write` made."""
        return self._mounted("true", "sha256sum < $where/data")

    def _mounted(self, before: str, command: str) -> str:
        return self.run(
            f"set -e; device=/dev/mapper/{self.device()}; {before}; where=$(mktemp -d);"
            f" mount $device $where; {command}; umount $where; rmdir $where"
        )


class GatewayTest(unittest.TestCase):
    """A model with gateways that are ready."""

    @classmethod
    def setUpClass(cls) -> None:
        """See who there is; a model in which something is wrong already is no ground for tests."""
        super().setUpClass()
        settle()
        cls.application = application()
        cls.gateways = gateways()

    def assert_status(self, unit: str, status: str, message: str) -> None:
        """Assert what a unit says."""
        units = zaza.model.get_status().applications[self.application]["units"]
        shown = units[unit]["workload-status"]
        self.assertEqual((shown["status"], shown["info"]), (status, message))

    def assert_refused(self, told: str, unit: str, name: str, **parameters: object) -> None:
        """Assert that an action fails and what it tells then."""
        with self.assertRaises(zaza.model.ActionFailed) as caught:
            action(unit, name, **parameters)
        self.assertIn(told, str(caught.exception))


class DiskTest(GatewayTest):
    """A target of the class's own, which the initiator is logged in to; nothing of it stays."""

    disk: Disk

    @classmethod
    def setUpClass(cls) -> None:
        """Create the target and log in."""
        super().setUpClass()
        cls.initiator = Initiator(cls.disk)
        cls.initiator.logout()
        cls.addClassCleanup(cls.delete)
        cls.create()
        cls.addClassCleanup(cls.initiator.logout)
        cls.portals = cls.disk.portals(cls.gateways[0])
        cls.initiator.login(cls.portals)
        cls.initiator.wait_paths(len(cls.gateways))

    @classmethod
    def create(cls) -> None:
        """Create the target, in the pools of the charm's options."""
        cls.disk.create(cls.gateways[0])

    @classmethod
    def delete(cls) -> None:
        """Delete the target with its disk."""
        cls.disk.delete(cls.gateways[0])
