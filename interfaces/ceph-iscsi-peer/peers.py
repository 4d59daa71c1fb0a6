"""Peers of ceph-iscsi-peer: the gateways of one application among themselves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from charmhelpers.core import hookenv
from charms.reactive import Endpoint, clear_flag, get_flags, toggle_flag
from charms.reactive.endpoints import Relation


class CephISCSIGatewayPeers(Endpoint):
    """The gateways of this application, this unit among them.

    All flags are set and cleared here, at the start of hooks and where a value is set.

    ``{endpoint}.connected``  the relation's data can be used: from relation-created on, which a
                              single unit gets too
    ``{endpoint}.available``  the leader has published the API's password
    ``{endpoint}.restart.requested``  this unit asks for its turn to restart, or has it
    ``{endpoint}.restart.outstanding``  some unit does

    Units that have departed stay in ``all_departed_units``, over hooks, until the charm has done
    with them and clears it.

    What a unit sets is seen at once by what it reads in the same hook, and by the others
    when the hook has succeeded.
    """

    def __init__(self, endpoint_name: str, relation_ids: Sequence[str] | None = None) -> None:
        super().__init__(endpoint_name, relation_ids)
        self._own_relation: Relation | None = None

    # Of the application, written by the leader

    @property
    def admin_password(self) -> str | None:
        """Password of the gateways' API user (a secret), None until the leader has set it."""
        return self._application().get("admin_password") or None

    def set_admin_password(self, password: str) -> None:
        """Publish the API's password to the peers.

        :raises RuntimeError: this unit is not the leader
        """
        self._set_application("admin_password", password)
        toggle_flag(self.expand_name("{endpoint_name}.available"), True)

    @property
    def next_admin_password(self) -> str | None:
        """Password that comes after that one (a secret), None if no other is on its way."""
        return self._application().get("next_admin_password") or None

    @property
    def other_admin_password(self) -> str | None:
        """Password that the API takes besides (a secret): the next one, the previous one, None."""
        previous = self._application().get("previous_admin_password")
        return self.next_admin_password or previous or None

    def set_admin_passwords(
        self, used: str, following: str | None = None, previous: str | None = None
    ) -> None:
        """Publish the API's passwords: the one that is used, and another that is taken besides.

        :raises RuntimeError: this unit is not the leader
        """
        self.set_admin_password(used)
        self._set_application("next_admin_password", following or "")
        self._set_application("previous_admin_password", previous or "")

    @property
    def chap_key(self) -> str | None:
        """Private key, PEM, that the gateways keep CHAP passwords under (a secret), or None."""
        return self._application().get("chap_key") or None

    def set_chap_key(self, key: str) -> None:
        """Publish that key to the peers.

        :raises RuntimeError: this unit is not the leader
        """
        self._set_application("chap_key", key)

    @property
    def allowed_ips(self) -> list[str]:
        """Addresses beyond the gateways' own that the API trusts, sorted."""
        return json.loads(self._application().get("allowed_ips") or "[]")

    def set_allowed_ips(self, ips: Iterable[str], append: bool = True) -> None:
        """Publish addresses that the API trusts: further ones, or instead of the present ones.

        :raises RuntimeError: this unit is not the leader
        """
        addresses = set(ips) | set(self.allowed_ips if append else ())
        self._set_application("allowed_ips", json.dumps(sorted(addresses)))

    @property
    def restart_turn(self) -> dict[str, Any]:
        """Who may restart now, as the leader keeps it; empty if nobody."""
        return json.loads(self._application().get("restart_turn") or "{}")

    def set_restart_turn(self, turn: Mapping[str, Any]) -> None:
        """Publish who may restart now.

        :raises RuntimeError: this unit is not the leader
        """
        self._set_application("restart_turn", json.dumps(turn, sort_keys=True) if turn else "")
        self._manage_restart_flags()

    # Of this unit

    def introduce(self, name: str, address: str, portal_address: str) -> None:
        """Tell the peers how this unit is called and reached, whether it serves or not.

        :param name: its fqdn
        :param address: where other gateways reach it, and ask them from
        :param portal_address: where initiators reach it
        """
        self._set_unit("host_name", name)
        self._set_unit("host_address", address)
        self._set_unit("portal_address", portal_address)

    def announce_ready(self, fqdn: str) -> None:
        """Tell the peers that this unit serves as a gateway under this name."""
        self._set_unit("gateway_ready", "True")
        self._set_unit("gateway_fqdn", fqdn)

    def withdraw_ready(self) -> None:
        """Tell the peers that this unit does not serve as a gateway."""
        self._set_unit("gateway_ready", "")
        self._set_unit("gateway_fqdn", "")

    def set_admin_passwords_seen(self, fingerprint: str) -> None:
        """Tell which passwords this unit's API goes by; nothing while there is one alone."""
        self._set_unit("admin_passwords_seen", fingerprint)

    def request_restart(self, request: str) -> None:
        """Ask for this unit's turn to restart, by a value that no earlier request had."""
        self._set_unit("restart_request", request)
        self._manage_restart_flags()

    def withdraw_restart_request(self) -> None:
        """Ask for no turn any more, or give it back."""
        self._set_unit("restart_request", "")
        self._manage_restart_flags()

    # Of all units

    @property
    def admin_passwords_seen(self) -> dict[str, tuple[str, str]]:
        """What every unit has told of that, and its address; both may be empty."""
        return {
            unit: (data.get("admin_passwords_seen") or "", _address(data) or "")
            for unit, data in sorted(self._units().items())
        }

    @property
    def restart_requests(self) -> dict[str, str]:
        """Requests for a turn to restart, by unit, this one included."""
        requests = {unit: data.get("restart_request") for unit, data in self._units().items()}
        return {unit: request for unit, request in requests.items() if request}

    @property
    def ready_peer_details(self) -> dict[str, dict[str, str]]:
        """Gateways that serve, this unit included: ``{unit: {"fqdn": name, "ip": address}}``.

        ``ip`` is where initiators reach it.
        """
        return {
            unit: {"fqdn": data["gateway_fqdn"], "ip": ip}
            for unit, data in sorted(self._units().items())
            if data.get("gateway_ready") == "True"
            and data.get("gateway_fqdn")
            and (ip := data.get("portal_address") or _address(data))
        }

    @property
    def peer_addresses(self) -> list[str]:
        """Addresses of all units in this relation's network, this unit's included, sorted."""
        addresses = (_address(data) for data in self._units().values())
        return sorted({address for address in addresses if address})

    @property
    def portal_addresses(self) -> list[str]:
        """Where initiators reach the units that have introduced themselves, sorted."""
        addresses = (data.get("portal_address") for data in self._units().values())
        return sorted({address for address in addresses if address})

    @property
    def host_names(self) -> dict[str, tuple[str, str]]:
        """Name and address of the other units that have introduced themselves, by unit."""
        return {
            unit.unit_name: (name, address)
            for unit in self.all_joined_units
            if (name := unit.received_raw.get("host_name"))
            and (address := _address(unit.received_raw))
        }

    @property
    def unit_count(self) -> int:
        """Number of units of the application that this unit knows, itself included."""
        return 1 + len(self.all_joined_units)

    # Flags

    def manage_flags(self) -> None:
        """Bring the flags in line with the data bags; the framework calls it as a hook starts."""
        if hookenv.hook_name() in ("install", "update-status"):
            return  # in install the relation is listed, but its data can't be read
        connected = self._relation() is not None
        toggle_flag(self.expand_name("{endpoint_name}.connected"), connected)
        toggle_flag(
            self.expand_name("{endpoint_name}.available"),
            connected and bool(self.admin_password),
        )
        self._manage_restart_flags()
        # The framework leaves it to the interface to clear what it set.
        for flag in get_flags():
            if flag.startswith(self.expand_name("changed")):
                clear_flag(flag)

    def _manage_restart_flags(self) -> None:
        requests = self.restart_requests
        requested = hookenv.local_unit() in requests
        toggle_flag(self.expand_name("{endpoint_name}.restart.requested"), requested)
        outstanding = bool(requests or self.restart_turn)
        toggle_flag(self.expand_name("{endpoint_name}.restart.outstanding"), outstanding)

    # Data bags

    def _relation(self) -> Relation | None:
        """The one relation; the framework drops it from its list when the last peer departs."""
        if self.relations:
            return self.relations[0]
        if self._own_relation is None:
            for relation_id in hookenv.relation_ids(self.endpoint_name):
                self._own_relation = Relation(relation_id)
                hookenv.atexit(self._own_relation._flush_data)
        return self._own_relation

    def _application(self) -> dict[str, str]:
        relation = self._relation()
        return relation.to_publish_app_raw if relation else {}

    def _set_application(self, key: str, value: str) -> None:
        if not hookenv.is_leader():
            raise RuntimeError(f"only the leader may set {key} of its application")
        data = self._application()
        if (data.get(key) or "") != value:
            data[key] = value

    def _set_unit(self, key: str, value: str) -> None:
        relation = self._relation()
        if relation and (relation.to_publish_raw.get(key) or "") != value:
            relation.to_publish_raw[key] = value

    def _units(self) -> dict[str, dict[str, str]]:
        """Raw data bags by unit name, this unit's as it will be after the hook."""
        relation = self._relation()
        if relation is None:
            return {}
        units = {unit.unit_name: unit.received_raw for unit in self.all_joined_units}
        return {**units, hookenv.local_unit(): relation.to_publish_raw}


def _address(data: Mapping[str, str]) -> str | None:
    """Where a unit is reached by other gateways: as it says itself, else as Juju does."""
    return data.get("host_address") or data.get("ingress-address")
