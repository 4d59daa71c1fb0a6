"""What the functional tests do to a model, said once. Everything goes through jubilant."""

import contextlib
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jubilant
import yaml

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
COMMAND = REPOSITORY / "lab" / "juju-lab"
CHARM = REPOSITORY / "build" / "ceph-iscsi"
COMPANIONS = REPOSITORY / "lab" / "charms"

GATEWAY = "ceph-iscsi"
CONSUMER = "api-client"
INITIATOR = "initiator/0"
IQN = "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw"

#: What units say that wait for their turn to restart, and that have it.
WAITING, DRAINING = "Waiting for its turn to restart", "Restarting: draining"
PAUSED = "Paused. Use 'resume' action to resume normal service."

#: What `change_level` changes `loglevel` to, and back.
LEVEL = 3

#: Seconds that the initiator waits for a broken session; a drained one it leaves sooner.
UNDRAINED = 5

#: Seconds for an action, on a machine that does much else.
ACTION_LIMIT = 400

_background = ThreadPoolExecutor(4)

#: Prints the gateway's whole configuration, asked as rbd-target-api's own administrator.
READ_API = """
import base64, configparser, socket, ssl, sys, urllib.request
config = configparser.ConfigParser()
config.read("/etc/ceph/iscsi-gateway.cfg")
user, password = config["config"]["api_user"], config["config"]["api_password"]
secure = config["config"].getboolean("api_secure")
url = f"https://{socket.getfqdn()}:5000" if secure else "http://127.0.0.1:5000"
context = ssl.create_default_context() if secure else None
request = urllib.request.Request(f"{url}/api/config")
token = base64.b64encode(f"{user}:{password}".encode()).decode()
request.add_header("Authorization", f"Basic {token}")
answer = urllib.request.urlopen(request, timeout=30, context=context)
sys.stdout.write(answer.read().decode())
"""

#: Makes an archive in DIRECTORY, the first argument, with ceph-iscsi as it is, of a later version:
#: VERSION, the second one, is put behind its own.
LATER_PACKAGE = """
set -e
rm -rf $1 /srv/package; mkdir -p $1 /srv/package
cd /srv/package
apt-get download -qq ceph-iscsi
dpkg-deb -R ceph-iscsi_*.deb content
sed -i "s/^Version: .*/&$2/" content/DEBIAN/control
dpkg-deb -b content $1/ceph-iscsi_later.deb > /dev/null
cd $1
dpkg-deb -f ceph-iscsi_later.deb > Packages
echo "Filename: ./ceph-iscsi_later.deb" >> Packages
echo "Size: $(stat -c %s ceph-iscsi_later.deb)" >> Packages
echo "SHA256: $(sha256sum ceph-iscsi_later.deb | cut -d ' ' -f 1)" >> Packages
"""


@dataclass(frozen=True)
class Client:
    """An initiator's identity and the disk it is to get."""

    name: str
    username: str
    password: str
    image: str
    size: str = "1G"

    def parameters(self, **changed: str) -> dict[str, str]:
        """The parameters of create-target for this client; CHANGED ones replace or add."""
        given = {
            "iqn": IQN,
            "image-name": self.image,
            "image-size": self.size,
            "client-initiatorname": self.name,
            "client-username": self.username,
            "client-password": self.password,
        }
        return given | {key.replace("_", "-"): value for key, value in changed.items()}


FIRST = Client(
    "iqn.2024-11.com.example.lab:initiator-0", "first-user", "first-password", "disk-one"
)
SECOND = Client(
    "iqn.2024-11.com.example.lab:elsewhere", "second-user", "second-passwrd", "disk-two"
)


def zaza_classes() -> list[str]:
    """The test classes in src/tests/tests.yaml that are for any model."""
    listed = yaml.safe_load((REPOSITORY / "src" / "tests" / "tests.yaml").read_text())["tests"]
    return [entry for entry in listed if isinstance(entry, str)]


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("_", "-"): value for key, value in parameters.items() if value is not None}


def _used(paths: list[dict[str, Any]]) -> set[str]:
    """Portals over which a multipath device's I/O goes."""
    return {path["portal"] for path in paths if path["group"] == "active"}


class Model:
    """The model under test and the words for what is done to it."""

    def __init__(
        self, juju: jubilant.Juju, gateway: str = GATEWAY, initiator: str = INITIATOR
    ) -> None:
        self.juju = juju
        #: the name of the gateways' application
        self.gateway = gateway
        #: the unit that logs in and writes
        self.initiator = initiator
        #: (unit, status, message) of the gateways, in the order in which they were seen
        self.seen: list[tuple[str, str, str]] = []

    # What there is

    def gateways(self) -> list[str]:
        """Names of the gateway units."""
        return sorted(self.juju.status().apps[self.gateway].units)

    def consumer(self) -> str:
        """The unit of CONSUMER."""
        return next(iter(self.juju.status().apps[CONSUMER].units))

    def address(self, unit: str) -> str:
        """The address that others reach UNIT under."""
        return self._unit(unit).public_address

    def portal(self, unit: str) -> str:
        """UNIT's portal, as a discovery writes it."""
        return f"{self.address(unit)}:3260"

    def machine(self, unit: str) -> str:
        """The machine that UNIT is on."""
        return self._unit(unit).machine

    def run_on(self, unit: str, command: str, *arguments: str) -> str:
        """Run a command on UNIT's host as its charm would; return what it printed."""
        return self.juju.exec(command, *arguments, unit=unit, wait=120).stdout

    def api_config(self, unit: str) -> dict[str, Any]:
        """The whole gateway configuration as UNIT's API tells it."""
        return json.loads(self.run_on(unit, "python3", "-c", READ_API))

    def api_code(self, unit: str, asking: str) -> int:
        """The HTTP status of UNIT's API, asked without TLS and password from ASKING's host."""
        url = f"http://{self.address(unit)}:5000/api/config"
        curl = ("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}")
        return int(self.run_on(asking, *curl, url))

    def api_passwords(self, unit: str) -> list[str]:
        """The lines of UNIT's file with passwords: of the one that is used, and of another."""
        return self.run_on(
            unit, "grep", "api_password", "/etc/ceph/iscsi-gateway.cfg"
        ).splitlines()

    def rotated(self, before: list[str]) -> bool:
        """Whether all gateways use another password than the lines BEFORE say, and no second."""
        lines = [self.api_passwords(unit) for unit in self.gateways()]
        return all(now[0] != before[0] and now[1] == "other_api_password =" for now in lines)

    def bag(self, unit: str, endpoint: str, reader: str) -> dict[str, str]:
        """UNIT's data bag as READER sees it over READER's ENDPOINT."""
        shown = json.loads(self.juju.cli("show-unit", reader, "--format", "json"))[reader]
        relation = next(r for r in shown["relation-info"] if r["endpoint"] == endpoint)
        return relation["related-units"][unit]["data"]

    def announced(self, unit: str) -> bool:
        """Whether the other gateways are told that UNIT serves."""
        other = next(name for name in self.gateways() if name != unit)
        return self.bag(unit, "cluster", other).get("gateway_ready") == "True"

    def ceph(self, *command: str) -> str:
        """Run a command of Ceph's as its administrator."""
        return self.run_on("ceph-mon/0", *command)

    def images(self) -> list[str]:
        """Names of the images in the pool of the disks."""
        return self.ceph("rbd", "ls", GATEWAY).split()

    def image_size(self, name: str) -> int:
        """Bytes of an image."""
        return json.loads(self.ceph("rbd", "info", "--format", "json", f"{GATEWAY}/{name}"))[
            "size"
        ]

    def stored(self) -> tuple[dict[str, Any], list[str]]:
        """The configuration as the cluster has it, and the images; times of changes left out."""
        document = json.loads(
            self.ceph("rados", "--pool", "iscsi", "get", "gateway.conf", "-"),
            object_hook=lambda part: {
                key: value
                for key, value in part.items()
                if key not in ("created", "updated", "epoch")
            },
        )
        return document, sorted(self.images())

    def wait_stored(self, what: str, timeout: float = 200) -> None:
        """Wait until a change has come so far that WHAT is in the configuration."""
        end = time.monotonic() + timeout
        while what not in self.ceph("rados", "--pool", "iscsi", "get", "gateway.conf", "-"):
            assert time.monotonic() < end, f"{what} is not stored after {timeout} s"
            time.sleep(0.3)

    def _unit(self, name: str) -> jubilant.statustypes.UnitStatus:
        return self.juju.status().apps[name.partition("/")[0]].units[name]

    def said(self, unit: str) -> str:
        """What UNIT's status says now."""
        return self._unit(unit).workload_status.message

    def says(self, status: jubilant.Status, unit: str, message: str) -> bool:
        """Whether UNIT says MESSAGE, and does nothing more."""
        found = status.apps[unit.partition("/")[0]].units[unit]
        return found.workload_status.message == message and found.juju_status.current == "idle"

    def look(self, unit: str, command: str, *arguments: str) -> str:
        """Run a command as the user ubuntu on UNIT's host, while its hooks go on; what it said."""
        for _ in range(5):
            with contextlib.suppress(jubilant.CLIError):  # a busy host does not answer in time
                return self.juju.ssh(unit, command, *arguments)
        return self.juju.ssh(unit, command, *arguments)

    def down_between(self, unit: str, service: str = "rbd-target-api") -> tuple[float, float]:
        """When a service of UNIT last began to stop and when it started, seconds since 1970."""
        moments = ("ActiveExitTimestamp", "ActiveEnterTimestamp")
        options = ("--timestamp=unix", f"--property={','.join(moments)}")
        shown = self.look(unit, "systemctl", "show", *options, service)
        values = dict(line.strip().split("=@", 1) for line in shown.splitlines() if "=@" in line)
        down, up = (float(values.get(moment, 0)) for moment in moments)
        return down, up

    def started_at(self, unit: str) -> float:
        """When UNIT's rbd-target-api started, seconds since 1970."""
        return self.down_between(unit)[1]

    def all_started_at(self) -> dict[str, float]:
        """When each gateway's rbd-target-api started."""
        return {unit: self.started_at(unit) for unit in self.gateways()}

    def restarted_one_after_the_other(self, since: dict[str, float]) -> bool:
        """Whether each gateway was down once since then, and never two of them."""
        times = sorted((*self.down_between(unit), unit) for unit in self.gateways())
        return all(up > since[unit] for _, up, unit in times) and all(
            first[1] <= second[0] for first, second in itertools.pairwise(times)
        )

    def boot(self, unit: str) -> str:
        """What tells the boots of UNIT's host apart; nothing while it is off."""
        try:
            return self.juju.ssh(unit, "cat", "/proc/sys/kernel/random/boot_id").strip()
        except jubilant.CLIError:
            return ""

    # What is done

    def deploy(self, *authorities: str, **gateway: Any) -> None:
        """Everything that the tests need. Ceph comes last: so the gateways are seen without it,
        then waiting for it. AUTHORITIES are charms that certificates come from,
        GATEWAY further arguments of the gateways' deploy."""
        self.juju.deploy(CHARM, self.gateway, num_units=2, **gateway)
        self.juju.deploy(COMPANIONS / "initiator")
        self.wait(lambda status: self._said(status, "Missing relations: ceph-client"))
        self.juju.deploy(
            COMPANIONS / "ceph-mon",
            config={"osd-count": 4},  # the smallest pools with lrc and clay have four chunks
            constraints={"virt-type": "container"},
        )
        self.juju.integrate(f"{self.gateway}:ceph-client", "ceph-mon:client")
        for authority in authorities:
            self.juju.deploy(COMPANIONS / authority, constraints={"virt-type": "container"})
            self.juju.integrate(f"{self.gateway}:certificates", authority)
        self.settle()

    def relate_consumer(self) -> None:
        """Have CONSUMER in the model, related to the gateways."""
        applications = self.juju.status().apps
        if CONSUMER not in applications:
            self.juju.deploy(COMPANIONS / CONSUMER, constraints={"virt-type": "container"})
            self.settle(CONSUMER)
        related = applications[GATEWAY].relations.get("admin-access", [])
        if CONSUMER not in [relation.related_app for relation in related]:
            self.juju.integrate(f"{GATEWAY}:admin-access", CONSUMER)
        self.settle(GATEWAY, CONSUMER)

    def settle(self, *applications: str, timeout: float = 600) -> None:
        """Wait until all units (of APPLICATIONS) are active and all agents idle."""
        self.wait(
            lambda status: (
                jubilant.all_active(status, *applications)
                and jubilant.all_agents_idle(status, *applications)
            ),
            timeout=timeout,
        )

    def settle_agents(self, *applications: str, timeout: float = 600) -> None:
        """Wait until no agent (of APPLICATIONS) has anything to do, whatever the units say."""
        self.wait(lambda status: jubilant.all_agents_idle(status, *applications), timeout)

    def wait(self, ready: Callable[[jubilant.Status], bool], timeout: float = 600) -> None:
        """Wait until READY; note what the gateways say meanwhile; a failed hook ends it."""

        def look(status: jubilant.Status) -> bool:
            self._note(status)
            return ready(status)

        self.juju.wait(look, error=jubilant.any_error, timeout=timeout, successes=2)

    def wait_for(self, ready: Callable[[], bool], timeout: float = 300) -> None:
        """Wait until READY."""
        deadline = time.monotonic() + timeout
        while not ready():
            if time.monotonic() > deadline:
                raise AssertionError(f"not so after {timeout} s")
            time.sleep(2)

    def wait_restarted(self, since: dict[str, float], timeout: float = 600) -> None:
        """Wait until the gateways' daemons have started later than SINCE says, by unit."""

        def all_later() -> bool:
            self._note(self.juju.status())
            try:
                return all(self.started_at(unit) > before for unit, before in since.items())
            except jubilant.CLIError:  # a host that is busy restarting does not answer
                return False

        self.wait_for(all_later, timeout)

    def action(self, unit: str, name: str, **parameters: Any) -> dict[str, Any]:
        """Run an action, return its results; jubilant.TaskError when it fails.

        Parameters that are None are not given.
        """
        return self.juju.run(unit, name, _given(parameters), wait=ACTION_LIMIT).results

    def start(self, unit: str, name: str, **parameters: Any) -> Future:
        """Run an action in the background; ``finish`` has its results."""
        return _background.submit(self.action, unit, name, **parameters)

    def finish(self, action: Future) -> dict[str, Any]:
        """Results of an action that was started; jubilant.TaskError when it failed."""
        return action.result(timeout=ACTION_LIMIT + 60)

    def failed(self, action: Future) -> str:
        """The message that an action which was started failed with, also one that was lost with
        its unit; nothing if it completed."""
        try:
            self.finish(action)
        except jubilant.TaskError as error:
            return error.task.message
        return ""

    def failure(self, unit: str, name: str, **parameters: str) -> jubilant.Task:
        """Run an action that must fail; return it, with its results and its message."""
        try:
            results = self.action(unit, name, **parameters)
        except jubilant.TaskError as error:
            return error.task
        raise AssertionError(f"{name} succeeded: {results}")

    def create_target(self, client: Client, unit: str | None = None, **changed: str) -> Any:
        """Run create-target for CLIENT on UNIT, or the first one; CHANGED parameters replace
        CLIENT's."""
        unit = unit or self.gateways()[0]
        return self.juju.run(
            unit, "create-target", client.parameters(**changed), wait=ACTION_LIMIT
        ).results

    def refusal(self, client: Client, unit: str | None = None, **changed: str) -> str:
        """Run a create-target that must fail; return the message it fails with."""
        try:
            results = self.create_target(client, unit, **changed)
        except jubilant.TaskError as error:
            return error.task.message
        raise AssertionError(f"create-target succeeded: {results}")

    def zaza(self, name: str) -> None:
        """Run a zaza test class (`tests.iscsi.TLSTest`) on the model; it prints how it goes."""
        functest = Path(sys.executable).with_name("functest-test")
        options = ("--model", str(self.juju.model), "--tests", name)
        command = [REPOSITORY / "lab" / "zaza", functest, *options]
        done = subprocess.run(command, cwd=REPOSITORY / "src", check=False)
        assert done.returncode == 0, f"{name} failed"

    def power(self, unit: str, state: str) -> None:
        """Cut the power of UNIT's host (STATE `off`) or give it back (`on`)."""
        command = ("lab", f"power-{state}", "--model", str(self.juju.model), self.machine(unit))
        self.juju.cli(*command, include_model=False)

    def power_up(self, unit: str) -> None:
        """Give UNIT's host power again, and wait until it has booted."""
        self.power(unit, "on")
        self.wait_for(lambda: self.boot(unit) != "")

    def link(self, unit: str, state: str) -> None:
        """Pull the network cable of UNIT's host (STATE `down`) or plug it in (`up`)."""
        command = ("lab", "link", "--model", str(self.juju.model), self.machine(unit), state)
        self.juju.cli(*command, include_model=False)

    def kill_agent(self, unit: str) -> None:
        """Kill the agent of UNIT's host with what it runs; it starts again."""
        command = ("lab", "kill-agent", "--model", str(self.juju.model), self.machine(unit))
        self.juju.cli(*command, include_model=False)

    def change_level(self) -> int:
        """Change `loglevel` to LEVEL, or back, for a reason to restart; what it is then."""
        if self.juju.config(GATEWAY)["loglevel"] == LEVEL:
            self.juju.config(GATEWAY, reset="loglevel")
        else:
            self.juju.config(GATEWAY, {"loglevel": LEVEL})
        return self.juju.config(GATEWAY)["loglevel"]

    def level(self, unit: str) -> int:
        """The `loglevel` that UNIT's daemons have."""
        setting = self.look(unit, "sudo", "grep", "debug.rbd", "/etc/ceph/iscsi/ceph.conf")
        return int(setting.partition("= ")[2].partition("/")[0])

    def leader(self) -> str:
        """The gateway that leads its application."""
        units = self.juju.status().apps[GATEWAY].units
        return next(name for name, unit in units.items() if unit.leader)

    def offer_later_package(self, number: int = 1) -> tuple[str, str]:
        """Have a later ceph-iscsi in an archive on each gateway.

        :returns: the archive as a value of `source`, and what the version ends with
        """
        directory, suffix = f"/srv/later{number}", f"+later{number}"
        for unit in self.gateways():
            self.run_on(unit, "sh", "-c", LATER_PACKAGE, "sh", directory, suffix)
        return f"deb [trusted=yes] file:{directory} ./", suffix

    def revisions(self) -> set[str]:
        """Revisions of the charm that the gateways have."""
        agents = "/var/lib/juju/agents/unit-{}/charm/revision"
        return {
            self.look(unit, "sudo", "cat", agents.format(unit.replace("/", "-")))
            for unit in self.gateways()
        }

    def serve_again(self, unit: str) -> None:
        """Start a gateway's daemons that were stopped, and wait until it listens again."""
        self.run_on(unit, "systemctl", "reset-failed", "rbd-target-api", "rbd-target-gw")
        self.run_on(unit, "systemctl", "start", "rbd-target-api", "rbd-target-gw")
        listening = ("ss", "--listening", "--tcp", "--numeric")
        self.wait_for(lambda: ":3260" in self.run_on(unit, *listening))

    # The initiator

    def login(self, client: Client = FIRST, password: str | None = None, iqn: str = IQN) -> None:
        """Log the initiator in to a target over all portals."""
        self.action(
            self.initiator,
            "login",
            portal=" ".join(self.portal(unit) for unit in self.gateways()),
            iqn=iqn,
            username=client.username,
            password=password or client.password,
        )

    def logout(self, iqn: str = IQN) -> None:
        """Log the initiator out and have it forget the target."""
        self.action(self.initiator, "logout", iqn=iqn)

    def device(self) -> dict[str, Any]:
        """The initiator's one multipath device: name, wwid, paths (portal, priority…)."""
        (device,) = json.loads(self.action(self.initiator, "show")["devices"])
        return device

    def device_path(self) -> str:
        """Where the initiator's disk is."""
        return f"/dev/mapper/{self.device()['name']}"

    def active_gateway(self) -> str:
        """The gateway over whose portal the initiator's I/O goes, or would go."""
        used = max(
            self.device()["paths"], key=lambda path: (path["group"] == "active", path["priority"])
        )
        return next(unit for unit in self.gateways() if self.portal(unit) == used["portal"])

    def wait_paths(self, count: int, timeout: float = 120) -> None:
        """Wait until the initiator's disk has COUNT working paths."""
        self._wait_device(
            lambda paths: [path["state"] for path in paths] == ["active ready"] * count, timeout
        )

    def wait_moved(self, unit: str, timeout: float = 120) -> None:
        """Wait until the initiator's I/O goes over another gateway than UNIT."""
        portal = self.portal(unit)
        self._wait_device(lambda paths: bool(_used(paths) - {portal}), timeout)

    def wait_back(self, unit: str, timeout: float = 120) -> None:
        """Wait until the initiator's I/O goes over UNIT again, and over no other gateway."""
        portal = self.portal(unit)
        self._wait_device(lambda paths: _used(paths) == {portal}, timeout)

    def _wait_device(self, ready: Callable[[list[dict[str, Any]]], bool], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not ready(paths := self.device()["paths"]):
            if time.monotonic() > deadline:
                raise AssertionError(f"not so after {timeout} s: {paths}")
            time.sleep(2)

    @contextlib.contextmanager
    def writing(self) -> Iterator[dict[str, Any]]:
        """Have the verifying writer at work meanwhile; its summary is there at the end."""
        device = self.device_path()
        writer, notes = "/root/writer.py", "/root/writer"
        self.juju.scp(HERE / "writer.py", f"{self.initiator}:writer.py")
        self.run_on(self.initiator, "install", "-m", "0700", "/home/ubuntu/writer.py", writer)
        unit = ("systemd-run", "--quiet", "--unit=writer", "--collect")
        self.run_on(self.initiator, *unit, writer, "run", device, notes)
        summary: dict[str, Any] = {}
        time.sleep(1)
        try:
            yield summary
            time.sleep(1)
        finally:
            self.run_on(self.initiator, "systemctl", "stop", "writer")
        summary |= json.loads(self.run_on(self.initiator, "cat", f"{notes}/summary.json"))
        summary |= json.loads(self.run_on(self.initiator, writer, "verify", device, notes))

    def written(self) -> list[tuple[float, float]]:
        """When each of the last writer's writes began (seconds since 1970); seconds it took."""
        lines = self.look(self.initiator, "sudo", "cat", "/root/writer/writes").splitlines()
        return [(float(began), float(took)) for _, began, took, _ in map(str.split, lines)]

    # What was seen

    def _note(self, status: jubilant.Status) -> None:
        application = status.apps.get(self.gateway)
        for name, unit in (application.units if application else {}).items():
            said = (name, unit.workload_status.current, unit.workload_status.message)
            if said not in self.seen:
                self.seen.append(said)

    def _said(self, status: jubilant.Status, message: str) -> bool:
        units = status.apps[self.gateway].units.values()
        return all(unit.workload_status.message == message for unit in units)
