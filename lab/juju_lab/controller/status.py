"""The status document, as `juju status --format json` prints it, and what else shows status.

Entries without a value are left out: readers of the document refuse nulls.
"""

import datetime
import fnmatch
from collections.abc import Iterable, Sequence
from typing import Any

from juju_lab import AGENT_VERSION, CLOUD_NAME, CONTROLLER_NAME, REGION_NAME, names
from juju_lab.controller import network, ports
from juju_lab.controller.store import DYING, Application, Machine, Model, Relation, Unit

_WORST_FIRST = (
    "error",
    "blocked",
    "maintenance",
    "waiting",
    "active",
    "terminated",
    "unknown",
)


def timestamp(seconds: float, *, utc: bool) -> str:
    """A time as status prints it: `24 Feb 2025 16:59:43+13:00`, or `2025-02-24 03:59:43Z`."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    if utc:
        return moment.strftime("%Y-%m-%d %H:%M:%SZ")
    local = moment.astimezone()
    offset = local.isoformat()[-6:]
    return f"{local:%d %b %Y %H:%M:%S}{'Z' if offset == '+00:00' else offset}"


def of_workload(unit: Unit) -> dict[str, Any]:
    """The workload status that users see: a failed hook or a lost agent hide the charm's own."""
    agent = unit.agent_status
    if agent["current"] == "error":
        return {**agent, "message": agent["message"] + _failed_at(unit)}
    if unit.lost and unit.workload_status["current"] != "terminated":
        return {
            "current": "unknown",
            "message": f"agent lost, see 'juju show-status-log {unit.name}'",
            "data": {},
            "since": agent["since"],
        }
    return unit.workload_status


def of_agent(unit: Unit) -> dict[str, Any]:
    """The agent status that users see."""
    agent = unit.agent_status
    if unit.lost:
        return {
            **agent,
            "current": "lost",
            "message": "agent is not communicating with the server",
        }
    if agent["current"] == "error":
        return {**agent, "current": "idle", "message": ""}
    return agent


def of_application(application: Application) -> dict[str, Any]:
    """What the leader set, else the status of the unit that is worst off."""
    if application.status:
        return application.status
    statuses = [of_workload(unit) for unit in application.units]
    if not statuses:
        return {"current": "unknown", "message": "", "data": {}, "since": application.since}
    return min(statuses, key=lambda each: _WORST_FIRST.index(each["current"]))


def _failed_at(unit: Unit) -> str:
    number = unit.agent_status["data"].get("relation-id")
    for relation in unit.application.model.relations:
        if relation.number == number:
            end = relation.end_facing(unit.application.name)
            return f" for {end['application']}:{end['name']}"
    return ""


def goal_state(unit: Unit) -> dict[str, Any]:
    """What `goal-state` prints for `unit`."""
    application = unit.application
    relations: dict[str, Any] = {}
    for relation in application.model.relations:
        end = relation.end_of(application.name)
        if end is None or relation.is_peer:
            continue
        other = relation.end_facing(application.name)["application"]
        remote = next(each for each in application.model.applications if each.name == other)
        goal = "joined" if relation.life != DYING else DYING
        entries = relations.setdefault(end["name"], {})
        entries[other] = {"status": goal, "since": timestamp(relation.since, utc=True)}
        entries.update(_goal_units(remote.units))
    return {"units": _goal_units(application.units), "relations": relations}


def _goal_units(units: Iterable[Unit]) -> dict[str, Any]:
    return {
        unit.name: {
            "status": DYING if unit.life == DYING else unit.workload_status["current"],
            "since": timestamp(unit.workload_status["since"], utc=True),
        }
        for unit in units
    }


class StatusDocument:
    """Builds the document of one model; `patterns` keep only what they match."""

    def __init__(self, model: Model, *, utc: bool, patterns: Sequence[str] = ()) -> None:
        self._model = model
        self._utc = utc
        self._patterns = patterns

    def build(self) -> dict[str, Any]:
        """The document; `relations` in it lists what the table's last block shows."""
        model = self._model
        now = datetime.datetime.now().timestamp()
        applications = [each for each in model.applications if self._wanted(each)]
        machines = [
            each for each in sorted(model.machines, key=lambda m: m.number) if self._shown(each)
        ]
        return {
            "model": {
                "name": model.name,
                "type": "iaas",
                "controller": CONTROLLER_NAME,
                "cloud": CLOUD_NAME,
                "region": REGION_NAME,
                "version": AGENT_VERSION,
                "model-status": {
                    "current": "available" if model.life != DYING else "destroying",
                    "since": timestamp(model.since, utc=self._utc),
                },
                "sla": "unsupported",
            },
            "machines": {str(each.number): self._machine(each) for each in machines},
            "applications": {each.name: self._application(each) for each in applications},
            "storage": {},
            "controller": {"timestamp": self._clock(now)},
        }

    def relations(self) -> list[dict[str, Any]]:
        """The relations with their numbers, for `status --relations`."""
        return [
            _relation_row(each)
            for each in self._model.relations
            if any(
                self._wanted(application)
                for application in self._model.applications
                if each.end_of(application.name)
            )
        ]

    def _clock(self, seconds: float) -> str:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
        if self._utc:
            return f"{moment:%H:%M:%SZ}"
        offset = moment.astimezone().isoformat()[-6:]
        return f"{moment.astimezone():%H:%M:%S}{'Z' if offset == '+00:00' else offset}"

    def _wanted(self, application: Application) -> bool:
        return (
            not self._patterns
            or _matches(application.name, self._patterns)
            or any(self._unit_wanted(unit) for unit in application.units)
        )

    def _unit_wanted(self, unit: Unit) -> bool:
        return (
            not self._patterns
            or _matches(unit.name, self._patterns)
            or _matches(unit.application.name, self._patterns)
            or _matches(str(unit.machine.number), self._patterns)
        )

    def _shown(self, machine: Machine) -> bool:
        return (
            not self._patterns
            or _matches(str(machine.number), self._patterns)
            or any(self._unit_wanted(unit) for unit in machine.units)
        )

    def _status(self, value: dict[str, Any], *, version: bool = False) -> dict[str, Any]:
        document = {
            "current": value["current"],
            "message": value["message"],
            "since": timestamp(value["since"], utc=self._utc),
            "version": AGENT_VERSION if version else "",
        }
        return {key: text for key, text in document.items() if text}

    def _machine(self, machine: Machine) -> dict[str, Any]:
        address = network.address(machine)
        document: dict[str, Any] = {
            "juju-status": self._status(machine.agent_status, version=True),
            "instance-id": f"host-{machine.slot}" if address else "pending",
            "machine-status": self._status(machine.instance_status),
            "modification-status": self._status(
                {"current": "idle", "message": "", "since": machine.instance_status["since"]}
            ),
            "base": _base(machine.base),
            "constraints": _pairs(machine.constraints),
            "hardware": f"arch=amd64 cores=1 mem={machine.memory_mib}M virt-type={machine.kind}",
        }
        if address:
            document |= {
                "hostname": f"host-{machine.slot}",
                "display-name": f"host-{machine.slot}",
                "dns-name": address,
                "ip-addresses": [
                    each for found in machine.network for each in network.all_addresses(found)
                ],
                "network-interfaces": {
                    interface["name"]: {
                        "ip-addresses": network.all_addresses(interface),
                        "mac-address": interface["mac"],
                        "is-up": machine.agent_status["current"] == "started",
                        "space": network.space_of(
                            machine.model, interface["addresses"][0]["cidr"]
                        ),
                    }
                    for interface in machine.network
                },
            }
        return {key: value for key, value in document.items() if value}

    def _application(self, application: Application) -> dict[str, Any]:
        units = [unit for unit in application.units if self._unit_wanted(unit)]
        version = next((unit.workload_version for unit in units if unit.workload_version), "")
        document = {
            "charm": f"local:{application.charm_name}-{application.charm_revision}",
            "base": _base(application.base),
            "charm-origin": "local",
            "charm-name": application.charm_name,
            "charm-rev": application.charm_revision,
            "exposed": application.exposed,
            "life": application.life if application.life != "alive" else "",
            "application-status": self._status(of_application(application)),
            "relations": self._relations_of(application),
            "units": {unit.name: self._unit(unit) for unit in units},
            "version": version,
            "endpoint-bindings": application.bindings,
        }
        needed = ("exposed", "charm-rev")
        return {key: value for key, value in document.items() if value or key in needed}

    def _relations_of(self, application: Application) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = {}
        for relation in self._model.relations:
            end = relation.end_of(application.name)
            if end is not None:
                found.setdefault(end["name"], []).append(
                    {
                        "related-application": relation.end_facing(application.name)[
                            "application"
                        ],
                        "interface": end["interface"],
                        "scope": end["scope"],
                    }
                )
        return found

    def _unit(self, unit: Unit) -> dict[str, Any]:
        opened = sorted({port for each in unit.ports.values() for port in each})
        document = {
            "workload-status": self._status(of_workload(unit)),
            "juju-status": self._status(of_agent(unit), version=bool(unit.agent)),
            "leader": unit.application.leader == unit.name,
            "machine": str(unit.machine.number),
            "open-ports": [
                str(port) for port in sorted(map(ports.parse, opened), key=ports.order)
            ],
            "public-address": network.address(unit.machine),
        }
        return {key: value for key, value in document.items() if value}


def _relation_row(relation: Relation) -> dict[str, Any]:
    provider, requirer = relation.endpoints[-1], relation.endpoints[0]
    return {
        "id": relation.number,
        "provider": f"{provider['application']}:{provider['name']}",
        "requirer": f"{requirer['application']}:{requirer['name']}",
        "interface": requirer["interface"],
        "type": "peer" if relation.is_peer else "regular",
        "message": "" if relation.life != DYING else DYING,
    }


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _base(text: str) -> dict[str, str]:
    name, _, channel = text.partition("@")
    return {"name": name, "channel": channel}


def _pairs(values: dict[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(values.items()))


def show_unit(unit: Unit) -> dict[str, Any]:
    """What `juju show-unit` prints of one unit; `application-data` is that of the remote side."""
    application = unit.application
    document = {
        "workload-version": unit.workload_version,
        "machine": str(unit.machine.number),
        "opened-ports": sorted({port for each in unit.ports.values() for port in each}),
        "public-address": network.address(unit.machine),
        "charm": f"local:{application.charm_name}-{application.charm_revision}",
        "leader": application.leader == unit.name,
        "life": unit.life,
        "relation-info": [
            _relation_info(relation, unit)
            for relation in application.model.relations
            if relation.end_of(application.name)
        ],
    }
    needed = ("opened-ports", "leader")
    return {key: value for key, value in document.items() if value or key in needed}


def _relation_info(relation: Relation, unit: Unit) -> dict[str, Any]:
    mine = relation.end_of(unit.application.name)
    other = relation.end_facing(unit.application.name)
    app_bag = relation.bag(other["application"])
    document: dict[str, Any] = {
        "relation-id": relation.number,
        "endpoint": mine["name"],
        "related-endpoint": other["name"],
        "application-data": dict(app_bag.settings) if app_bag else {},
        "related-units": {
            bag.owner: {"in-scope": bag.in_scope, "data": dict(bag.settings)}
            for bag in sorted(relation.bags, key=lambda bag: names.natural(bag.owner))
            if names.is_unit(bag.owner)
            and names.application_of(bag.owner) == other["application"]
            and bag.owner != unit.name
        },
    }
    own = relation.bag(unit.name)
    if relation.is_peer and own:
        document["local-unit"] = {"in-scope": own.in_scope, "data": dict(own.settings)}
    if not document["related-units"]:
        del document["related-units"]
    return document


def show_application(application: Application) -> dict[str, Any]:
    """What `juju show-application` prints of one application."""
    return {
        "charm": application.charm_name,
        "base": application.base,
        "channel": "",
        "constraints": {str(key): value for key, value in application.constraints.items()},
        "principal": True,
        "exposed": application.exposed,
        "remote": False,
        "life": application.life,
        "endpoint-bindings": application.bindings,
        "units": {
            unit.name: {
                "workload-version": unit.workload_version,
                "machine": str(unit.machine.number),
                "public-address": network.address(unit.machine),
                "charm": f"local:{application.charm_name}-{application.charm_revision}",
                "leader": application.leader == unit.name,
                "life": unit.life,
            }
            for unit in application.units
        },
    }
