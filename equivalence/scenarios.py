"""The scenarios: each does something to a model and notes what is seen, under the contract's keys.

Those of one place share a model, in the order of ``SCENARIOS``: each begins with two active
gateways (some make them anew) and leaves two active gateways.
"""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jubilant

from equivalence import package
from equivalence.model import (
    CONTAINER,
    DOUBLE,
    IQN,
    MONITORS,
    Model,
    ModelError,
)
from equivalence.record import Scene
from equivalence.trail import Trail

#: The name of the lab's initiator.
CLIENT = "iqn.2024-11.com.example.lab:initiator-0"
PASSWORD = "kit-password-1"  # noqa: S105
TARGET = {
    "image_size": "1G",
    "image_name": "kit-disk",
    "client_initiatorname": CLIENT,
    "client_username": "kit-user",
    "client_password": PASSWORD,
}
_NEVER_TOLD = ("rbd-mirroring-mode",)
#: What a target is made with, as commands of gwcli and as calls of the API.
_COMMANDS = {
    "target": r"gwcli /iscsi-targets/? create .*|PUT /api/target/\S+",
    "gateway": r"gwcli \S+/gateways create (\S+).*|PUT /api/gateway/[^/]+/(\S+)",
    "disk": r"gwcli /disks/? create .*|PUT /api/disk/\S+",
    "client": r"gwcli \S+/hosts/? create .*|PUT /api/client/\S+",
    "auth": r"gwcli \S+ auth .*|PUT /api/clientauth/\S+",
    "map": r"gwcli \S+/hosts/\S+ disk .*|PUT /api/clientlun/\S+",
}


@dataclass
class Context:
    """What a scenario works with. ``other`` is the charm that replaces the first one."""

    model: Model
    scene: Scene
    other: Path | None = None

    def see(self, key: str, value: Any) -> None:
        """Note a value."""
        self.scene.seen[key] = value

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Go on if the charm does not know an option: why is told, and what follows is seen."""
        try:
            yield
        except jubilant.CLIError as error:
            told = (error.stderr or str(error)).strip()
            if told not in self.scene.error:
                self.scene.error = f"{self.scene.error}; {told}".removeprefix("; ")

    def hide(self, *keys: str) -> None:
        """Note that values can't be seen where this model is."""
        self.scene.hidden += keys


@dataclass(frozen=True)
class Scenario:
    """A scenario: what it is called and does, and where it runs unless asked otherwise.

    ``anew``: it deploys gateways of its own, so that it needs none beforehand.
    """

    name: str
    tells: str
    run: Callable[[Context], None]
    place: str = "stage"
    anew: bool = False


def operations(request: dict[str, Any], names: Any) -> list[dict[str, Any]]:
    """A request's operations without what says nothing, placeholders for names."""
    return [
        {
            key: names.tidy(value)
            for key, value in op.items()
            if value is not None and key not in _NEVER_TOLD
        }
        for op in request.get("ops", [])
    ]


def _pools(ops: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {op["name"]: op for op in ops if op["op"] == "create-pool"}


def _permissions(ops: list[dict[str, Any]]) -> list[str]:
    return next((op["permissions"] for op in ops if op["op"] == "set-key-permissions"), [])


def commands(noted: list[str]) -> list[str]:
    """Commands of create-target by what they make, gateways with their name; others left out."""
    found = []
    for line in noted:
        for word, pattern in _COMMANDS.items():
            if match := re.fullmatch(pattern, line):
                found.append(" ".join([word, *filter(None, match.groups())]))
    return list(dict.fromkeys(found))


def _trusted(look: dict[str, Any]) -> list[str]:
    listed = look["cfg-content"].get("trusted_ip_list", "").replace(" ", "")
    return listed.split(",") if listed else []


def _act(model: Model, unit: str, name: str, **given: Any) -> tuple[str, dict[str, Any]]:
    """Run an action that a scenario is about.

    :raises ModelError: the charm has none; Juju's words are told
    """
    outcome, results = model.action(unit, name, **given)
    if outcome.startswith("refused: "):
        raise ModelError(outcome.splitlines()[-1])
    return outcome, results


def _password(model: Model) -> str:
    return model.application_bag("cluster").get("admin_password", "")


def deploy(context: Context) -> None:
    """Gateways alone; related to a Ceph that is silent, then refuses; to a real one; ready."""
    model, see = context.model, context.see
    model.clear()
    model.companion("ceph-double", DOUBLE)
    model.companion(MONITORS)
    model.deploy()
    see("status-alone", model.statuses())
    model.settle("ceph-double")
    model.relate("ceph-client", "ceph-double:client")
    see("status-waiting", model.statuses())
    look = model.look(model.units()[0])
    see("files-before", [key for key in ("cfg", "ceph.conf", "keyring") if look[key]])
    model.juju.config("ceph-double", {"refuse": "kit says no"})
    model.settle(model.application, "ceph-double")
    see("status-refused", model.statuses())
    model.unrelate("ceph-client", "ceph-double:client")
    model.juju.remove_application("ceph-double")
    model.ready()
    _see_deployed(context)


def _see_deployed(context: Context) -> None:
    model, see = context.model, context.see
    names = model.names()
    units = model.units()
    looks = [model.look(unit) for unit in units]
    first = looks[0]
    see("status", model.statuses())
    for key in ("services", "packages", "cfg", "ceph.conf", "keyring"):
        see(key, first[key])
    for key in ("cfg-content", "ceph.conf-content", "ceph.conf-sections", "keyring-content"):
        see(key, names.tidy(first[key]))
    see("ceph.conf mon-host", names.tidy(first["ceph.conf-content"].get("global mon-host")))
    see("logger_level", first["cfg-content"].get("logger_level"))
    see("trusted", names.tidy(_trusted(first)))
    see("cfg-same-on-all", len({look["cfg-text"] for look in looks}) == 1)
    see("readable-secrets", names.tidy(first["readable"]))
    see("password-length", str(len(_password(model))))
    see("cluster", names.tidy(model.bag(units[0], "cluster")))
    bags = [model.bag(unit, "ceph-client") for unit in units]
    request = json.loads(bags[0].get("broker_req", "{}"))
    shown = {key: value for key, value in bags[0].items() if key != "broker_req"}
    if "osd-settings" in shown:
        shown["osd-settings"] = json.loads(shown["osd-settings"])
    see("ceph-client", names.tidy(shown))
    see("request-keys", sorted(request))
    see("api-version", request.get("api-version"))
    see("request-same-on-all", len({bag.get("broker_req") for bag in bags}) == 1)
    ops = operations(request, names)
    permissions = _permissions(ops)
    see("permissions", permissions)
    see("mon-permission", dict(zip(permissions[::2], permissions[1::2], strict=False)).get("mon"))
    see("ops", [{k: v for k, v in op.items() if k != "permissions"} for op in ops])
    see("data-pool", next((n for n, op in _pools(ops).items() if op["app-name"] == "rbd"), None))
    answers = model.bag(f"{MONITORS}/0", "ceph-client")
    answer = json.loads(answers.get(f"broker-rsp-{units[0].replace('/', '-')}", "{}"))
    see("answered", answer.get("request-id") == request["request-id"] and not answer["exit-code"])
    listed = model.ceph("ceph", "osd", "pool", "ls", "detail")
    pools = {pool["pool_name"]: sorted(pool["application_metadata"]) for pool in listed}
    see("pools", names.tidy(pools))
    see("key", names.tidy(f"client.{model.application}") if names.tidy("<key>") else None)


def requests(context: Context) -> None:
    """Options that change what is asked of Ceph, to and fro; and such that can't be."""
    model, see = context.model, context.see
    names = model.names()
    before = model.request()
    with context.attempt():
        _ask_for_erasure_coding(context, before)
    compression = {
        "bluestore_compression_mode": "aggressive",
        "bluestore_compression_algorithm": "zstd",
        "bluestore_compression_required_ratio": 0.7,
    }
    with context.attempt():
        model.configure(**compression)
        ops = _pools(operations(model.request(), names)).values()
        pool = next((op for op in ops if op.get("app-name") == "rbd"), {})
        see("compression", {key: value for key, value in pool.items() if "compression" in key})
        model.configure(**dict.fromkeys(compression))
    with context.attempt():
        model.configure(rbd_pool_name="kit-pool")
        ops = _pools(operations(model.request(), names)).values()
        see("named-pool", next((op["name"] for op in ops if op.get("app-name") == "rbd"), None))
        model.configure(rbd_pool_name=None)
    before = model.request()
    with context.attempt():
        model.configure(bluestore_compression_mode="kit-nonsense")
        see("bad-compression", model.statuses())
        see("bad-sends-nothing", model.request() == before)
        model.configure(bluestore_compression_mode=None)
    with context.attempt():
        model.configure(pool_type="kit-nonsense")
        see("bad-pool-type", model.statuses())
        model.configure(pool_type=None)
    model.ready()


def _ask_for_erasure_coding(context: Context, before: dict[str, Any]) -> None:
    model, see = context.model, context.see
    names = model.names()
    erasure = {"pool_type": "erasure-coded", "ec_profile_k": 2, "ec_profile_m": 1}
    model.configure(**erasure, ceph_osd_replication_count=2)
    ops = operations(model.request(), names)
    see(
        "ec-ops",
        [f"{op['op']} {op['name']}" if "name" in op else op["op"] for op in ops],
    )
    profile = next((op for op in ops if op["op"] == "create-erasure-profile"), {})
    see("ec-profile", profile)
    pools = _pools(ops)
    data = next((op for op in pools.values() if op.get("pool-type") == "erasure"), {})
    rbd = [op for op in pools.values() if op.get("app-name") == "rbd"]
    metadata = next((op for op in rbd if op.get("pool-type") != "erasure"), {})
    see("ec-pool", data)
    see("ec-metadata-pool", metadata.get("name"))
    weights = [op.get("weight") for op in (data, metadata)]
    see("ec-weights", [round(weight, 6) if weight else weight for weight in weights])
    rados = next((op for op in pools.values() if op.get("app-name") == "rados"), {})
    see("replicas", [rados.get("replicas"), metadata.get("replicas")])
    model.configure(**dict.fromkeys(erasure), ceph_osd_replication_count=None)
    again = model.request()
    see("back-again", again == before)
    see("permissions-kept", bool(_permissions(operations(again, names))))


def trusted_ips(context: Context) -> None:
    """add-trusted-ip: on the leader, elsewhere, with nonsense, instead of the others."""
    model, see = context.model, context.see
    names = model.names()
    leader = model.leader()
    other = next(unit for unit in model.units() if unit != leader)
    see("elsewhere", _act(model, other, "add-trusted-ip", ips="10.85.7.7")[0])
    model.action(leader, "add-trusted-ip", ips="10.85.8.8 10.85.7.7 10.85.8.8")
    model.settle()
    see("allowed_ips", json.loads(model.application_bag("cluster").get("allowed_ips", "[]")))
    see("file", names.tidy(sorted(_trusted(model.look(other)), key=names.tidy)))
    see("nonsense", model.action(leader, "add-trusted-ip", ips="kit-nonsense")[0])
    model.action(leader, "add-trusted-ip", ips="10.85.9.9", overwrite=True)
    model.settle()
    see("overwritten", json.loads(model.application_bag("cluster").get("allowed_ips", "[]")))
    model.ready()


def security_checklist(context: Context) -> None:
    """security-checklist on a gateway as it is deployed."""
    outcome, results = _act(context.model, context.model.units()[0], "security-checklist")
    context.see("outcome", outcome)
    told = {key: value for key, value in results.items() if key not in ("err", "return-code")}
    context.see("results", told)


def pause(context: Context) -> None:
    """pause, changes meanwhile, resume."""
    model, see = context.model, context.see
    unit = model.units()[0]
    see("outcome", model.action(unit, "pause")[0])
    model.settle()
    see("status", model.status(unit))
    see("services", model.look(unit)["services"])
    see("gateway_ready", model.bag(unit, "cluster").get("gateway_ready", ""))
    failed = len(model.failing())
    model.configure(loglevel=3)
    see("changed", model.failing()[failed:])
    see("services-changed", model.look(unit)["services"])
    model.configure(loglevel=None)
    with context.attempt():
        model.configure(bluestore_compression_mode="kit-nonsense")
        see("status-invalid", model.status(unit))
        model.configure(bluestore_compression_mode=None)
    see("outcome-resume", model.action(unit, "resume")[0])
    model.settle()
    model.becomes(lambda: model.status(unit).startswith("active"))
    see("status-resumed", model.status(unit))
    see("services-resumed", model.look(unit)["services"])
    model.ready()


def stuck(context: Context) -> None:
    """pause while a service does not stop, which no real one can be made to do."""
    model = context.model
    if not model.staged:
        context.hide("outcome")
        return
    unit = model.units()[0]
    model.run_on(unit, "touch", "/run/stage/rbd-target-gw.stuck")
    context.see("outcome", model.action(unit, "pause")[0])
    model.run_on(unit, "rm", "/run/stage/rbd-target-gw.stuck")
    model.action(unit, "resume")
    model.ready()


def services_down(context: Context) -> None:
    """Daemons that were stopped by somebody else, as the status tells it."""
    model, see = context.model, context.see
    unit = model.units()[0]

    def told_of(*services: str) -> str:
        model.run_on(unit, "systemctl", "stop", *services)
        _run_hook(model, unit, "update-status")
        told = model.status(unit)
        model.run_on(unit, "systemctl", "reset-failed", *services)
        model.run_on(unit, "systemctl", "start", *services)
        return told

    told = told_of("rbd-target-gw", "rbd-target-api")
    see("status", told)
    see("at-once", told.startswith("blocked"))
    see("tcmu-runner", told_of("tcmu-runner"))
    model.run_on(unit, "systemctl", "reset-failed", "rbd-target-api", "rbd-target-gw")
    model.run_on(unit, "systemctl", "start", "rbd-target-api", "rbd-target-gw")
    # A gateway may be announced only once its API answers, and that may be seen in a hook only.
    answers = "until curl --silent --output /dev/null http://127.0.0.1:5000/api/; do sleep 1; done"
    model.run_on(unit, "timeout", "120", "sh", "-c", answers)
    _run_hook(model, unit, "update-status")
    model.ready()


def _run_hook(model: Model, unit: str, name: str) -> None:
    """Have a hook run on a unit, now."""
    hook = f"hooks/{name}"
    script = (
        f"export JUJU_HOOK_NAME={name} JUJU_DISPATCH_PATH={hook}; "
        f"if [ -x {hook} ]; then {hook}; elif [ -x dispatch ]; then ./dispatch; fi >/dev/null"
    )
    model.run_on(unit, "sh", "-c", script)
    model.settle()
    model.did(f"run the hook {name} on {unit}")


def storm(context: Context) -> None:
    """Ten changes in a row: no hook fails, and the last one counts."""
    model, see = context.model, context.see
    unit = model.units()[0]
    before = model.look(unit)
    failed = len(model.failing())
    for number in range(2, 11):
        model.juju.config(model.application, {"loglevel": number})
        time.sleep(1 if model.staged else 6)
    model.configure(loglevel=0)
    with context.attempt():
        model.configure(use_syslog=True)
    after = model.look(unit)
    level = "cfg-content"
    see("loglevel", before[level].get("logger_level") != after[level].get("logger_level"))
    see("use-syslog", after["syslog"] > before["syslog"])
    see("errors", model.failing()[failed:])
    see("restarted", after["services"]["rbd-target-api"].startswith("active"))
    model.configure(loglevel=None)
    with context.attempt():
        model.configure(use_syslog=None)
    model.ready()


def create_target(context: Context) -> None:
    """create-target: good, bad, repeated, with chosen gateways, and what the gateway refuses."""
    model, see = context.model, context.see
    names = model.names()
    unit = model.units()[0]
    pool = model.application
    for key, changed in (
        ("bad-username", {"client_username": "kit user!"}),
        ("bad-password", {"client_password": "short"}),
        ("unknown-unit", {"gateway_units": f"{unit} {pool}/99"}),
        ("no-pool", {"rbd_pool_name": "kit-no-pool", "image_name": "kit-other"}),
    ):
        outcome, results = _act(model, unit, "create-target", **(TARGET | changed))
        see(key, names.tidy(outcome) if key == "unknown-unit" else outcome)
        if key == "bad-password":
            see("err", results.get("err", ""))
    before = len(model.look(unit)["commands"])
    outcome, results = model.action(unit, "create-target", **TARGET)
    see("result", outcome)
    see("iqn", results.get("iqn"))
    config = model.api_config(unit)
    made = config["targets"].get(IQN, {"portals": {}, "clients": {}, "disks": {}})
    portals = {ip for portal in made["portals"].values() for ip in portal["portal_ip_addresses"]}
    see("portals", names.tidy(sorted(portals)))
    see("disk", names.tidy(next(iter(made["disks"]), None)))
    client = made["clients"].get(CLIENT, {"auth": {}, "luns": {}})
    see("username", client["auth"].get("username"))
    see("luns", names.tidy(sorted(client["luns"])))
    look = model.look(unit, PASSWORD)
    see("commands", names.tidy(commands(look["commands"][before:])))
    see("logged-secrets", look["leaks"])
    if model.staged:
        context.hide("stored-in-clear")
    else:
        argv = ("rados", "--pool", "iscsi", "get", "gateway.conf", "-")
        see("stored-in-clear", PASSWORD in model.run_on(f"{MONITORS}/0", *argv))
    second = {"image_name": "kit-second", "client_initiatorname": f"{CLIENT}-2"}
    see("again", model.action(unit, "create-target", **(TARGET | second))[0])
    see("clients", len(model.api_config(unit)["targets"].get(IQN, {}).get("clients", {})))
    chosen = {"iqn": f"{IQN}-chosen", "image_name": "kit-third", "client_username": "kit-third"}
    both = " ".join(model.units()[:2])
    model.action(unit, "create-target", **(TARGET | chosen), gateway_units=both)
    portals = model.api_config(unit)["targets"].get(chosen["iqn"], {}).get("portals", {})
    addresses = [ip for portal in portals.values() for ip in portal["portal_ip_addresses"]]
    see("chosen-portals", names.tidy(sorted(addresses)))
    _spoil(model, pool)
    before = model.api_config(unit)
    refused = {"image_name": "kit-refused", "client_initiatorname": f"{CLIENT}-3"}
    see("refused", model.action(unit, "create-target", **(TARGET | refused))[0])
    see("unchanged", _settled(model.api_config(unit)) == _settled(before))


def _settled(config: dict[str, Any]) -> str:
    """A configuration without what each change counts up."""
    kept = {key: config.get(key) for key in ("targets", "disks")}
    return json.dumps(kept, sort_keys=True)


def _spoil(model: Model, pool: str) -> None:
    """Make an image that no gateway takes as a disk: it lacks exclusive-lock."""
    features = ("--image-feature", "layering")
    monitor = f"{MONITORS}/0"
    with contextlib.suppress(jubilant.TaskError):  # it is there from an earlier run
        model.run_on(monitor, "rbd", "create", f"{pool}/kit-refused", "--size", "1G", *features)


def create_target_ec(context: Context) -> None:
    """create-target with a data pool that is erasure-coded."""
    model, see = context.model, context.see
    names = model.names()
    unit = model.units()[0]
    options = {
        "pool_type": "erasure-coded",
        "ec_profile_k": 2,
        "ec_profile_m": 1,
        "rbd_pool_name": "kit-ec",
    }
    model.configure(**options)
    model.ready()
    given = {"iqn": f"{IQN}-ec", "image_name": "kit-ec-disk"}
    see("result", model.action(unit, "create-target", **(TARGET | given))[0])
    made = model.api_config(unit)["targets"].get(given["iqn"], {"disks": {}})
    disk = next(iter(made["disks"]), "")
    see("disk", names.tidy(disk))
    info = model.ceph("rbd", "info", disk) if disk else {}
    see("data-pool", info.get("data_pool"))
    model.configure(**dict.fromkeys(options))
    model.ready()


def api_clients(context: Context) -> None:
    """A client of the API comes and goes."""
    model, see = context.model, context.see
    model.companion("api-client")
    model.settle("api-client")
    names = model.names()
    names.add(model.address("api-client/0"), "<client>")
    model.relate("admin-access", "api-client")
    unit = model.units()[0]
    see("unit", names.tidy(model.bag(unit, "admin-access")))
    see("application", names.tidy(model.application_bag("admin-access")))
    trusted = names.tidy(_trusted(model.look(unit)))
    see("trusted", trusted)
    model.unrelate("admin-access", "api-client")
    if "<client>" in trusted:  # who never got in can't be shut out
        see("trusted-after", names.tidy(_trusted(model.look(unit))))
    model.juju.remove_application("api-client")
    model.ready()


def relation_again(context: Context) -> None:
    """Ceph's relation is removed and added again."""
    model, see = context.model, context.see
    unit = model.units()[0]
    request, text = model.request(), model.look(unit)["cfg-text"]
    model.unrelate("ceph-client", f"{MONITORS}:client")
    see("status-without", model.statuses())
    model.ready()
    see("status-with", model.statuses())
    see("same-request", model.request() == request)
    see("cfg-same", model.look(unit)["cfg-text"] == text)


def tls(context: Context) -> None:
    """Certificates come, are renewed, and go. A target was there; a client comes meanwhile."""
    model, see = context.model, context.see
    unit, second = model.units()[:2]
    target = TARGET | {"iqn": f"{IQN}-tls", "image_name": "kit-tls"}
    model.action(unit, "create-target", **target)
    targets = list(model.api_config(unit)["targets"])
    model.companion("ca")
    model.settle("ca")
    model.companion("api-client")
    model.settle("api-client")
    names = model.names()
    model.relate("admin-access", "api-client")
    model.juju.integrate(f"{model.application}:certificates", "ca")
    model.becomes(lambda: all(model.look(each)["crt"] for each in (unit, second)))
    model.settle(model.application, "ca", "api-client")
    bag = model.bag(unit, "certificates")
    asked = json.loads(bag.get("application_cert_requests", "{}"))
    see("request", sorted(names.tidy(name) for name in asked))
    sans = [san for entry in asked.values() for san in entry.get("sans", [])]
    see("sans", sorted(names.tidy(sans)))
    looks = [model.look(each) for each in (unit, second)]
    first = looks[0]
    see("api_secure", first["cfg-content"].get("api_secure"))
    for key in ("crt", "key", "pem", "pub-key"):
        see(key, first[key])
    see("ca-trusted", bool(first["ca"]))
    see("same-on-all", len({look["crt-text"] for look in looks}) == 1)
    see("chain-used", first["crt-text"].count("BEGIN CERTIFICATE") > 1)
    told = model.run_on(
        unit,
        "sh",
        "-c",
        "curl --silent --max-time 30 --output /dev/null --write-out '%{http_code}' "
        "https://$(hostname --fqdn):5000/api/_ping; true",
    )
    served = told.strip() == "401"
    see("served", served)
    further = {"client_initiatorname": f"{CLIENT}-tls"}
    see("create-target", served and model.action(second, "create-target", **(target | further))[0])
    see("scheme-with", model.bag(unit, "admin-access").get("scheme"))
    model.action("ca/0", "renew")
    see("renewed", model.becomes(lambda: model.look(unit)["crt-text"] != first["crt-text"]))
    model.settle(model.application, "ca")
    model.unrelate("certificates", "ca")
    see("targets-kept", list(model.api_config(unit)["targets"]) == targets)
    see("scheme-without", model.bag(unit, "admin-access").get("scheme"))
    model.unrelate("admin-access", "api-client")
    model.juju.remove_application("ca", "api-client")
    model.ready()


def leader(context: Context) -> None:
    """The leader goes, another one comes: what they share stays."""
    model, see = context.model, context.see
    password = _password(model)
    model.add_units(1)
    see("three", model.statuses())
    model.remove_units(model.leader())
    model.becomes(lambda: any(_leads(model)))
    see("password-kept", _password(model) == password)
    model.ready()


def _leads(model: Model) -> Iterator[bool]:
    return (unit.leader for unit in model.applications()[model.application].units.values())


def scale(context: Context) -> None:
    """From two gateways to four, and back."""
    model, see = context.model, context.see
    names = model.names()
    model.action(model.units()[0], "create-target", **TARGET)
    model.add_units(2)
    model.becomes(lambda: model.statuses().startswith("active"))
    see("four", model.statuses())
    texts = {model.look(unit)["cfg-text"] for unit in model.units()}
    see("cfg-same-on-all", len(texts) == 1)
    model.action(model.units()[0], "create-target", **TARGET)  # on all four now
    model.remove_units(*model.units()[2:])
    unit = model.units()[0]
    see("trusted-after", names.tidy(_trusted(model.look(unit))))
    if model.staged:
        context.hide("portals-after")  # a gateway takes itself out with ceph-iscsi's own library
    else:
        portals = model.api_config(unit)["targets"].get(IQN, {}).get("portals", {})
        see("portals-after", len(portals))
    model.ready()


def one(context: Context) -> None:
    """A single gateway."""
    model = context.model
    model.remove_units(model.units()[1])
    context.see("status", model.statuses())
    model.add_units(1)
    model.ready()


def refresh(context: Context) -> None:
    """The charm is refreshed to itself."""
    for key, value in _replace(context.model, context.model.charm).items():
        context.see(key, value)


def replacement(context: Context) -> None:
    """Another charm of the same name takes over, then the first one again."""
    model, see = context.model, context.see
    other = context.other or model.charm
    _have_target(model)
    if model.staged:
        context.hide("failed-writes", "lost-writes")  # no initiator can log in
        _there_and_back(context, other)
        return
    with model.writing(IQN, TARGET["client_username"], PASSWORD) as sums:
        _there_and_back(context, other)
    model.did(f"write meanwhile: {sums}")
    see("failed-writes", sums["errors"])
    see("lost-writes", sums["lost"])
    model.juju.remove_application("initiator")


def _have_target(model: Model) -> None:
    """Make a target with a disk for the initiator, by hand where a charm has no action for it.

    :raises ModelError: there is none
    """
    unit = model.units()[0]
    if model.action(unit, "create-target", **TARGET)[0] == "completed":
        return
    path, disk = f"/iscsi-targets/{IQN}", f"{model.application}/{TARGET['image_name']}"
    user = f"username={TARGET['client_username']} password={PASSWORD}"
    pool, _, image = disk.partition("/")
    lines = [
        f"/iscsi-targets create {IQN}",
        *(
            f"{path}/gateways create {model.host(each)[0]} {model.address(each)} skipchecks=true"
            for each in model.units()
        ),
        f"/disks create pool={pool} image={image} size={TARGET['image_size']}",
        f"{path}/hosts create {CLIENT}",
        f"{path}/hosts/{CLIENT} auth {user}",
        f"{path}/hosts/{CLIENT} disk add {disk}",
        "exit",
    ]
    said = model.run_on(unit, "sh", "-c", 'printf "%s\\n" "$@" | gwcli', "sh", *lines)
    client = model.api_config(unit)["targets"].get(IQN, {"clients": {}})["clients"].get(CLIENT)
    if not client or disk not in client["luns"]:
        raise ModelError(f"gwcli made no target: {said}")


def _there_and_back(context: Context, other: Path) -> None:
    model = context.model
    unit = model.units()[0]
    before = _settled(model.api_config(unit))
    seen, kept = [], []
    for charm in (other, model.charm):
        seen.append(_replace(model, charm))
        kept.append(_settled(model.api_config(unit)) == before)
    context.see("status", " / ".join(dict.fromkeys(each["status"] for each in seen)))
    context.see("password-kept", all(each["password-kept"] for each in seen))
    context.see("targets-kept", all(kept))


def _replace(model: Model, charm: Path) -> dict[str, Any]:
    """Refresh to a charm; its status, and whether all is as it was."""
    unit = model.units()[0]
    password, text, request = _password(model), model.look(unit)["cfg-text"], model.request()
    model.refresh(charm)
    return {
        "status": model.statuses(),
        "password-kept": _password(model) == password,
        "cfg-kept": model.look(unit)["cfg-text"] == text,
        "request-kept": model.request() == request,
    }


def series_upgrade(context: Context) -> None:
    """The hooks before and after a series upgrade, as Juju runs them."""
    model, see = context.model, context.see
    unit = model.units()[0]
    _run_hook(model, unit, "pre-series-upgrade")
    see("status", model.status(unit))
    see("services", model.look(unit)["services"])
    _run_hook(model, unit, "post-series-upgrade")
    model.becomes(lambda: model.status(unit).startswith("active"))
    see("status-after", model.status(unit))
    see("services-after", model.look(unit)["services"])


@contextlib.contextmanager
def _other_application(model: Model, name: str) -> Iterator[None]:
    """Have the model speak of another application of the same charm meanwhile."""
    first, model.application = model.application, name
    try:
        yield
        if model.trail:
            model.trail.end()
    finally:
        if name in model.applications():
            model.juju.remove_application(name)
        model.application = first


def names(context: Context) -> None:
    """The application has another name."""
    model, see = context.model, context.see
    model.companion(MONITORS)
    with _other_application(model, "storage-gw"):
        with contextlib.suppress(ModelError):  # whether they become active is what is looked at
            model.ready()
        placeholders = model.names()
        see("status", model.statuses())
        look = model.look(model.units()[0])
        see("keyring", placeholders.tidy((look["keyrings"] or [None])[0]))
        ops = operations(model.request(), placeholders)
        see("client", next((op.get("client") for op in ops if "client" in op), None))


def at_once(context: Context) -> None:
    """Everything is deployed and related in one go, Ceph's side first."""
    model, see = context.model, context.see
    model.clear()
    model.companion(MONITORS)
    model.deploy(related=f"{MONITORS}:client")
    model.becomes(lambda: model.statuses().startswith("active"))
    see("status", model.statuses())
    see("requests", [op["op"] for op in operations(model.request(), model.names())])
    see("cfg", model.look(model.units()[0])["cfg"])
    model.ready()


def container(context: Context) -> None:
    """A gateway in a container, which has no iSCSI."""
    model = context.model
    with _other_application(model, "in-container"):
        model.juju.deploy(model.charm, model.application, constraints=CONTAINER)
        model.settle()
        context.see("status", model.statuses())


SCENARIOS = (
    Scenario("deploy", "gateways alone, waiting, refused, ready", deploy, "lab", anew=True),
    Scenario("at-once", "everything related at once, Ceph's side first", at_once, anew=True),
    Scenario("requests", "what is asked of Ceph, by the options", requests),
    Scenario("security-checklist", "security-checklist", security_checklist),
    Scenario("pause", "pause and resume", pause, "lab"),
    Scenario("stuck", "pause while a service does not stop", stuck),
    Scenario("services-down", "daemons stopped by somebody else", services_down, "lab"),
    Scenario("storm", "ten changes in a row", storm),
    Scenario("tls", "certificates come, are renewed, and go", tls, "lab"),
    Scenario("create-target", "good, bad, repeated, chosen gateways", create_target, "lab"),
    Scenario("create-target-ec", "on erasure-coded pools", create_target_ec),
    Scenario("api-clients", "a client of the API comes and goes", api_clients),
    Scenario("relation-again", "Ceph's relation removed and added", relation_again),
    Scenario("refresh", "the charm refreshed to itself", refresh),
    Scenario("replacement", "another charm takes over, and back", replacement, "lab"),
    Scenario("leader", "the leader goes", leader),
    Scenario("scale", "two, four, two", scale, "lab"),
    Scenario("one", "a single gateway", one),
    Scenario("trusted-ips", "add-trusted-ip", trusted_ips),  # what it adds stays
    Scenario("names", "the application has another name", names, anew=True),
    Scenario("container", "a gateway in a container", container, anew=True),
    Scenario("series-upgrade", "the hooks before and after a series upgrade", series_upgrade),
)
NAMES = ("package", *(scenario.name for scenario in SCENARIOS))


def play(scenario: Scenario, model: Model, other: Path | None = None) -> Scene:
    """Run one scenario; what ends it early is noted in the scene."""
    scene = Scene(place="stage" if model.staged else "lab")
    began = time.monotonic()
    try:
        if not scenario.anew:
            model.ready()
        model.trail = Trail(model, scene)
        scenario.run(Context(model, scene, other))
        model.trail.end()
    except Exception as error:  # a charm may do anything: the rest of the run is worth having
        said = getattr(error, "stderr", None) or str(error)  # what Juju's command says, if it does
        if isinstance(error, jubilant.TaskError):
            said = (error.task.stderr.strip().splitlines() or [said])[-1]
        scene.error = f"{type(error).__name__}: {said.strip()}"[:500]
    finally:
        model.trail = None
    scene.seconds = round(time.monotonic() - began, 1)
    return scene


def play_package(charm: Path) -> Scene:
    """What a charm's own files tell, as a scene."""
    return Scene(package.look(charm))
