"""Read the gateway: the REST API of rbd-target-api, on this unit or on a peer.

Nothing stored is changed here; only a gateway that fell behind what is stored is brought up to it.
"""

import socket
from configparser import ConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ceph_iscsi import tls
from ceph_iscsi.errors import GatewayError

GATEWAY_CFG = Path("/etc/ceph/iscsi-gateway.cfg")
# Seconds to connect and to answer; the API reads its state from the cluster on each request.
TIMEOUTS = (5, 30)
# The same for a gateway that goes through all of a target's disks and clients.
REPLAY_TIMEOUTS = (5, 600)


@dataclass(frozen=True)
class Api:
    """The API of one gateway.

    Every method raises a GatewayError that says which gateway, and why it gave no (good) answer.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    secure: bool = False
    authority: Path = tls.AUTHORITY
    timeouts: tuple[float, float] = TIMEOUTS

    @classmethod
    def of(
        cls,
        host: str = "localhost",
        cfg: Path = GATEWAY_CFG,
        timeouts: tuple[float, float] = TIMEOUTS,
    ) -> "Api":
        """The API of a gateway, reached as this unit's own configuration file says.

        :param timeouts: seconds to connect, and to answer
        """
        parser = ConfigParser(interpolation=None)
        if not parser.read(cfg):
            raise GatewayError("the gateway is not configured yet")
        config = parser["config"]
        return cls(
            host=host,
            port=config.getint("api_port"),
            user=config["api_user"],
            password=config["api_password"],
            secure=config.getboolean("api_secure"),
            timeouts=timeouts,
        )

    def config(self, *, decrypted: bool = False) -> dict[str, Any]:
        """The whole state of the gateways: targets, disks, gateways, clients.

        :param decrypted: with CHAP passwords in clear; such a state must never be logged or shown
        """
        params = {"decrypt_passwords": "true"} if decrypted else None
        return self._get("config", params)

    def hostname(self) -> str:
        """The name under which this gateway knows itself."""
        return self._get("sysinfo/hostname")["data"]

    def settings_hash(self) -> str:
        """A hash of the settings that must be the same on all gateways."""
        return self._get("sysinfo/checkconf")["data"]

    def ping(self) -> None:
        """Raise unless the gateway is up and, if it has targets, listens for initiators."""
        self._get("_ping")

    def listens(self) -> bool:
        """Whether there is a daemon to connect to, whatever it would answer."""
        try:
            socket.create_connection((self.host, self.port), TIMEOUTS[0]).close()
        except OSError:
            return False
        return True

    def status_for(self, source: str) -> int:
        """The HTTP status that a request from another IPv4 address of this host gets."""
        return self._ask("127.0.0.1", "config", None, source).status_code

    def session_count(self, iqn: str) -> int:
        """Sessions that this gateway has with clients of a target."""
        return self._get(f"_targetinfo/{iqn}")["num_sessions"]

    def session(self, iqn: str, client: str) -> dict[str, Any]:
        """A client's session with this gateway: ``state`` (``LOGGED_IN`` or empty), ``alias`` and
        ``ip_address``, a list."""
        return self._get(f"_clientinfo/{iqn}/{client}")

    def remembered(self) -> dict[str, Any]:
        """The state as this gateway has it in memory, for when the cluster does not answer.

        What it does not tell is None: ``auth`` and ``acl_enabled`` of targets. Of several targets,
        a disk is in those whose clients have it.
        """
        disks = self._get("disks", form={"config": "yes"})["disks"]
        targets = {}
        names = self._get("targets")["targets"]
        for iqn in names:
            clients = {
                name: self._get(f"_client/{iqn}/{name}")
                for name in self._get(f"clients/{iqn}")["clients"]
            }
            groups = self._get(f"hostgroups/{iqn}")["groups"]
            used = {disk for client in clients.values() for disk in client["luns"]}
            targets[iqn] = {
                "portals": self._get(f"gateways/{iqn}"),
                "clients": clients,
                "groups": {name: self._get(f"hostgroup/{iqn}/{name}") for name in groups},
                "disks": {disk: {} for disk in (disks if len(names) == 1 else used)},
                "auth": None,
                "acl_enabled": None,
            }
        return {"disks": disks, "targets": targets, "discovery_auth": None}

    def replay(self, iqn: str, target: dict[str, Any]) -> None:
        """Have this gateway's LIO agree with what is stored of a target; nothing is stored anew.

        ceph-iscsi does the same when it starts, and with a target that gets another gateway:
        initiators notice nothing.

        :param target: as in the state, passwords in clear
        """
        auth = {key: value for key, value in target["auth"].items() if "encryption" not in key}
        portals = {"gateway_ip_list": ",".join(target["ip_list"]), "nosync": "false"}
        self._put(f"_gateway/{iqn}/{self.host}", portals)
        # Not part of the above on a target that is there. An empty name: nobody is to store it.
        self._put(f"_targetauth/{iqn}", {"committing_host": "", **auth})
        for name, group in target["groups"].items():
            content = {"members": ",".join(group["members"]), "disks": ",".join(group["disks"])}
            self._put(f"_hostgroup/{iqn}/{name}", content)

    def clear(self, iqn: str) -> None:
        """Have this gateway remove an empty target from LIO of which nothing is stored."""
        # It removes it, and then fails at looking it up: its answer tells nothing.
        self._ask(self.host, f"_target/{iqn}", None, method="DELETE")

    def _put(self, path: str, form: dict[str, str]) -> None:
        self._checked(self._ask(self.host, path, None, form=form, method="PUT"))

    def _get(
        self,
        path: str,
        params: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        return self._checked(self._ask(self.host, path, params, form=form))

    @staticmethod
    def _checked(answer: Any) -> dict[str, Any]:
        url = answer.url.partition("?")[0]
        if answer.status_code == 503 and url.endswith("/_ping"):
            raise GatewayError(f"the API at {url} answers, but no portal listens for initiators")
        try:
            content = answer.json()
        except ValueError:
            content = {}
        if answer.status_code != 200:
            said = content.get("message") or answer.reason
            raise GatewayError(f"the API at {url} refused: {said} ({answer.status_code})")
        return content

    def _ask(
        self,
        host: str,
        path: str,
        params: dict[str, str] | None,
        source: str | None = None,
        form: dict[str, str] | None = None,
        method: str = "GET",
    ) -> Any:
        # Imported here: it costs more than all else that update-status does.
        import requests

        url = f"{'https' if self.secure else 'http'}://{host}:{self.port}/api/{path}"
        session = requests.Session()
        session.trust_env = False  # a model's proxy settings are not for the gateways
        session.verify = str(self.authority)
        if source or host == "localhost":
            session.mount("http://", _adapter(source))
            session.mount("https://", _adapter(source, socket.getfqdn()))
        try:
            return session.request(
                method,
                url,
                params=params,
                data=form,
                auth=(self.user, self.password),
                timeout=self.timeouts,
            )
        except OSError as error:  # as all of requests' own are; a missing authority is no other
            raise GatewayError(f"the API at {url} does not answer: {_reason(error)}") from error


def _adapter(source: str | None, name: str | None = None) -> Any:
    """An adapter of requests for this host's own API.

    The API is asked as localhost because it trusts that address from the start, whichever address
    this host's name stands for; certificates have names that others know.

    :param source: address to ask from, None for any
    :param name: the name that the certificate must have
    """
    from requests.adapters import HTTPAdapter

    given: dict[str, Any] = {"source_address": (source, 0)} if source else {}
    if name:
        given |= {"assert_hostname": name, "server_hostname": name}

    class Own(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs, **given)

    return Own()


def _reason(error: BaseException) -> str:
    """The operating system's words for a failed connection, dug out of its wrappings."""
    if "Timeout" in type(error).__name__:
        return "no answer in time"
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        inner = next((arg for arg in seen.args if isinstance(arg, BaseException)), None)
        seen = getattr(seen, "reason", None) or inner or seen.__cause__ or seen.__context__
    return type(error).__name__
