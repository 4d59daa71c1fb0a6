"""Requiring side of tls-certificates: certificates for this unit's services from an authority."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from charmhelpers.core import hookenv
from charms.reactive import Endpoint, clear_flag, data_changed, get_flags, set_flag, toggle_flag


@dataclass(frozen=True)
class Certificate:
    """A certificate and its private key, both PEM."""

    cert_type: str
    common_name: str
    cert: str
    key: str = field(repr=False)


class TlsRequires(Endpoint):
    """A unit's view of its certificate authority.

    Flags; set and cleared here, except that the charm clears ``changed`` flags when it has
    put to use what changed:

    ``{endpoint}.available``                  the authority is there and can be asked
    ``{endpoint}.ca.available``               it told its own certificate
    ``{endpoint}.ca.changed``                 that or its chain is new or another one
    ``{endpoint}.certs.available``            a certificate that was asked for came
    ``{endpoint}.certs.changed``              a certificate or key is new or another one
    ``{endpoint}.application.certs.available``  the same two, for the certificate that
    ``{endpoint}.application.certs.changed``    all units of the application share

    Without the relation no flag is set. ``ca`` may come before the certificates or with them.
    """

    # What the authority tells

    @property
    def root_ca_cert(self) -> str | None:
        """The authority's certificate, PEM."""
        return self._first("ca")

    @property
    def root_ca_chain(self) -> str | None:
        """Certificates between the authority's own and a root that others trust, PEM."""
        return self._first("chain")

    @property
    def server_certs(self) -> list[Certificate]:
        """The certificates that request_server_cert asked for, by common name."""
        answers = self._processed("processed_requests")
        return [
            Certificate("server", name, answer["cert"], answer["key"])
            for name, answer in sorted(answers.items())
        ]

    @property
    def server_certs_map(self) -> dict[str, Certificate]:
        """The same by their common names."""
        return {certificate.common_name: certificate for certificate in self.server_certs}

    @property
    def application_certs(self) -> list[Certificate]:
        """The certificate that the application's units share: a list of one, or none."""
        answers = self._processed("processed_application_requests")
        return [
            Certificate("application", name, answer["cert"], answer["key"])
            for name, answer in sorted(answers.items())
        ]

    # What the unit asks for

    def request_server_cert(self, cn: str, sans: Iterable[str] | None = None) -> None:
        """Ask for a certificate of this unit alone; the same name again replaces the request."""
        self._request("cert_requests", cn, sans)

    def request_application_cert(self, cn: str, sans: Iterable[str] | None = None) -> None:
        """Ask for the certificate of the whole application: the authority unites all units' names.

        :param cn: common name, this unit's
        :param sans: further names and addresses of this unit
        """
        self._request("application_cert_requests", cn, sans)

    # Flags

    def manage_flags(self) -> None:
        """Bring the flags in line with the data bags; the framework calls it as a hook starts."""
        server, application = self.server_certs, self.application_certs
        self._toggle("available", bool(self.all_joined_units))
        self._track("ca", [self.root_ca_cert, self.root_ca_chain], bool(self.root_ca_cert))
        self._track("application.certs", _content(application), bool(application))
        self._track("certs", _content(server + application), bool(server + application))
        # The framework leaves it to the interface to clear what it set, and to forget the data
        # of departed units, which it would keep in the unit's state.
        for flag in get_flags():
            if flag.startswith(self.expand_name("changed")):
                clear_flag(flag)
        hookenv.atexit(self.all_departed_units.clear)

    def _toggle(self, name: str, value: bool) -> None:
        toggle_flag(self.expand_name(f"{{endpoint_name}}.{name}"), value)

    def _track(self, name: str, content: list, there: bool) -> None:
        self._toggle(f"{name}.available", there)
        changed = data_changed(f"{self.endpoint_name}.{name}", content)
        flag = self.expand_name(f"{{endpoint_name}}.{name}.changed")
        if not there:
            clear_flag(flag)
        elif changed:
            set_flag(flag)

    # Data bags

    def _request(self, key: str, cn: str, sans: Iterable[str] | None) -> None:
        for relation in self.relations:
            requests = dict(relation.to_publish.get(key) or {})
            requests[cn] = {"sans": sorted(set(sans or ()))}
            if relation.to_publish.get(key) != requests:
                relation.to_publish[key] = requests
                relation.to_publish_raw["unit_name"] = self._unit_name

    def _processed(self, suffix: str) -> dict[str, dict[str, str]]:
        key = f"{self._unit_name}.{suffix}"
        answers: dict[str, dict[str, str]] = {}
        for unit in self.all_joined_units:
            for name, answer in (unit.received.get(key) or {}).items():
                if answer.get("cert") and answer.get("key"):
                    answers.setdefault(name, answer)
        return answers

    @property
    def _unit_name(self) -> str:
        return hookenv.local_unit().replace("/", "_")

    def _first(self, key: str) -> str | None:
        values = (unit.received_raw.get(key) for unit in self.all_joined_units)
        return next((value for value in values if value), None)


def _content(certificates: list[Certificate]) -> list[list[str]]:
    return [[item.cert_type, item.common_name, item.cert, item.key] for item in certificates]
