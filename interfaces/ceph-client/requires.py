"""Requiring side of ceph-client: what a client asks of a Ceph cluster, and what it gets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from charmhelpers.core import hookenv
from charms.reactive import Endpoint, clear_flag, get_flags, is_flag_set, toggle_flag
from charms.reactive.endpoints import Relation

API_VERSION = 1

# Keys of a create-pool operation that callers give by keyword, with their values when not given.
POOL_DEFAULTS: dict[str, Any] = {
    "app_name": None,
    "compression_algorithm": None,
    "compression_mode": None,
    "compression_required_ratio": None,
    "compression_min_blob_size": None,
    "compression_min_blob_size_hdd": None,
    "compression_min_blob_size_ssd": None,
    "compression_max_blob_size": None,
    "compression_max_blob_size_hdd": None,
    "compression_max_blob_size_ssd": None,
    "group": None,
    "max_bytes": None,
    "max_objects": None,
    "namespace": None,
    "rbd_mirroring_mode": "pool",
    "weight": None,
}
WIRE_NAMES = {"namespace": "group-namespace"}


class CephClientRequires(Endpoint):
    """A Ceph client's view of the monitors it is related to.

    All flags are set and cleared here, in the hooks of this relation; the two that a request
    decides also where the request changes. A charm only reads them.

    ``{endpoint}.connected``        a relation is there, from relation-created to relation-broken
    ``{endpoint}.available``        key, auth and at least one monitor's address are there
    ``{endpoint}.pools.available``  the cluster carried out the request that is in the data bag;
                                    cleared as soon as a hook asks for something else

    The methods that ask for something add an operation to the request of this hook. A charm
    calls all of them again in every hook, always from its present configuration; the request is
    then the same again, down to its id. At the end of the hook it is sent if it differs from the
    one in the data bag. A hook that asks for nothing leaves that one alone.
    """

    def __init__(self, endpoint_name: str, relation_ids: Sequence[str] | None = None) -> None:
        super().__init__(endpoint_name, relation_ids)
        self._ops: list[dict[str, Any]] = []

    # What the cluster tells

    @property
    def relation_name(self) -> str:
        """Name of the endpoint, as adapters ask for it."""
        return self.endpoint_name

    @property
    def key(self) -> str | None:
        """The cephx key of this client (a secret)."""
        return self._first("key")

    @property
    def auth(self) -> str | None:
        """How the cluster authenticates clients: ``cephx`` or ``none``."""
        return self._first("auth")

    def mon_hosts(self) -> list[str]:
        """Return the monitors' addresses, sorted and unique, IPv6 in brackets.

        The list in the application data bag counts where there is one. Else each unit tells its
        own, or several separated by spaces (a proxy to a cluster outside the model).
        """
        hosts = {
            address
            for relation in self._standing_relations
            for addresses in (
                self._application_addresses(relation) or self._unit_addresses(relation)
            )
            for address in addresses.split()
        }
        return sorted(f"[{host}]" if ":" in host and host[0] != "[" else host for host in hosts)

    @property
    def broker_error(self) -> str | None:
        """Why the cluster refused the request that is in the data bag, None if it did not."""
        responses = self._responses()
        if not responses or any(rsp.get("exit-code") == 0 for rsp in responses):
            return None
        reasons = {str(rsp.get("stderr") or "no reason given") for rsp in responses}
        return "; ".join(sorted(reasons))

    # What the client asks for

    def create_replicated_pool(
        self,
        name: str,
        replicas: int = 3,
        weight: float | None = None,
        pg_num: int | None = None,
        group: str | None = None,
        namespace: str | None = None,
        app_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Ask for a replicated pool.

        :param replicas: number of copies
        :param weight: share of the cluster's data that is expected in the pool, in percent
        :param pg_num: number of placement groups, instead of a weight
        :param app_name: what Ceph shall tag the pool with, such as ``rbd``
        :param kwargs: further keys of POOL_DEFAULTS, such as ``compression_mode``
        :raises ValueError: both pg_num and weight
        :raises TypeError: an unknown keyword
        """
        if pg_num and weight:
            raise ValueError("pg_num and weight exclude each other")
        common = {"weight": weight, "group": group, "namespace": namespace, "app_name": app_name}
        self._add_op(
            {
                "op": "create-pool",
                "name": name,
                "replicas": replicas,
                "pg_num": pg_num,
                "crush-profile": None,
                **_pool_options(**common, **kwargs),
            }
        )

    def create_erasure_pool(
        self,
        name: str,
        erasure_profile: str | None = None,
        weight: float | None = None,
        group: str | None = None,
        app_name: str | None = None,
        max_bytes: int | None = None,
        max_objects: int | None = None,
        allow_ec_overwrites: bool = False,
        **kwargs: Any,
    ) -> None:
        """Ask for an erasure-coded pool with a profile that create_erasure_profile asks for.

        Parameters as for create_replicated_pool; ``allow_ec_overwrites`` is what RBD needs.

        :raises TypeError: an unknown keyword
        """
        common = {"weight": weight, "group": group, "app_name": app_name}
        limits = {"max_bytes": max_bytes, "max_objects": max_objects}
        self._add_op(
            {
                "op": "create-pool",
                "name": name,
                "pool-type": "erasure",
                "erasure-profile": erasure_profile,
                "allow-ec-overwrites": allow_ec_overwrites,
                **_pool_options(**common, **limits, **kwargs),
            }
        )

    def create_erasure_profile(
        self,
        name: str,
        erasure_type: str = "jerasure",
        erasure_technique: str | None = None,
        k: int | None = None,
        m: int | None = None,
        failure_domain: str | None = None,
        lrc_locality: int | None = None,
        shec_durability_estimator: int | None = None,
        clay_helper_chunks: int | None = None,
        device_class: str | None = None,
        clay_scalar_mds: str | None = None,
        lrc_crush_locality: str | None = None,
    ) -> None:
        """Ask for an erasure code profile: ``k`` data and ``m`` coding chunks with a plugin.

        The parameters named after a plugin (lrc, shec, clay) belong to that ``erasure_type``.
        """
        self._add_op(
            {
                "op": "create-erasure-profile",
                "name": name,
                "k": k,
                "m": m,
                "l": lrc_locality,
                "c": shec_durability_estimator,
                "d": clay_helper_chunks,
                "erasure-type": erasure_type,
                "erasure-technique": erasure_technique,
                "failure-domain": failure_domain,
                "device-class": device_class,
                "scalar-mds": clay_scalar_mds,
                "crush-locality": lrc_crush_locality,
            }
        )

    def request_ceph_permissions(self, client_name: str, permissions: Sequence[str]) -> None:
        """Ask for the capabilities of a client's key.

        :param client_name: the client without ``client.``
        :param permissions: daemon types and their capabilities in turn: ``["mon", "allow r", …]``
        """
        self._add_op(
            {
                "op": "set-key-permissions",
                "permissions": list(permissions),
                "client": client_name,
            }
        )

    def request_osd_settings(self, settings: dict[str, Any]) -> None:
        """Ask for settings of the cluster's OSDs, such as ``{"osd heartbeat grace": 20}``."""
        for relation in self._standing_relations:
            if relation.to_publish.get("osd-settings") != settings:
                relation.to_publish["osd-settings"] = settings

    # Flags

    def manage_flags(self) -> None:
        """Bring the flags in line with the data bags; the framework calls it as a hook starts."""
        if hookenv.hook_name() == "install":
            return  # relations may be listed, but their data can't be read yet
        connected = bool(self._standing_ids())
        answered = connected and all((self.key, self.auth, self.mon_hosts()))
        toggle_flag(self.expand_name("{endpoint_name}.connected"), connected)
        toggle_flag(self.expand_name("{endpoint_name}.available"), answered)
        toggle_flag(self.expand_name("{endpoint_name}.pools.available"), self._carried_out())
        # The framework leaves it to the interface to clear what it set, and to forget the data
        # of departed units, which it would keep in the unit's state.
        for flag in get_flags():
            if flag.startswith(self.expand_name("changed")):
                clear_flag(flag)
        hookenv.atexit(self.all_departed_units.clear)

    def _standing_ids(self) -> list[str]:
        """Ids of relations that are there to stay; relation-broken still lists the broken one."""
        ids = hookenv.relation_ids(self.endpoint_name)
        if hookenv.hook_name() == f"{self.endpoint_name}-relation-broken":
            return [rid for rid in ids if rid != hookenv.relation_id()]
        return ids

    @property
    def _standing_relations(self) -> list[Relation]:
        """Relations whose data can be read: of a broken one, Juju may refuse even the own."""
        return [rel for rel in self.relations if rel.relation_id in self._standing_ids()]

    # The request

    def _add_op(self, op: dict[str, Any]) -> None:
        if op in self._ops:
            return
        if not self._ops:
            hookenv.atexit(self._send)
        self._ops.append(op)
        position = len(self._ops) - 1
        for relation in self._standing_relations:
            if _sent(relation).get("ops", [])[position : position + 1] != [op]:
                self._not_carried_out()

    def _send(self) -> None:
        content = json.dumps(self._ops, sort_keys=True).encode()
        request = {
            "api-version": API_VERSION,
            "ops": self._ops,
            "request-id": hashlib.sha256(content).hexdigest()[:40],
        }
        for relation in self._standing_relations:
            identity = {
                "unit-name": hookenv.local_unit(),
                "application-name": hookenv.application_name(),
            }
            for key, value in identity.items():
                if relation.to_publish_raw.get(key) != value:
                    relation.to_publish_raw[key] = value
            if _sent(relation) != request:
                relation.to_publish["broker_req"] = request
                self._not_carried_out()

    def _not_carried_out(self) -> None:
        flag = self.expand_name("{endpoint_name}.pools.available")
        if is_flag_set(flag):
            clear_flag(flag)

    def _carried_out(self) -> bool:
        return any(rsp.get("exit-code") == 0 for rsp in self._responses())

    def _responses(self) -> list[dict[str, Any]]:
        """Answers of the monitors' units to the request that is in the data bag."""
        key = f"broker-rsp-{hookenv.local_unit().replace('/', '-')}"
        responses = []
        for relation in self._standing_relations:
            request_id = _sent(relation).get("request-id")
            for unit in relation.joined_units:
                response = unit.received.get(key)
                if (
                    request_id
                    and isinstance(response, dict)
                    and response.get("request-id") == request_id
                ):
                    responses.append(response)
        return responses

    def _first(self, key: str) -> str | None:
        values = (unit.received_raw.get(key) for unit in self.all_joined_units)
        return next((value for value in values if value), None)

    def _application_addresses(self, relation: Relation) -> list[str]:
        if not relation.joined_units:
            return []
        addresses = relation.received_app.get("ceph-mon-public-addresses")
        return [str(address) for address in addresses] if isinstance(addresses, list) else []

    def _unit_addresses(self, relation: Relation) -> list[str]:
        values = (unit.received_raw.get("ceph-public-address") for unit in relation.joined_units)
        return [value for value in values if value]


def _sent(relation: Relation) -> dict[str, Any]:
    request = relation.to_publish.get("broker_req")
    return request if isinstance(request, dict) else {}


def _pool_options(**given: Any) -> dict[str, Any]:
    unknown = set(given) - set(POOL_DEFAULTS)
    if unknown:
        raise TypeError(f"unknown pool options: {', '.join(sorted(unknown))}")
    options = {**POOL_DEFAULTS, **given}
    return {WIRE_NAMES.get(name, name.replace("_", "-")): options[name] for name in POOL_DEFAULTS}
