"""Providing side of ceph-iscsi-admin-access: who may manage the gateways, and with what."""

from __future__ import annotations

from charmhelpers.core import hookenv
from charms.reactive import Endpoint, clear_flag, get_flags, toggle_flag


class CephISCSIAdminAccessProvides(Endpoint):
    """Applications that manage the gateways through their API.

    Flag; set and cleared here, in the hooks of this relation:

    ``{endpoint}.connected``  at least one unit of such an application is there
    """

    @property
    def client_addresses(self) -> list[str]:
        """Addresses that those units' requests come from, sorted."""
        addresses = (unit.received_raw.get("ingress-address") for unit in self.all_joined_units)
        return sorted({address for address in addresses if address})

    def publish_gateway(
        self, name: str, username: str, password: str, scheme: str, port: int = 5000
    ) -> None:
        """Tell this unit's API address, and on the leader the application's credentials.

        :param name: the gateway's fqdn
        :param password: of the API's user (a secret)
        :param scheme: ``http`` or ``https``
        """
        for relation in self.relations:
            unit = relation.to_publish_raw
            address = {
                "name": name,
                "scheme": scheme,
                "port": str(port),
                "host": unit.get("ingress-address") or "",
            }
            _update(unit, address)
            if hookenv.is_leader():
                credentials = {"username": username, "password": password}
                _update(relation.to_publish_app_raw, credentials)

    def manage_flags(self) -> None:
        """Bring the flag in line with the data bags; the framework calls it as a hook starts."""
        toggle_flag(self.expand_name("{endpoint_name}.connected"), self.is_joined)
        # The framework leaves it to the interface to clear what it set, and to forget the data
        # of departed units, which it would keep in the unit's state.
        for flag in get_flags():
            if flag.startswith(self.expand_name("changed")):
                clear_flag(flag)
        hookenv.atexit(self.all_departed_units.clear)


def _update(bag: dict[str, str], values: dict[str, str]) -> None:
    for key, value in values.items():
        if bag.get(key) != value:
            bag[key] = value
