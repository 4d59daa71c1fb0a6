"""The gateways' configuration as a document: taken from one cluster, put onto an empty one.

It has ``disks`` by name (size, settings, wwn, pool of the data), ``targets`` by IQN (gateways, own
credentials, disks and clients in the order of their LUNs, host groups) and ``discovery-auth``. The
images' content is not in it. Passwords are left out, or sealed under a public key.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ceph_iscsi import plan, validation
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.change import Change
from ceph_iscsi.disks import check_pools
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.plan import State
from ceph_iscsi.targets import Gateway

FORMAT = "ceph-iscsi-gateway-config/1"
_WWN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PASSWORDS = {"password": "username", "mutual_password": "mutual_username"}

Document = dict[str, Any]
# Whose credentials: a target's IQN or "discovery", and a client's name or "" for the former's own.
Owner = tuple[str, str]


def take(
    state: State, images: Mapping[str, Document], seal: Callable[[str], str] | None = None
) -> Document:
    """A state as a document.

    :param state: with passwords in clear
    :param images: of the disks, by name, each with ``size`` and perhaps ``data_pool``
    :param seal: makes of a password what may be kept; None to leave passwords out
    :raises GatewayError: an image can't be read
    """
    for name in state["disks"]:
        if "size" not in images.get(name, {}):
            problem = images.get(name, {}).get("problem", "it cannot be read")
            raise GatewayError(f"disk {name} cannot be exported: {problem}")

    def auth(values: Document | None) -> Document:
        there = {key: value for key, value in plan.credentials(values).items() if value}
        for key in _PASSWORDS:
            if password := there.pop(key, None):
                there |= {key: seal(password)} if seal else {}
        return there

    return {
        "format": FORMAT,
        "disks": {
            name: {
                "size": images[name]["size"],
                "data-pool": images[name].get("data_pool"),
                "wwn": disk.get("wwn"),
                "controls": disk.get("controls", {}),
            }
            for name, disk in state["disks"].items()
        },
        "targets": {
            iqn: {
                "gateways": sorted(target["portals"]),
                "acl-enabled": target.get("acl_enabled", True),
                "auth": auth(target.get("auth")),
                "disks": _by_lun(target["disks"]),
                "clients": {
                    name: {
                        "auth": auth(client["auth"]),
                        "disks": _by_lun(client["luns"]),
                        "host-group": client.get("group_name") or None,
                    }
                    for name, client in target["clients"].items()
                },
                "host-groups": {
                    name: {"members": list(group["members"]), "disks": list(group["disks"])}
                    for name, group in target.get("groups", {}).items()
                },
            }
            for iqn, target in state["targets"].items()
        },
        "discovery-auth": auth(state.get("discovery_auth")),
    }


def read(text: str) -> Document:
    """A document, checked whole.

    :raises GatewayError: it is none, or a part of it is not as it has to be
    """
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise GatewayError(f"file: its format is not {FORMAT}")
        for name, disk in document["disks"].items():
            _check_disk(name, disk)
        for iqn, target in document["targets"].items():
            _check_target(iqn, target, document["disks"])
        for _, auth in auths(document):
            if not set(auth) <= set(plan.NO_AUTH):
                raise GatewayError("file: there is something unknown among the credentials")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GatewayError(
            f"file: not an export of a gateway's configuration ({type(error).__name__})"
        ) from None
    return document


def auths(document: Document) -> Iterator[tuple[Owner, Document]]:
    """All credentials in a document, with whose they are."""
    yield ("discovery", ""), document["discovery-auth"]
    for iqn, target in document["targets"].items():
        yield (iqn, ""), target["auth"]
        for name, client in target["clients"].items():
            yield (iqn, name), client["auth"]


def in_force(state: State) -> dict[Owner, Document]:
    """All credentials in a state whose passwords are in clear, by whose they are."""
    found = {("discovery", ""): state.get("discovery_auth")}
    for iqn, target in state["targets"].items():
        found[iqn, ""] = target.get("auth")
        found |= {(iqn, name): client["auth"] for name, client in target["clients"].items()}
    return {owner: plan.credentials(auth) for owner, auth in found.items()}


def lacking(auth: Document) -> list[str]:
    """Which passwords credentials lack."""
    return [key for key, user in _PASSWORDS.items() if auth.get(user) and not auth.get(key)]


@dataclass(frozen=True, kw_only=True)
class Restore(Change):
    """The configuration in a document, passwords in clear by now, onto an empty cluster.

    What an earlier call has left counts as empty if it is as in the document. A target is put on
    those of its gateways that there are, on all if those are less than two.
    """

    document: Document = field(repr=False)
    gateways: tuple[Gateway, ...]
    disks: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "disks", tuple(self.document["disks"]))

    def contradictions(self, state: State) -> Iterator[str]:
        for kind in ("targets", "disks"):
            if others := sorted(set(state[kind]) - set(self.document[kind])):
                yield f"the gateways are not empty: there are other {kind}: {', '.join(others)}"
        for iqn, target in state["targets"].items():
            clients = self.document["targets"].get(iqn, {}).get("clients", {})
            if others := sorted(set(target["clients"]) - set(clients)):
                yield f"the gateways are not empty: {iqn} has other clients: {', '.join(others)}"
        for name, disk in self.document["disks"].items():
            there = state["images"].get(name)
            if there and there["size"] != disk["size"]:
                yield (
                    f"image {name} is there already with {plan.human_size(there['size'])}, "
                    f"not {plan.human_size(disk['size'])}"
                )

    def check_cluster(self, cluster: Cluster) -> None:
        pools = cluster.pools()
        for name, disk in self.document["disks"].items():
            check_pools(name.partition("/")[0], disk["data-pool"], pools)

    def wish(self, state: State) -> None:
        for name, disk in self.document["disks"].items():
            new = {"wwn": disk["wwn"], "controls": disk["controls"]}
            state["disks"][name] = state["disks"].get(name, {}) | new
            image = {"size": disk["size"], "snapshots": [], "data_pool": disk["data-pool"]}
            state["images"].setdefault(name, image)
        for iqn, target in self.document["targets"].items():
            there = state["targets"].get(iqn, plan.new_target())
            state["targets"][iqn] = there | self._target(target, there)
        state["discovery_auth"] = plan.credentials(self.document["discovery-auth"])

    def _target(self, target: Document, there: State) -> State:
        named = [gateway for gateway in self.gateways if gateway.fqdn in target["gateways"]]
        portals = {
            gateway.fqdn: {"portal_ip_addresses": [gateway.ip]}
            for gateway in (named if len(named) > 1 else self.gateways)
        }
        groups = {
            name: {"members": group["members"], "disks": {disk: {} for disk in group["disks"]}}
            for name, group in target["host-groups"].items()
        }
        clients = {
            name: {
                "auth": plan.credentials(client["auth"]),
                "luns": {disk: {} for disk in client["disks"]},
                "group_name": client["host-group"] or "",
            }
            for name, client in target["clients"].items()
        }
        return {
            "portals": there["portals"] or portals,
            "disks": {disk: {} for disk in target["disks"]},
            "clients": clients,
            "groups": groups,
            "auth": plan.credentials(target["auth"]),
            "acl_enabled": target["acl-enabled"],
        }


def _by_lun(luns: Mapping[str, Document]) -> list[str]:
    return sorted(luns, key=lambda name: luns[name].get("lun_id", 0))


def _check_disk(name: str, disk: Document) -> None:
    pool, _, image = name.partition("/")
    for value in (pool, image, *([disk["data-pool"]] if disk["data-pool"] else [])):
        validation.name("file", value)
    if disk["wwn"] is not None and not _WWN.fullmatch(disk["wwn"]):
        raise GatewayError(f"file: the wwn of {name} is not valid")
    size = disk["size"]
    if type(size) is not int or size <= 0 or size % validation.UNITS["M"]:
        raise GatewayError(f"file: the size of {name} is not a whole number of MiB")
    for control, value in disk["controls"].items():
        least, most, _ = plan.CONTROLS[control]
        validation.whole_number("file", value, least, most)


def _check_target(iqn: str, target: Document, disks: Mapping[str, Document]) -> None:
    if validation.iqn("file", iqn) != iqn:
        raise GatewayError(f"file: {iqn} is not in lower case")
    _check_known(f"disks of {iqn}", target["disks"], disks)
    if type(target["acl-enabled"]) is not bool or type(target["gateways"]) is not list:
        raise GatewayError(f"file: {iqn} is not as an export has it")
    for name, client in target["clients"].items():
        validation.iqn("file", name)
        _check_known(f"disks of {name}", client["disks"], target["disks"])
        group = client["host-group"]
        _check_known(f"host group of {name}", [group] if group else [], target["host-groups"])
    for name, group in target["host-groups"].items():
        validation.group("file", name)
        _check_known(f"members of {name}", group["members"], target["clients"])
        _check_known(f"disks of {name}", group["disks"], target["disks"])


def _check_known(what: str, names: list[str], known: Any) -> None:
    if unknown := [name for name in names if name not in known]:
        raise GatewayError(f"file: {what}: {', '.join(unknown)} is not in it")
