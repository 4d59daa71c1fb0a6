"""A model with gateways, on the lab's hosts or on a stage, and what is done to it."""

import contextlib
import io
import json
import re
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jubilant
from juju_lab.cli import client

from equivalence.names import Names
from equivalence.trail import Trail

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
COMMAND = REPOSITORY / "lab" / "juju-lab"
COMPANIONS = REPOSITORY / "lab" / "charms"
DOUBLE = HERE / "charms" / "ceph-double"
CONTAINER = {"virt-type": "container"}
MONITORS = "ceph-mon"
#: Seconds that anything may take, on a slow machine that does much else.
LIMIT = 1200
#: Seconds after which nothing more is to be expected of agents that are idle.
QUIET = 45
IQN = "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw"

#: Prints the gateway's whole configuration, asked as the API's own administrator.
READ_API = """
import base64, configparser, socket, ssl, time, urllib.error, urllib.request
parser = configparser.ConfigParser(interpolation=None)
parser.read("/etc/ceph/iscsi-gateway.cfg")
config = parser["config"]
secure = config.getboolean("api_secure")
url = f"https://{socket.getfqdn()}:5000" if secure else "http://127.0.0.1:5000"
context = ssl.create_default_context() if secure else None
request = urllib.request.Request(f"{url}/api/config")
login = f"{config['api_user']}:{config['api_password']}".encode()
request.add_header("Authorization", f"Basic {base64.b64encode(login).decode()}")
deadline = time.monotonic() + 120
while True:  # it may have been restarted just now
    try:
        print(urllib.request.urlopen(request, timeout=30, context=context).read().decode())
        break
    except urllib.error.HTTPError:
        raise
    except OSError:
        if time.monotonic() > deadline:
            raise
        time.sleep(1)
"""


class ModelError(Exception):
    """The model did not come to what a scenario needs; the message says what it was."""


class Juju(jubilant.Juju):
    """jubilant, which asks the lab itself for statuses and data bags.

    They are asked for all the time, and to start the command each time took a third of a run.
    """

    def cli(self, *args: str, include_model: bool = True, stdin: str | None = None) -> str:
        """What a command of Juju's prints."""
        match args:
            case ("status", "--format", "json"):
                asked = client.call("status", model=self.model, patterns=[], utc=True)
                return json.dumps(asked["document"])
            case ("show-unit", *units, "--format", "json"):
                return json.dumps(client.call("show_unit", model=self.model, units=units))
        return super().cli(*args, include_model=include_model, stdin=stdin)


class Model:
    """Gateways of one charm and what they are related to.

    ``staged`` models have gateways on containers with doubles of systemd, apt, gwcli and
    rbd-target-api: enough for everything but iSCSI itself, in a fraction of the time.
    """

    def __init__(self, juju: jubilant.Juju, charm: Path, *, staged: bool) -> None:
        self.juju = juju
        self.charm = charm
        self.staged = staged
        self.application = "ceph-iscsi"
        #: what is noted of the scenario that runs, after each step
        self.trail: Trail | None = None
        self._hosts: dict[str, tuple[str, str]] = {}
        self._commands: dict[str, int] = {}

    # What there is

    def applications(self) -> Mapping[str, Any]:
        """Applications of the model."""
        return self.juju.status().apps

    def units(self) -> list[str]:
        """The gateways' units, the oldest first; none before they are deployed."""
        return list(_units(self.applications().get(self.application)))

    def leader(self) -> str:
        """The unit that leads."""
        units = self.juju.status().apps[self.application].units
        return next(name for name, unit in units.items() if unit.leader)

    def address(self, unit: str) -> str:
        """The address that others reach a unit under."""
        application = unit.partition("/")[0]
        return self.juju.status().apps[application].units[unit].public_address

    def status(self, unit: str | None = None) -> str:
        """Status and message of a unit, the first by default."""
        return self.told()[unit or self.units()[0]]

    def statuses(self) -> str:
        """The status that all units have; all that there are if they differ."""
        return " / ".join(dict.fromkeys(self.told().values()))

    def told(self, applications: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Status and message of each unit, the oldest first; of applications asked before."""
        units = _units((applications or self.applications()).get(self.application))
        return {
            name: f"{unit.workload_status.current}: {unit.workload_status.message}"
            for name, unit in units.items()
        }

    def history(self, unit: str) -> list[str]:
        """Every status that a unit has had, in order."""
        told = self.juju.cli("show-status-log", unit, "--format", "json", "-n", "100000")
        entries = [entry for entry in json.loads(told) if entry.get("type") == "workload"]
        return [f"{entry.get('status')}: {entry.get('message', '')}" for entry in entries]

    def look(self, unit: str, *secrets: str) -> dict[str, Any]:
        """What is seen on a unit's host; with secrets, also where they lie about in clear."""
        script = (HERE / "look.py").read_text()
        return json.loads(self.run_on(unit, "python3", "-c", script, *secrets))

    def looks(self) -> dict[str, dict[str, Any]]:
        """What is seen on each gateway's host."""
        units = self.units()
        with ThreadPoolExecutor() as pool:
            return dict(zip(units, pool.map(self.look, units), strict=True))

    def new_commands(self, unit: str, look: Mapping[str, Any]) -> list[str]:
        """What has reached a unit's gateway since this was asked last."""
        noted = look["commands"]
        before, self._commands[unit] = self._commands.get(unit, 0), len(noted)
        return noted[before:] if before <= len(noted) else noted

    def run_on(self, unit: str, *argv: str) -> str:
        """Run a command on a unit's host as its charm would; return what it printed."""
        return self.juju.exec(*argv, unit=unit, wait=LIMIT).stdout

    def bags(
        self, applications: Mapping[str, Any] | None = None
    ) -> dict[str, dict[str, dict[str, str]]]:
        """Every data bag of the gateways' relations: by endpoint, then by owner."""
        found = (applications or self.applications()).values()
        staying = [each for each in found if each.life in ("", "alive")]
        units = [unit for application in staying for unit in application.units]
        told = self.juju.cli("show-unit", *units, "--format", "json")
        entries = [
            (unit, entry)
            for unit, about in json.loads(told).items()
            for entry in about.get("relation-info", ())
        ]
        endpoints = {
            entry["relation-id"]: entry["endpoint"]
            for unit, entry in entries
            if unit.partition("/")[0] == self.application
        }
        bags: dict[str, dict[str, dict[str, str]]] = {}
        for unit, entry in entries:
            if endpoint := endpoints.get(entry["relation-id"]):
                owners = dict(entry.get("related-units", {}))
                if own := entry.get("local-unit"):  # it is there for peers
                    owners[unit] = own
                for owner, about in owners.items():
                    application = {owner.partition("/")[0]: entry.get("application-data", {})}
                    bags.setdefault(endpoint, {}).update({owner: about["data"]} | application)
        return bags

    def bag(self, owner: str, endpoint: str) -> dict[str, str]:
        """The data bag of a unit or application on an endpoint; empty without relation."""
        return self.bags().get(endpoint, {}).get(owner, {})

    def application_bag(self, endpoint: str) -> dict[str, str]:
        """What the leader has written to the application's data bag of an endpoint."""
        return self.bag(self.application, endpoint)

    def request(self, unit: str | None = None) -> dict[str, Any]:
        """The broker request of a unit; empty if there is none."""
        bag = self.bag(unit or self.units()[0], "ceph-client")
        return json.loads(bag.get("broker_req") or "{}")

    def api_config(self, unit: str) -> dict[str, Any]:
        """The gateway configuration as a unit's API tells it."""
        return json.loads(self.run_on(unit, "python3", "-c", READ_API))

    def ceph(self, *argv: str) -> Any:
        """What a command of Ceph answers, as JSON."""
        return json.loads(self.run_on(f"{MONITORS}/0", *argv, "--format", "json"))

    def cluster(self) -> dict[str, Any]:
        """Ceph's pools and keys, and the gateways' configuration object; empty without Ceph."""
        if MONITORS not in self.applications():
            return {}
        pools = {
            pool["pool_name"]: {
                "applications": sorted(pool["application_metadata"]),
                "erasure-code-profile": pool["erasure_code_profile"],
                "size": pool["size"],
                "options": pool["options"],
            }
            for pool in self.ceph("ceph", "osd", "pool", "ls", "detail")
        }
        keys = {
            entry["entity"]: entry["caps"]
            for entry in self.ceph("ceph", "auth", "ls")["auth_dump"]
            if re.match(r"client\.(?!admin$|bootstrap-)", entry["entity"])
        }
        script = "rados --pool iscsi get gateway.conf - 2>/dev/null; true"
        stored = self.run_on(f"{MONITORS}/0", "sh", "-c", script).strip()
        return {"pools": pools, "keys": keys, "gateway.conf": json.loads(stored or "{}")}

    def names(
        self,
        applications: Mapping[str, Any] | None = None,
        bags: Mapping[str, Any] | None = None,
    ) -> Names:
        """Placeholders for all that differs from one run to the next."""
        names = Names()
        applications = applications or self.applications()
        bags = bags or self.bags(applications)
        names.add(self.application, "<application>")
        units = _units(applications.get(self.application))
        for number, (unit, about) in enumerate(units.items(), 1):
            names.add(unit, f"<unit {number}>")
            names.add(about.public_address, f"<gateway {number}>")
            fqdn, hostname = self.host(unit)
            names.add(fqdn, f"<fqdn {number}>")
            names.add(hostname, f"<hostname {number}>")
        password = bags.get("cluster", {}).get(self.application, {}).get("admin_password", "")
        names.add(password, "<password>")
        for monitor in _units(applications.get(MONITORS)).values():
            names.add(monitor.public_address, "<monitor>")
            answer = bags.get("ceph-client", {}).get(f"{MONITORS}/0", {})
            names.add(answer.get("key", ""), "<key>")
        return names

    def host(self, unit: str) -> tuple[str, str]:
        """Full and short name of a unit's host, asked once."""
        if unit not in self._hosts:
            told = self.run_on(unit, "sh", "-c", "hostname --fqdn; hostname").split()
            self._hosts[unit] = told[0], told[1]
        return self._hosts[unit]

    def did(self, what: str) -> None:
        """Note a step of the scenario that runs."""
        if self.trail:
            self.trail.step(what)

    # What is done

    def deploy(self, count: int = 2, *, related: str = "") -> None:
        """Deploy gateways, related to nothing or at once to Ceph; return once they are idle."""
        machines = self._machines(count)
        placed = {"to": machines} if machines else {}
        self.juju.deploy(self.charm, self.application, num_units=count, **placed)
        if related:
            self.juju.integrate(related, f"{self.application}:ceph-client")
        self.settle()
        self.did(f"deploy {count} units")

    def clear(self) -> None:
        """Remove the gateways, and what only they use; Ceph stays."""
        for name in self.applications():
            if name != MONITORS:
                self.juju.remove_application(name)
        self.wait(lambda status: set(status.apps) <= {MONITORS}, "the gateways to be gone")
        if MONITORS in self.applications():
            script = "rados --pool iscsi rm gateway.conf 2>/dev/null; true"
            self.run_on(f"{MONITORS}/0", "sh", "-c", script)

    def add_units(self, count: int) -> None:
        """Add gateways."""
        machines = self._machines(count)
        placed = {"to": machines} if machines else {}
        self.juju.add_unit(self.application, num_units=count, **placed)
        self.settle()
        self.did(f"add {count} units" if count > 1 else "add a unit")

    def remove_units(self, *units: str) -> None:
        """Remove gateways, at once; return once they are gone and the others are idle."""
        self.juju.remove_unit(*units)
        gone = f"{' and '.join(units)} gone"
        self.wait(lambda status: not set(units) & set(status.apps[self.application].units), gone)
        self.settle()
        self.did(f"remove {' and '.join(units)}")

    def companion(self, name: str, charm: Path | None = None, **options: Any) -> None:
        """Have a companion deployed, on a container."""
        if name not in self.applications():
            path = charm or COMPANIONS / name
            self.juju.deploy(path, name, constraints=CONTAINER, config=options or None)

    def relate(self, endpoint: str, other: str) -> None:
        """Relate an endpoint of the gateways; return once all are idle."""
        self.juju.integrate(f"{self.application}:{endpoint}", other)
        self.settle(self.application, other.partition(":")[0])
        self.did(f"relate {endpoint} to {other}")

    def unrelate(self, endpoint: str, other: str) -> None:
        """End a relation; return once all are idle."""
        name = other.partition(":")[0]
        self.juju.remove_relation(f"{self.application}:{endpoint}", other)

        def ended(status: jubilant.Status) -> bool:
            relations = status.apps[self.application].relations.get(endpoint, [])
            return name not in [relation.related_app for relation in relations]

        self.wait(ended, f"relation with {name} to end")
        self.settle(self.application, name)
        self.did(f"end the relation of {endpoint} to {other}")

    def configure(self, **options: Any) -> None:
        """Set options (`_` for `-`), None to reset; return once all are idle."""
        named = {name.replace("_", "-"): value for name, value in options.items()}
        values = {name: value for name, value in named.items() if value is not None}
        reset = [name for name, value in named.items() if value is None]
        if values:
            self.juju.config(self.application, values)
        if reset:
            self.juju.config(self.application, reset=reset)
        self.settle()
        said = [f"{name}={value}" for name, value in values.items()]
        self.did(" ".join(["config", *said, *(f"--reset {name}" for name in reset)]))

    def action(self, unit: str, name: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
        """Run an action: `completed`, or `failed: ` and its message; and its results."""
        outcome, results = self._run(unit, name, parameters)
        said = [f"{key}: {value}" for key, value in results.items() if key != "return-code"]
        self.did(f"run {name} on {unit}: {'; '.join([outcome, *said])}")
        return outcome, results

    def _run(self, unit: str, name: str, parameters: Mapping[str, Any]) -> tuple[str, Any]:
        given = {key.replace("_", "-"): value for key, value in parameters.items()}
        try:
            return "completed", dict(self.juju.run(unit, name, given, wait=LIMIT).results)
        except jubilant.TaskError as error:
            return f"failed: {error.task.message}", dict(error.task.results)
        except (jubilant.CLIError, ValueError) as error:  # it has no such action or parameter
            said = getattr(error, "stderr", None) or str(error)
            return f"refused: {said.strip()}", {}

    def ready(self) -> None:
        """Have two gateways deployed, related to Ceph and active."""
        if self.application not in self.applications():
            self.deploy()
        self.companion(MONITORS)
        for unit in self.units():
            if self.status(unit).startswith("maintenance: Paused"):  # a scenario ended early
                self.action(unit, "resume")
        if not self.bag(self.units()[0], "ceph-client"):
            self.relate("ceph-client", f"{MONITORS}:client")
        self.settle(self.application, MONITORS)
        if not self.becomes(
            lambda: jubilant.all_active(self.juju.status(), self.application, MONITORS)
        ):
            raise ModelError(f"the gateways don't become active: {self._all_told()}")
        self.did("wait until all are active")

    def refresh(self, charm: Path) -> None:
        """Have another charm, or the same one anew, take over; return once all is as before."""
        self.juju.refresh(self.application, path=charm)
        time.sleep(2)
        self.settle()
        self.becomes(lambda: self.statuses() == "active: Unit is ready")
        self.did("refresh the charm")

    @contextlib.contextmanager
    def writing(self, iqn: str, username: str, password: str) -> Iterator[dict[str, Any]]:
        """Have the verifying writer at work on a target meanwhile; its sums are there at the end.

        Needs real gateways. Sums: ``errors`` of writes, ``lost`` ones that were acknowledged.
        """
        if "initiator" not in self.applications():
            self.juju.deploy(COMPANIONS / "initiator", "initiator")
        self.settle("initiator")
        portals = " ".join(self.address(unit) for unit in self.units())
        login = {"portal": portals, "iqn": iqn, "username": username, "password": password}
        self.juju.run("initiator/0", "login", login, wait=LIMIT)
        shown = self.juju.run("initiator/0", "show", wait=LIMIT).results["devices"]
        device = f"/dev/mapper/{json.loads(shown)[0]['name']}"
        self.juju.scp(str(REPOSITORY / "functional" / "writer.py"), "initiator/0:writer.py")
        writer, notes = "/root/writer.py", "/root/writer"
        self.run_on("initiator/0", "install", "-m", "0700", "/home/ubuntu/writer.py", writer)
        unit = ("systemd-run", "--quiet", "--unit=writer", "--collect")
        self.run_on("initiator/0", *unit, writer, "run", device, notes)
        sums: dict[str, Any] = {}
        try:
            yield sums
        finally:
            self.run_on("initiator/0", "systemctl", "stop", "writer")
            sums |= json.loads(self.run_on("initiator/0", "cat", f"{notes}/summary.json"))
            sums |= json.loads(self.run_on("initiator/0", writer, "verify", device, notes))
            self.juju.run("initiator/0", "logout", {"iqn": iqn}, wait=LIMIT)

    def settle(self, *applications: str, timeout: float = LIMIT) -> None:
        """Return once all agents (of applications; the gateways by default) are idle."""
        names = applications or (self.application,)

        def idle(status: jubilant.Status) -> bool:
            return all(name in status.apps for name in names) and jubilant.all_agents_idle(
                status, *names
            )

        self.wait(idle, "idle agents", timeout)

    def wait(
        self, ready: Callable[[jubilant.Status], bool], what: str, timeout: float = LIMIT
    ) -> None:
        """Wait until the model is as asked.

        :raises ModelError: it is not in time; what the gateways say is told
        """
        end = time.monotonic() + timeout
        before = False
        while not ((now := ready(self.juju.status())) and before):  # what begins next is seen too
            if time.monotonic() > end:
                told = self._all_told() or "no gateways"
                raise ModelError(f"waited {timeout:.0f} s for {what}: {told}")
            before = now
            time.sleep(0.5)

    def becomes(self, ready: Callable[[], bool]) -> bool:
        """Whether something comes about by itself: not if all agents stay idle meanwhile.

        It is looked at each time that all have become idle, since looking can take one of them.

        :raises ModelError: an agent never becomes idle
        """
        while True:
            self.wait(jubilant.all_agents_idle, "idle agents")
            if ready():
                return True
            self.wait(jubilant.all_agents_idle, "idle agents")
            if not self._goes_on():
                return ready()

    def _goes_on(self) -> bool:
        """Whether one of the agents, all idle, has something to do before long."""
        end = time.monotonic() + QUIET
        while time.monotonic() < end:
            if not jubilant.all_agents_idle(self.juju.status()):
                return True
            time.sleep(0.5)
        return False

    def failing(self) -> list[str]:
        """Hooks that units of the gateways have failed in, as the log has them."""
        log = self.juju.debug_log(limit=0)
        tag = f"unit-{self.application}-"
        found = re.findall(rf'{tag}(\d+).*hook "([\w-]+)".*failed', log)
        return [f"{hook} on {number}" for number, hook in dict.fromkeys(found)]

    def _all_told(self) -> str:
        units = _units(self.applications().get(self.application))
        return "; ".join(
            f"{name} {unit.juju_status.current}, {unit.workload_status.current}: "
            f"{unit.workload_status.message}"
            for name, unit in units.items()
        )

    # The stage

    def _machines(self, count: int) -> list[str]:
        """Machines of a stage, ready to be gateways; none in the lab, where Juju makes them."""
        if not self.staged:
            return []
        before = set(self.juju.status().machines)
        self.juju.cli("add-machine", "--constraints", "virt-type=container", "-n", str(count))
        machines = sorted(set(self.juju.status().machines) - before, key=int)
        self.wait(
            lambda status: all(
                status.machines[number].juju_status.current == "started" for number in machines
            ),
            "machines of the stage",
        )
        for number in machines:
            self._dress(number)
        return machines

    def _dress(self, machine: str) -> None:
        """Put the stage's programs in the place of the distribution's; hide the container."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(HERE / "stage", arcname=".")
        script = (
            "tar -x --no-same-owner -C / && mkdir -p /run/stage /run/systemd/system"
            " && rm -f /run/systemd/container"
            # Real gateways take longer: while there are some, this goes on beside them.
            " && { renice -n 10 -p $(ls /proc | grep '^[0-9]') >/dev/null 2>&1; true; }"
        )
        argv = [str(COMMAND), "ssh", "--model", str(self.juju.model), f"root@{machine}", script]
        subprocess.run(argv, input=packed.getvalue(), check=True, capture_output=True)


def _units(application: Any) -> dict[str, Any]:
    """An application's units by name, the oldest first; none without application."""
    found = application.units if application else {}
    return dict(sorted(found.items(), key=lambda unit: int(unit[0].partition("/")[2])))
