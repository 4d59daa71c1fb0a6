"""Access to the gateways' APIs: kept on disk from the relation, used by the action."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import requests

STORE = Path("/var/lib/api-client.json")
CA = Path("/var/lib/api-client-ca.crt")
TIMEOUT = 20


@dataclass(frozen=True)
class Access:
    """Where the API of a gateway is, and how to log in."""

    name: str
    scheme: str
    host: str
    port: str
    username: str
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """Where the API's configuration is read."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}/api/config"

    def ask(self, ca: Path) -> tuple[int, dict[str, Any]]:
        """The HTTP status and the document of the answer.

        :param ca: a file with what the gateway's certificate is verified with, PEM
        :raises OSError: no answer, or one that can't be trusted
        """
        session = requests.Session()
        session.trust_env = False  # a proxy, or a password from elsewhere, is none of the API's
        login = (self.username, self.password)
        answer = session.get(self.url, auth=login, verify=str(ca), timeout=TIMEOUT)
        return answer.status_code, answer.json() if answer.ok else {}


def from_relation(
    units: Mapping[str, Mapping[str, str]], application: Mapping[str, str]
) -> list[Access]:
    """The gateways that have told all there is to tell.

    :param units: data bags by unit
    :param application: data bag of the gateways' application
    """
    keys = ("name", "scheme", "host", "port")
    login = (application.get("username"), application.get("password"))
    return [
        Access(*(bag[key] for key in keys), *login)
        for _, bag in sorted(units.items())
        if all(login) and all(bag.get(key) for key in keys)
    ]


def save(gateways: list[Access], path: Path = STORE) -> None:
    """Keep the gateways, for root alone."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump([asdict(gateway) for gateway in gateways], file)
    temporary.replace(path)


def load(path: Path = STORE) -> list[Access]:
    """The gateways that were kept."""
    return [Access(**gateway) for gateway in json.loads(path.read_text())]
