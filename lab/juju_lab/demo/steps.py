"""The demo's steps. Everything goes through the lab's command, as a user's hands would do it.

A second run uses what the first one left: applications that are there stay, the gateways are
refreshed with the charm as it is built now, and the target is asked for again.
"""

import contextlib
import json
import os
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import jubilant
from rich.console import Console

from juju_lab.demo.progress import Story
from juju_lab.hosts import PreflightError
from juju_lab.hosts.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]
COMMAND = REPOSITORY / "lab" / "juju-lab"
CHARM = REPOSITORY / "build" / "ceph-iscsi"
COMPANIONS = REPOSITORY / "lab" / "charms"

MODEL = "demo"
GATEWAYS = 2
IQN = "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw"
IMAGE = {"image-name": "disk1", "image-size": "1G"}
CHAP_USER = "demo-initiator"

#: Run on the initiator with a device name: a file system with known content, mounted.
WRITE = """
set -e
mkfs.ext4 -q -F "$1"
mkdir -p /mnt/demo && mount "$1" /mnt/demo
head -c 64M /dev/urandom > /mnt/demo/data
sync
cd /mnt/demo && sha256sum data | tee sum
"""
#: The same device after a new login: is the content what it was?
READ = """
set -e
mount "$1" /mnt/demo
cd /mnt/demo && sha256sum --check sum
"""
UNMOUNT = "mountpoint -q /mnt/demo && umount /mnt/demo || true"


class DemoError(Exception):
    """The demo did not show what it is there to show."""


class Demo:
    """One run: the model, what was learnt on the way, and the steps in their order."""

    def __init__(self, story: Story, settings: Settings) -> None:
        self.story = story
        self.settings = settings
        self.juju = jubilant.Juju(model=MODEL, cli_binary=COMMAND, wait_timeout=600)

    def run(self) -> None:
        """Do all steps; raises what the failing one raises."""
        steps: list[tuple[str, Callable[[], None]]] = [
            ("Prepare images and packages (kept for later runs)", self.prepare),
            ("Bring the lab's network up", self.bring_up),
            ("Deploy ceph-mon, two gateways and an initiator", self.deploy),
            ("Wait until Ceph is healthy and the gateways serve", self.wait_active),
            ("Create a target with a 1 GiB disk (action create-target)", self.create_target),
            ("Log the initiator in with CHAP over both portals", self.login),
            ("Look at the two paths", self.check_paths),
            ("Make a file system, write 64 MiB", self.write),
            ("Log out and in again, compare the checksum", self.reconnect),
        ]
        for name, action in steps:
            with self.story.step(name):
                action()
        self.show_result()

    def prepare(self) -> None:
        """Images and package archives, from the cache where they are there."""
        if not (CHARM / "metadata.yaml").exists():
            raise DemoError(f"{CHARM} is not there: `make build` builds it")
        self._lab("prepare")

    def bring_up(self) -> None:
        """Namespace, bridge, ssh key, controller."""
        self._lab("up")

    def deploy(self) -> None:
        """Ask for everything at once; the lab does it side by side."""
        models = json.loads(self.juju.cli("models", "--format", "json", include_model=False))
        if MODEL not in {model["short-name"] for model in models["models"]}:
            self.juju.cli("add-model", MODEL, include_model=False)
        status = self.juju.status()
        if "ceph-mon" not in status.apps:
            constraints = {"virt-type": "container"}
            self.juju.deploy(COMPANIONS / "ceph-mon", constraints=constraints)
        if "ceph-iscsi" in status.apps:
            self.juju.refresh("ceph-iscsi", path=CHARM)
        else:
            self.juju.deploy(CHARM, num_units=GATEWAYS)
        if "initiator" not in status.apps:
            self.juju.deploy(COMPANIONS / "initiator")
        related = status.apps["ceph-iscsi"].relations if "ceph-iscsi" in status.apps else {}
        if "ceph-client" not in related:
            self.juju.integrate("ceph-iscsi:ceph-client", "ceph-mon:client")

    def wait_active(self) -> None:
        """Every unit active, every agent idle; what they say meanwhile is shown."""

        def ready(status: jubilant.Status) -> bool:
            self.story.detail(*_unfinished(status))
            return jubilant.all_active(status) and jubilant.all_agents_idle(status)

        self.juju.wait(ready, error=jubilant.any_error, delay=2, successes=2)

    def create_target(self) -> None:
        """Parameters travel in a file of root, not on a command line."""
        shown = self._action("initiator/0", "show", {})
        parameters = {
            **IMAGE,
            "iqn": IQN,
            "client-initiatorname": shown["initiator-name"],
            "client-username": CHAP_USER,
            "client-password": self._chap_password(),
        }
        self._action("ceph-iscsi/0", "create-target", parameters)

    def login(self) -> None:
        """A clean login: what an earlier run left is taken away first."""
        self._on_initiator(UNMOUNT)
        self._action("initiator/0", "logout", {"iqn": IQN})
        self._login()

    def check_paths(self) -> None:
        """Two paths over two portals, one preferred."""
        shown = self._action("initiator/0", "show", {})
        paths = [path for device in json.loads(shown["devices"]) for path in device["paths"]]
        if len({path["portal"] for path in paths}) != GATEWAYS:
            raise DemoError(f"not two portals:\n{shown['multipath']}")
        if len({path["priority"] for path in paths}) != GATEWAYS:
            raise DemoError(f"not two priorities:\n{shown['multipath']}")
        self.story.show(shown["multipath"].rstrip())

    def write(self) -> None:
        """A file system with known content."""
        self.story.detail(self._on_initiator(WRITE, self._device()))

    def reconnect(self) -> None:
        """Everything gone from the initiator's memory, and read again."""
        self._on_initiator(UNMOUNT)
        self._action("initiator/0", "logout", {"iqn": IQN})
        self._login()
        self.story.detail(self._on_initiator(READ, self._device()))

    def show_result(self) -> None:
        """The state of the model and of the gateways, and what to do with it now."""
        self.story.show("")
        self.story.show(self.juju.cli("status").rstrip())
        self.story.show("")
        self.story.show(self.juju.ssh("ceph-iscsi/0", "sudo", "gwcli", "ls").rstrip())
        self.story.show(f"\nDone in {self.story.elapsed:.0f} s. The model keeps running.", "bold")
        machine = self.juju.status().apps["ceph-iscsi"].units["ceph-iscsi/0"].machine
        self.story.show("\nTry next:")
        width = len(_shown_command()) + max(len(arguments) for arguments, _ in NEXT) + 2
        for arguments, meaning in NEXT:
            command = f"{_shown_command()} {arguments.format(machine=machine)}"
            self.story.show(f"  {command:{width}} {meaning}")

    def _login(self) -> None:
        units = self.juju.status().apps["ceph-iscsi"].units.values()
        parameters = {
            "portal": " ".join(unit.public_address for unit in units),
            "iqn": IQN,
            "username": CHAP_USER,
            "password": self._chap_password(),
        }
        self._action("initiator/0", "login", parameters)

    def _device(self) -> str:
        devices = json.loads(self._action("initiator/0", "show", {})["devices"])
        return f"/dev/mapper/{devices[0]['name']}"

    def _action(self, unit: str, action: str, parameters: dict[str, str]) -> dict[str, str]:
        try:
            return self.juju.run(unit, action, parameters, wait=120).results
        except jubilant.TaskError as error:
            raise DemoError(f"{unit} {action}: {error.task.message}") from error

    def _on_initiator(self, script: str, *arguments: str) -> str:
        task = self.juju.exec("sh", "-c", script, "sh", *arguments, unit="initiator/0", wait=120)
        return task.stdout.strip()

    def _chap_password(self) -> str:
        """The password of this lab's initiator: made once, kept in a file of root."""
        file = self.settings.state_dir / "demo-chap-password"
        if not file.exists():
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
                new.write(secrets.token_hex(8))
        return file.read_text()

    def _lab(self, *arguments: str) -> None:
        """Run a `lab` command and show the last line that it printed as it goes."""
        command = [str(COMMAND), "lab", *arguments]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            lines = []
            for line in process.stdout or ():
                lines.append(line.rstrip())
                self.story.detail(line.strip())
        if process.returncode:
            raise DemoError("\n".join(lines[-20:]))


#: What to try when the demo is over: arguments of the lab's command, and what they are good for.
NEXT = (
    ("status --relations", "the model"),
    ("ssh initiator/0 sudo multipath -ll", "the paths, now"),
    ("run ceph-iscsi/1 pause", "its path goes; and back: resume"),
    ("run ceph-iscsi/0 create-target --params FILE", "another disk, another client"),
    ("ssh ceph-iscsi/0 sudo gwcli", "the gateway's own shell: ls, help, exit"),
    ("lab power-off {machine}", "pull the plug of ceph-iscsi/0; and back: power-on"),
    ("add-unit ceph-iscsi", "a third gateway"),
    ("debug-log --tail", "what the hooks say"),
    ("lab destroy", "remove the lab, all of it"),
)


def main() -> int:
    """Run the demo; the exit code is 0 when it showed all of it."""
    story = Story(Console(highlight=False))
    try:
        Demo(story, Settings.from_environment()).run()
    except KeyboardInterrupt:
        story.show(f"Interrupted. The lab goes on: {_shown_command()} lab destroy", "red")
        return 130
    except (DemoError, PreflightError, jubilant.CLIError, jubilant.WaitError, OSError) as error:
        _tell_failure(story, error)
        return 1
    return 0


def _tell_failure(story: Story, error: Exception) -> None:
    """What failed, the last lines of the model's log, and where to look further."""
    story.show(f"Failed after {story.elapsed:.0f} s: {story.step_name}", "bold red")
    story.show(str(error))
    if isinstance(error, jubilant.CLIError):
        story.show(error.stderr.strip())
    with contextlib.suppress(jubilant.CLIError, OSError):
        log = jubilant.Juju(model=MODEL, cli_binary=COMMAND).debug_log(limit=20)
        story.show(f"\nThe last lines of the log:\n{log.rstrip()}", "dim")
    juju = _shown_command()
    story.show(
        f"\nLook further:  {juju} status    {juju} debug-log --replay    {juju} lab logs MACHINE"
    )


def _unfinished(status: jubilant.Status) -> list[str]:
    """The units that are not active and idle, with what they say."""
    return [
        f"{name}: {unit.workload_status.message or unit.workload_status.current}"
        for application in status.apps.values()
        for name, unit in application.units.items()
        if not (unit.is_active and unit.juju_status.current == "idle")
    ]


def _shown_command() -> str:
    """The lab's command as one would type it here, for this lab."""
    here = Path.cwd()
    command = COMMAND.relative_to(here) if COMMAND.is_relative_to(here) else COMMAND
    name = os.environ.get("JUJU_LAB_NAME")
    return f"JUJU_LAB_NAME={name} {command}" if name else str(command)
