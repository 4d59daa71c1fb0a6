"""What a broker request of the ceph-client interface asks the cluster to do.

Pure decisions: an operation and what exists go in, monitor commands come out. A monitor command
is the mapping that librados' ``mon_command`` takes as JSON: ``{"prefix": "osd pool create", …}``.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MonCommand = dict[str, Any]

#: Caps of a client's key before the client asks for others, as a ceph-mon charm gives them.
DEFAULT_CAPS = [
    "mon",
    'allow r; allow command "osd blacklist"; allow command "osd blocklist"',
    "osd",
    "allow rwx",
]

DEFAULT_WEIGHT = 10.0
TARGET_PGS_PER_OSD = 100
MINIMUM_PGS = 2

OSD_SETTINGS = frozenset({"osd_heartbeat_grace", "osd_heartbeat_interval"})

_WHOLE = (int,)
_NUMBER = (int, float)
#: Pool properties that may change during a pool's life: accepted types, accepted values.
COMPRESSION: dict[str, tuple[tuple[type, ...], tuple[str, ...]]] = {
    "compression-algorithm": ((str,), ("lz4", "snappy", "zlib", "zstd")),
    "compression-mode": ((str,), ("none", "passive", "aggressive", "force")),
    "compression-required-ratio": (_NUMBER, ()),
    "compression-min-blob-size": (_WHOLE, ()),
    "compression-min-blob-size-hdd": (_WHOLE, ()),
    "compression-min-blob-size-ssd": (_WHOLE, ()),
    "compression-max-blob-size": (_WHOLE, ()),
    "compression-max-blob-size-hdd": (_WHOLE, ()),
    "compression-max-blob-size-ssd": (_WHOLE, ()),
}

TECHNIQUES = {
    "jerasure": (
        "reed_sol_van",
        "reed_sol_r6_op",
        "cauchy_orig",
        "cauchy_good",
        "liberation",
        "blaum_roth",
        "liber8tion",
    ),
    "isa": ("reed_sol_van", "cauchy"),
    "lrc": (),
    "shec": ("single", "multiple"),
    "clay": (),
}
FAILURE_DOMAINS = (
    "chassis",
    "datacenter",
    "host",
    "osd",
    "pdu",
    "pod",
    "rack",
    "region",
    "room",
    "root",
    "row",
)
DEVICE_CLASSES = ("ssd", "hdd", "nvme")


class RefusedError(Exception):
    """The request is not carried out; the text is for the one who asked."""


@dataclass(frozen=True)
class ClusterState:
    """What is there before an operation: pool names, erasure profiles by name, OSDs."""

    osds: int
    pools: frozenset[str] = frozenset()
    profiles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def commands(operation: Mapping[str, Any], state: ClusterState) -> list[MonCommand]:
    """Return the monitor commands that carry OPERATION out on a cluster in STATE.

    Raises RefusedError for an unknown operation and for values that are not allowed.
    """
    name = operation.get("op")
    plan = _PLANS.get(name) if isinstance(name, str) else None
    if plan is None:
        raise RefusedError(f"Unknown operation '{name}'")
    return plan(operation, state)


def answer(
    request: str,
    execute: Callable[[MonCommand], None],
    state: Callable[[], ClusterState],
) -> dict[str, Any]:
    """Carry the JSON REQUEST out and return the response for ``broker-rsp-…``.

    EXECUTE runs one monitor command and raises RefusedError with the monitor's own text; STATE
    is read anew before each operation. The first operation that fails ends the request.
    """
    identity: dict[str, Any] = {}
    try:
        document = json.loads(request)
        if not isinstance(document, dict):
            raise RefusedError("the request is not a JSON object")
        if document.get("request-id"):
            identity = {"request-id": document["request-id"]}
        version = document.get("api-version")
        if version != 1:
            raise RefusedError(f"Missing or invalid api version ({version})")
        for operation in _operations(document):
            for command in commands(operation, state()):
                execute(command)
    except json.JSONDecodeError as error:
        return {"exit-code": 1, "stderr": f"the request is not JSON: {error}"}
    except RefusedError as error:
        return {**identity, "exit-code": 1, "stderr": str(error)}
    return {**identity, "exit-code": 0}


def response_key(unit: str) -> str:
    """Return the key in this unit's data bag under which UNIT (``app/0``) finds its response."""
    return f"broker-rsp-{unit.replace('/', '-')}"


def known_answer(request: str, responses: Iterable[str]) -> str | None:
    """Return the one of the earlier JSON RESPONSES that answers REQUEST, by its request-id.

    All units of an application send the same request; one execution answers them all.
    """
    identity = _request_id(request)
    if identity is None:
        return None
    return next((found for found in responses if _request_id(found) == identity), None)


def osd_settings(wanted: str | None, current: Iterable[Mapping[str, str]]) -> list[MonCommand]:
    """Return the commands that give the OSDs the settings a client asks for (a JSON object).

    CURRENT are the entries of ``config dump``. Only settings that a client may touch are taken.
    """
    there = {(entry["section"], entry["name"]): entry["value"] for entry in current}
    settings = json.loads(wanted) if wanted else {}
    return [
        {"prefix": "config set", "who": "osd", "name": name, "value": str(value)}
        for name, value in ((key.replace(" ", "_"), settings[key]) for key in sorted(settings))
        if name in OSD_SETTINGS and there.get(("osd", name)) != str(value)
    ]


def placement_groups(osds: int, chunks: int, weight: float) -> int:
    """Return how many placement groups a pool gets that holds WEIGHT percent of OSDS OSDs' data
    in CHUNKS copies or chunks: a power of two, the next higher one if the lower is more than a
    quarter below."""
    wanted = max(TARGET_PGS_PER_OSD * osds * weight / 100 // chunks, MINIMUM_PGS)
    lower = 2 ** math.floor(math.log2(wanted))
    return int(lower * 2 if wanted - lower > wanted / 4 else lower)


def _request_id(document: str) -> str | None:
    try:
        return json.loads(document).get("request-id")
    except (ValueError, AttributeError):
        return None


def _operations(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    operations = document.get("ops")
    if not isinstance(operations, list) or not all(isinstance(op, dict) for op in operations):
        raise RefusedError("'ops' must be a list of operations")
    return operations


def _required(operation: Mapping[str, Any], key: str) -> Any:
    value = operation.get(key)
    if value is None or value == "":
        raise RefusedError(f"{operation['op']}: missing parameter '{key}'")
    return value


def _one_of(operation: Mapping[str, Any], key: str, allowed: Sequence[str]) -> str | None:
    value = operation.get(key)
    if value in (None, ""):
        return None
    if value not in allowed:
        raise RefusedError(f"'{key}': {value!r} is not one of {', '.join(allowed) or 'none'}")
    return value


def _create_pool(operation: Mapping[str, Any], state: ClusterState) -> list[MonCommand]:
    name = _required(operation, "name")
    properties = _changeable(name, operation)
    if name in state.pools:
        return properties
    if operation.get("pool-type") == "erasure":
        creation = _create_erasure(name, operation, state)
    else:
        creation = _create_replicated(name, operation, state)
    weight = _weight(operation)
    application = operation.get("app-name") or "unknown"
    return [
        *creation,
        _pool_set(name, "target_size_ratio", str(weight / 100)),
        {"prefix": "osd pool application enable", "pool": name, "app": application},
        *properties,
    ]


def _create_replicated(
    name: str, operation: Mapping[str, Any], state: ClusterState
) -> list[MonCommand]:
    replicas = _required(operation, "replicas")
    if not isinstance(replicas, int) or not 1 <= replicas <= 10:
        raise RefusedError(f"'replicas': {replicas!r} is not a whole number from 1 to 10")
    groups = placement_groups(state.osds, replicas, _weight(operation))
    if operation.get("pg_num"):
        most = placement_groups(state.osds, replicas, 100)
        groups = min(operation["pg_num"], most)
    return [
        {
            "prefix": "osd pool create",
            "pool": name,
            "pg_num": groups,
            "pool_type": "replicated",
            "rule": operation.get("crush-profile") or "replicated_rule",
            "size": replicas,
        }
    ]


def _create_erasure(
    name: str, operation: Mapping[str, Any], state: ClusterState
) -> list[MonCommand]:
    profile_name = operation.get("erasure-profile") or "default-canonical"
    profile = state.profiles.get(profile_name)
    if profile is None:
        raise RefusedError(
            f"erasure profile {profile_name} does not exist: create-erasure-profile comes first"
        )
    chunks = int(profile["k"]) + int(profile["m"])
    creation: list[MonCommand] = [
        {
            "prefix": "osd pool create",
            "pool": name,
            "pg_num": placement_groups(state.osds, chunks, _weight(operation)),
            "pool_type": "erasure",
            "erasure_code_profile": profile_name,
        }
    ]
    if operation.get("allow-ec-overwrites"):
        creation.append(_pool_set(name, "allow_ec_overwrites", "true"))
    return creation


def _weight(operation: Mapping[str, Any]) -> float:
    weight = operation.get("weight") or DEFAULT_WEIGHT
    if not isinstance(weight, _NUMBER) or not 0 < weight <= 100:
        raise RefusedError(f"'weight': {weight!r} is not a percentage")
    return float(weight)


def _changeable(name: str, operation: Mapping[str, Any]) -> list[MonCommand]:
    """The properties that are set on a new pool and on one that exists."""
    quotas = [
        {"prefix": "osd pool set-quota", "pool": name, "field": quota, "val": str(value)}
        for quota, value in (
            ("max_bytes", operation.get("max-bytes")),
            ("max_objects", operation.get("max-objects")),
        )
        if value
    ]
    compression = []
    for key, (types, allowed) in COMPRESSION.items():
        value = operation.get(key)
        if not value:
            continue
        if not isinstance(value, types) or isinstance(value, bool):
            wanted = " or ".join(kind.__name__ for kind in types)
            raise RefusedError(f"'{key}': {value!r} is not of type {wanted}")
        if allowed:
            _one_of(operation, key, allowed)
        compression.append(_pool_set(name, key.replace("-", "_"), str(value)))
    return quotas + compression


def _pool_set(pool: str, variable: str, value: str) -> MonCommand:
    return {"prefix": "osd pool set", "pool": pool, "var": variable, "val": value}


def _create_erasure_profile(operation: Mapping[str, Any], state: ClusterState) -> list[MonCommand]:
    """Profiles never change: one that exists is left as it is, whatever the request says."""
    name = _required(operation, "name")
    if name in state.profiles:
        return []
    plugin = _one_of(operation, "erasure-type", tuple(TECHNIQUES)) or "jerasure"
    settings = {
        "plugin": plugin,
        "k": _required(operation, "k"),
        "m": _required(operation, "m"),
        "technique": _one_of(operation, "erasure-technique", TECHNIQUES[plugin]),
        "crush-failure-domain": _one_of(operation, "failure-domain", FAILURE_DOMAINS),
        "crush-device-class": _one_of(operation, "device-class", DEVICE_CLASSES),
    }
    if plugin == "lrc":
        settings["l"] = _required(operation, "l")
        settings["crush-locality"] = _one_of(operation, "crush-locality", FAILURE_DOMAINS)
    elif plugin == "shec":
        settings["c"] = operation.get("c")
    elif plugin == "clay":
        settings["d"] = operation.get("d")
        settings["scalar_mds"] = _one_of(operation, "scalar-mds", ("jerasure", "isa", "shec"))
    profile = [f"{key}={value}" for key, value in settings.items() if value]
    return [{"prefix": "osd erasure-code-profile set", "name": name, "profile": profile}]


def _set_key_permissions(operation: Mapping[str, Any], state: ClusterState) -> list[MonCommand]:
    caps = _required(operation, "permissions")
    if not isinstance(caps, list) or len(caps) % 2:
        raise RefusedError("'permissions' must be a list of subsystem, capability, …")
    entity = f"client.{_required(operation, 'client')}"
    return [{"prefix": "auth caps", "entity": entity, "caps": caps}]


_PLANS: dict[str, Callable[[Mapping[str, Any], ClusterState], list[MonCommand]]] = {
    "create-pool": _create_pool,
    "create-erasure-profile": _create_erasure_profile,
    "set-key-permissions": _set_key_permissions,
}
