"""What is killed on the stage, and from which state: the worlds and the hooks of a unit's life.

A world is what hook tools and programs know, as JSON: ``unit``, ``leader``, ``config`` (options),
``networks`` (by binding, as network-get tells), ``relations`` (by id: ``app``, ``units`` with
their bags, ``own``, ``own_app`` and ``remote_app`` bags), ``status``, ``services`` and their
``starts``, ``packages``, ``pools`` and ``images`` of the cluster, ``gateway`` (as ``GET
/api/config``) and ``action`` (``parameters``, ``results``, ``failed``).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from chaos.stage import Snapshot, Step

World = dict[str, Any]
CLUSTER, CEPH = "cluster:0", "ceph-client:1"
OWN, PEER = "10.85.0.11", "10.85.0.12"
TARGET = {
    "iqn": "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw",
    "image-name": "disk_1",
    "image-size": "1G",
    "client-initiatorname": "iqn.1993-08.org.debian:01:stage",
    "client-username": "stage-user",
    "client-password": "stage-password",
}


@dataclass(frozen=True)
class Scenario:
    """A hook or action to kill: its name, the state before it, what happens then, the step."""

    name: str
    start: str
    change: Callable[[World], None]
    step: Step


def hook(name: str, relation: str = "", remote: str = "") -> Step:
    """A hook as Juju runs it."""
    environment = {"JUJU_HOOK_NAME": name, "JUJU_DISPATCH_PATH": f"hooks/{name}"}
    if relation:
        environment |= {
            "JUJU_RELATION": relation.partition(":")[0],
            "JUJU_RELATION_ID": relation,
            "JUJU_REMOTE_UNIT": remote,
            "JUJU_REMOTE_APP": remote.partition("/")[0],
        }
    return Step(f"hooks/{name}", environment)


def action(name: str) -> Step:
    """An action as Juju runs it."""
    environment = {
        "JUJU_HOOK_NAME": "",
        "JUJU_ACTION_NAME": name,
        "JUJU_ACTION_UUID": "2",
        "JUJU_ACTION_TAG": "action-2",
    }
    return Step(f"actions/{name}", environment)


def network(address: str) -> dict[str, Any]:
    """What network-get tells of a binding."""
    value = {"hostname": "", "value": address, "address": address, "cidr": "10.85.0.0/24"}
    return {
        "bind-addresses": [{"interface-name": "eth0", "addresses": [value]}],
        "ingress-addresses": [address],
        "egress-subnets": [f"{address}/32"],
    }


def new_world(charm: Path) -> World:
    """A unit that was just added, as the leader, with a peer that has not come yet."""
    options = yaml.safe_load((charm / "config.yaml").read_text())["options"]
    addresses = {
        "ingress-address": OWN,
        "private-address": OWN,
        "egress-subnets": f"{OWN}/32",
    }
    return {
        "unit": "ceph-iscsi/0",
        "leader": True,
        "config": {name: option.get("default") for name, option in options.items()},
        "networks": {name: network(OWN) for name in ("public", "cluster", "ceph-client")},
        "relations": {
            CLUSTER: {
                "app": "ceph-iscsi",
                "units": {},
                "own": addresses,
                "own_app": {},
                "remote_app": {},
            }
        },
        "status": ["", ""],
        "services": {
            "tcmu-runner": {"active": True, "enabled": True},
            "rbd-target-api": {},
            "rbd-target-gw": {},
        },
        "starts": {},
        "packages": ["ceph-common"],
        "pools": {"iscsi": "replicated", "ceph-iscsi": "replicated"},
        "images": {},
        "gateway": {"targets": {}, "disks": {}, "discovery_auth": {}, "gateways": {}},
        "objects": {},
        "action": {"parameters": {}, "results": {}, "failed": None},
    }


def peer_comes(world: World) -> None:
    """The second unit joins."""
    world["relations"][CLUSTER]["units"]["ceph-iscsi/1"] = {
        "ingress-address": PEER,
        "private-address": PEER,
        "egress-subnets": f"{PEER}/32",
    }


def peer_serves(world: World) -> None:
    """The second unit's gateway is ready."""
    bag = world["relations"][CLUSTER]["units"]["ceph-iscsi/1"]
    bag |= {"gateway_ready": "True", "gateway_fqdn": "host-2.lab"}


def ceph_is_related(world: World) -> None:
    """A relation to a cluster that has not answered yet."""
    world["relations"][CEPH] = {
        "app": "ceph-mon",
        "units": {"ceph-mon/0": {"ingress-address": "10.85.0.1"}},
        "own": dict(world["relations"][CLUSTER]["own"]),
        "own_app": {},
        "remote_app": {},
    }


def ceph_answers(world: World) -> None:
    """The cluster tells key and monitors, and has done what was asked for."""
    asked = json.loads(world["relations"][CEPH]["own"]["broker_req"])
    world["relations"][CEPH]["units"]["ceph-mon/0"] |= {
        "auth": "cephx",
        "key": "AQBzZWNyZXQtb2YtdGhlLXN0YWdlLi4uLi4uLg==",
        "ceph-public-address": "10.85.0.1",
        "broker-rsp-ceph-iscsi-0": json.dumps({"request-id": asked["request-id"], "exit-code": 0}),
    }


def monitor_moves(world: World) -> None:
    """The cluster's monitor has another address."""
    world["relations"][CEPH]["units"]["ceph-mon/0"]["ceph-public-address"] = "10.85.0.2"


def set_option(name: str, value: Any) -> Callable[[World], None]:
    """An option gets another value."""

    def change(world: World) -> None:
        world["config"][name] = value

    return change


def ask(parameters: dict[str, Any]) -> Callable[[World], None]:
    """An action is called."""

    def change(world: World) -> None:
        world["action"] = {"parameters": parameters, "results": {}, "failed": None}

    return change


def nothing(world: World) -> None:
    """Nothing happens before the step."""


# How a unit gets from its beginning to where a scenario starts: state, state before, what happens,
# hooks.
STATES: tuple[tuple[str, str, Callable[[World], None], tuple[Step, ...]], ...] = (
    ("installed", "new", nothing, (hook("install"),)),
    (
        "started",
        "installed",
        nothing,
        (
            hook("cluster-relation-created", CLUSTER),
            hook("leader-elected"),
            hook("config-changed"),
            hook("start"),
        ),
    ),
    (
        "two units",
        "started",
        peer_comes,
        (
            hook("cluster-relation-joined", CLUSTER, "ceph-iscsi/1"),
            hook("cluster-relation-changed", CLUSTER, "ceph-iscsi/1"),
        ),
    ),
    (
        "ceph related",
        "two units",
        ceph_is_related,
        (
            hook("ceph-client-relation-created", CEPH),
            hook("ceph-client-relation-joined", CEPH, "ceph-mon/0"),
            hook("ceph-client-relation-changed", CEPH, "ceph-mon/0"),
        ),
    ),
    (
        "one serves",
        "ceph related",
        ceph_answers,
        (hook("ceph-client-relation-changed", CEPH, "ceph-mon/0"),),
    ),
    (
        "both serve",
        "one serves",
        peer_serves,
        (hook("cluster-relation-changed", CLUSTER, "ceph-iscsi/1"),),
    ),
    ("target", "both serve", ask(TARGET), (action("create-target"),)),
)

SCENARIOS = (
    Scenario("install", "new", nothing, hook("install")),
    Scenario(
        "ceph-client-relation-changed, first",
        "ceph related",
        ceph_answers,
        hook("ceph-client-relation-changed", CEPH, "ceph-mon/0"),
    ),
    Scenario(
        "ceph-client-relation-changed, monitor moves",
        "target",
        monitor_moves,
        hook("ceph-client-relation-changed", CEPH, "ceph-mon/0"),
    ),
    Scenario(
        "cluster-relation-changed",
        "one serves",
        peer_serves,
        hook("cluster-relation-changed", CLUSTER, "ceph-iscsi/1"),
    ),
    Scenario("config-changed", "target", set_option("loglevel", 5), hook("config-changed")),
    Scenario("create-target", "both serve", ask(TARGET), action("create-target")),
    Scenario("pause", "target", ask({}), action("pause")),
)


class States:
    """The states that scenarios start from, each made once, in a directory."""

    def __init__(self, directory: Path, charm: Path) -> None:
        self.directory = directory
        self._made = {"new": Snapshot.new(directory / "new", charm, new_world(charm))}

    def get(self, name: str) -> Snapshot:
        """A state by name.

        :raises RuntimeError: a hook on the way to it failed
        """
        if name not in self._made:
            before, change, steps = next(row[1:] for row in STATES if row[0] == name)
            keep = self.directory / name.replace(" ", "-")
            outcome = self.get(before).run(steps, self.world_after(before, change), keep)
            if any(outcome.codes) or outcome.state["world"]["action"]["failed"]:
                raise RuntimeError(f"on the way to {name!r}:\n{outcome.output}{outcome.state}")
            self._made[name] = Snapshot(keep)
        return self._made[name]

    def world_after(self, name: str, change: Callable[[World], None]) -> World:
        """The world of a state after something has happened in it."""
        world = self.get(name).world
        change(world)
        return world
