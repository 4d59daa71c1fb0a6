"""The full status, by the keys of Juju's API (those of `juju status --format json` differ)."""

from typing import Any

from juju.document import Document

_SERIES = {"20.04": "focal", "22.04": "jammy", "24.04": "noble"}


def series_of(base: dict[str, str]) -> str:
    """The code name of a base, e.g. jammy."""
    return _SERIES.get(base["channel"].partition("/")[0], "")


def full_status(shown: dict[str, Any], relations: list[dict[str, Any]]) -> Document:
    """Juju's FullStatus from the document that `juju status` prints and its relations."""
    return Document(
        {
            "model": Document(
                {
                    "name": shown["model"]["name"],
                    "type": shown["model"]["type"],
                    "cloud-tag": f"cloud-{shown['model']['cloud']}",
                    "region": shown["model"]["region"],
                    "version": shown["model"]["version"],
                    "model-status": _status(shown["model"]["model-status"]),
                }
            ),
            "machines": {name: _machine(name, each) for name, each in shown["machines"].items()},
            "applications": {
                name: _application(each) for name, each in shown["applications"].items()
            },
            "remote-applications": {},
            "offers": {},
            "relations": [_relation(row) for row in relations],
            "branches": {},
            "controller-timestamp": shown["controller"]["timestamp"],
        }
    )


def _status(shown: dict[str, Any]) -> Document:
    return Document(
        {
            "status": shown.get("current", ""),
            "info": shown.get("message", ""),
            "since": shown.get("since", ""),
            "version": shown.get("version", ""),
            "life": "",
            "data": {},
            "err": None,
        }
    )


def _base(shown: dict[str, str]) -> Document:
    return Document(name=shown["name"], channel=f"{shown['channel']}/stable")


def _machine(name: str, shown: dict[str, Any]) -> Document:
    return Document(
        {
            "id": name,
            "agent-status": _status(shown["juju-status"]),
            "instance-status": _status(shown["machine-status"]),
            "modification-status": _status(shown["modification-status"]),
            "instance-id": shown.get("instance-id", ""),
            "display-name": shown.get("display-name", ""),
            "hostname": shown.get("hostname", ""),
            "dns-name": shown.get("dns-name", ""),
            "ip-addresses": shown.get("ip-addresses", []),
            "network-interfaces": shown.get("network-interfaces", {}),
            "base": _base(shown["base"]),
            "series": series_of(shown["base"]),
            "constraints": shown.get("constraints", ""),
            "hardware": shown.get("hardware", ""),
            "containers": {},
        }
    )


def _application(shown: dict[str, Any]) -> Document:
    units = shown.get("units", {})
    return Document(
        {
            "charm": shown["charm"],
            "charm-channel": shown.get("charm-channel", ""),
            "charm-version": shown.get("charm-version", ""),
            "charm-profile": "",
            "base": _base(shown["base"]),
            "series": series_of(shown["base"]),
            "exposed": shown["exposed"],
            "life": shown.get("life", ""),
            "endpoint-bindings": shown.get("endpoint-bindings", {}),
            "relations": {
                name: [each["related-application"] for each in related]
                for name, related in shown.get("relations", {}).items()
            },
            "status": _status(shown["application-status"]),
            "subordinate-to": [],
            "units": {name: _unit(shown, each) for name, each in units.items()},
            "workload-version": shown.get("version", ""),
            "public-address": "",
        }
    )


def _unit(application: dict[str, Any], shown: dict[str, Any]) -> Document:
    return Document(
        {
            "agent-status": _status(shown["juju-status"]),
            "workload-status": _status(shown["workload-status"]),
            "workload-version": application.get("version", ""),
            "charm": application["charm"],
            "leader": shown.get("leader", False),
            "machine": shown.get("machine", ""),
            "opened-ports": shown.get("open-ports", []),
            "public-address": shown.get("public-address", ""),
            "subordinates": {},
        }
    )


def _relation(row: dict[str, Any]) -> Document:
    peer = row["type"] == "peer"
    ends = [("peer", row["requirer"])] if peer else []
    ends = ends or [("requirer", row["requirer"]), ("provider", row["provider"])]
    return Document(
        {
            "id": row["id"],
            "key": " ".join(end for _, end in ends),
            "interface": row["interface"],
            "scope": "global",
            "endpoints": [
                Document(
                    application=end.partition(":")[0],
                    name=end.partition(":")[2],
                    role=role,
                    subordinate=False,
                )
                for role, end in ends
            ],
        }
    )
