"""What there is: targets with their gateways, disks, clients and snapshots, none of their secrets.

A gateway or a cluster that doesn't answer costs what only it knows, and a sentence that says so.
"""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from dataclasses import dataclass, field
from typing import Any

from ceph_iscsi.api import GATEWAY_CFG, Api
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.errors import GatewayError

# Seconds to connect and to answer: whoever asks for a list waits for it.
TIMEOUTS = (3, 10)
LOGGED_IN, LOGGED_OUT, UNKNOWN = "logged-in", "logged-out", "unknown"

Document = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a gateway says of itself.

    ``sessions`` are states by client by target; ``problem`` is why it does not serve, if so.
    """

    sessions: dict[str, dict[str, str]] = field(default_factory=dict)
    problem: str | None = None


def take(
    cluster: Cluster,
    peers: Collection[str],
    units: Mapping[str, str],
    only: str | None = None,
    api_of: Callable[..., Api] = Api.of,
) -> Document:
    """All targets, or one.

    :param peers: addresses of the other units
    :param units: units of the application by the names of their gateways
    :param only: IQN of the one target
    :returns: ``targets``, a list; ``unused-disks``, which no target has; ``discovery-auth``; and
        ``problems``, a sentence for each thing that is down or could not be read
    :raises GatewayError: there is no such target, or nothing can be read at all
    """

    def reach(host: str) -> Api:
        return api_of(host, timeouts=TIMEOUTS)

    state, problems = read_state(reach, peers, cluster)
    targets = state["targets"]
    if only:
        if only not in targets:
            there = ", ".join(sorted(targets)) or "none"
            raise GatewayError(f"iqn: there is no target {only!r}; targets: {there}")
        targets = {only: targets[only]}
    used = {disk for target in targets.values() for disk in target["disks"]}
    disks = sorted(used if only else state["disks"])
    gateways = sorted({gateway for target in targets.values() for gateway in target["portals"]})
    with ThreadPoolExecutor(max_workers=8) as pool:
        images = pool.submit(_images, cluster, disks)
        told = pool.map(lambda gateway: _ask(reach(gateway), gateway, targets), gateways)
        answers = dict(zip(gateways, told, strict=True))
    looked_at, unread = images.result()
    problems += unread
    for gateway, answer in answers.items():
        if answer.problem:
            problems.append(f"gateway {gateway}: {answer.problem}")
    for name, image in looked_at.items():
        if "problem" in image:
            problems.append(f"disk {name}: {image['problem']}")
    there = {name: _disk(state["disks"][name], looked_at.get(name, {})) for name in disks}
    return {
        "targets": [
            _target(iqn, target, there, answers, units) for iqn, target in sorted(targets.items())
        ],
        "unused-disks": [there[name] for name in disks if name not in used],
        "discovery-auth": auth_kind(state.get("discovery_auth")),
        "problems": problems,
    }


def read_state(
    reach: Callable[[str], Api], peers: Collection[str], cluster: Cluster
) -> tuple[Document, list[str]]:
    """The gateways' state from whoever tells it: this unit, a peer, one of them from memory, the
    cluster itself.

    :param peers: addresses of the other units
    :returns: the state, and what was wrong with those that did not tell it
    :raises GatewayError: nobody does
    """
    problems: list[str] = []

    def first(
        ask: Callable[[str], Document], hosts: Collection[str], problems: list[str] = problems
    ) -> Document | None:
        with ThreadPoolExecutor(max_workers=max(len(hosts), 1)) as pool:
            asked = [pool.submit(ask, host) for host in hosts]
        for answer in asked:
            if isinstance(error := answer.exception(), GatewayError):
                problems.append(str(error))
            else:
                return answer.result()
        return None

    state = first(lambda host: reach(host).config(), ["localhost"])
    state = state or first(lambda host: reach(host).config(), peers)
    if state is None:
        # A cluster that doesn't answer has the API wait; what it has in memory, it tells at once.
        state = first(lambda host: reach(host).remembered(), ["localhost", *peers], [])
        if state:
            problems.append("so this is what a gateway has in memory, without targets' own CHAP")
    state = state or first(lambda _: cluster.stored_config(metadata_pool()), ["the cluster"])
    if state is None:
        raise GatewayError(f"the gateways' state cannot be read: {'; '.join(problems)}")
    return state, problems


def metadata_pool() -> str:
    """The pool that the gateways keep their state in."""
    parser = ConfigParser(interpolation=None)
    if not parser.read(GATEWAY_CFG):
        raise GatewayError("the gateway is not configured yet")
    return parser["config"]["pool"]


def auth_kind(auth: Mapping[str, Any] | None) -> str:
    """How one has to identify oneself: ``none``, ``chap``, or ``mutual``, the other side too;
    ``unknown`` for None."""
    if auth is None:
        return UNKNOWN
    if auth.get("mutual_username"):
        return "mutual"
    return "chap" if auth.get("username") else "none"


def _ask(api: Api, gateway: str, targets: Mapping[str, Document]) -> Answer:
    """Whether a gateway is up, and who is logged in to it."""
    sessions = {}
    try:
        api.ping()
        for iqn, target in targets.items():
            if gateway in target["portals"]:
                sessions[iqn] = _sessions(api, iqn, target["clients"])
    except GatewayError as error:
        return Answer(sessions, str(error))
    return Answer(sessions)


def _sessions(api: Api, iqn: str, clients: Collection[str]) -> dict[str, str]:
    """States by client; asked one by one, until as many are found as there are sessions."""
    left = api.session_count(iqn) if clients else 0
    states = {}
    for client in clients:
        logged_in = left > 0 and api.session(iqn, client)["state"] == "LOGGED_IN"
        states[client] = LOGGED_IN if logged_in else LOGGED_OUT
        left -= logged_in
    return states


def _images(cluster: Cluster, disks: Collection[str]) -> tuple[dict[str, Document], list[str]]:
    try:
        return (cluster.images(disks) if disks else {}), []
    except GatewayError as error:
        return {}, [f"sizes and snapshots cannot be read from the Ceph cluster: {error}"]


def _disk(disk: Document, image: Document) -> Document:
    """A disk; its size and snapshots are None if they could not be read."""
    return {
        "name": f"{disk['pool']}/{disk['image']}",
        "pool": disk["pool"],
        "image": disk["image"],
        "size": image.get("size"),
        "owner": disk.get("owner", ""),  # none yet if a gateway lost its power as it made the disk
        "wwn": disk["wwn"],
        "settings": disk["controls"],
        "snapshots": image.get("snapshots"),
    }


def _target(
    iqn: str,
    target: Document,
    disks: Mapping[str, Document],
    answers: Mapping[str, Answer],
    units: Mapping[str, str],
) -> Document:
    return {
        "iqn": iqn,
        "auth": auth_kind(target["auth"]),
        "acl": target["acl_enabled"],
        "gateways": [
            {
                "name": name,
                "unit": units.get(name),
                "portals": portal["portal_ip_addresses"],
                "state": "down" if answers[name].problem else "up",
            }
            for name, portal in sorted(target["portals"].items())
        ],
        "disks": [disks[name] for name in sorted(target["disks"])],
        "clients": [
            {
                "name": name,
                "auth": auth_kind(client["auth"]),
                "sessions": {
                    gateway: answers[gateway].sessions.get(iqn, {}).get(name, UNKNOWN)
                    for gateway in sorted(target["portals"])
                },
                "luns": {disk: lun["lun_id"] for disk, lun in sorted(client["luns"].items())},
                "host-group": client["group_name"] or None,
            }
            for name, client in sorted(target["clients"].items())
        ],
        "host-groups": [
            {"name": name, "members": group["members"], "disks": sorted(group["disks"])}
            for name, group in sorted(target["groups"].items())
        ],
    }
