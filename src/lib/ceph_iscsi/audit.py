"""What the action security-checklist looks at, on this unit as it is now."""

import functools
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceph_iscsi import chap_key, live_settings, rotation, services, tls
from ceph_iscsi.api import GATEWAY_CFG, Api
from ceph_iscsi.ceph import CEPH_CONF
from ceph_iscsi.errors import GatewayError

# An address of this host's loopback network that no gateway and no client of the API has.
STRANGER = "127.99.99.99"
# Where the gateway's programs, Juju and administrators leave files.
SEARCHED = (
    *("/etc", "/run", "/usr/local", "/var/lib/ceph", "/var/lib/juju", "/var/log"),
    tempfile.gettempdir(),
)
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Gateway:
    """This unit, with what the model says of it.

    :param client: its name as a client of Ceph, without ``client.``
    :param trusted: addresses that the API is to trust, in the order of the file
    """

    client: str
    trusted: tuple[str, ...]
    api: Api

    @functools.cached_property
    def state(self) -> dict[str, Any]:
        """The gateways' state, with CHAP passwords in clear."""
        return self.api.config(decrypted=True)

    @property
    def keyring(self) -> Path:
        """The file with the key to the cluster."""
        return CEPH_CONF.with_name(f"ceph.client.{self.client}.keyring")

    def credentials(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Whatever in the state may have CHAP passwords: whose, and its ``auth``."""
        yield "discovery", self.state.get("discovery_auth", {})
        for iqn, target in sorted(self.state["targets"].items()):
            yield iqn, target.get("auth", {})
            for name, client in sorted(target["clients"].items()):
                yield f"{name} at {iqn}", client["auth"]


def run(gateway: Gateway) -> dict[str, str]:
    """Look at everything: ``PASS`` or ``FAIL - <why>`` by the name of a check."""
    results = {}
    for name, check in CHECKS.items():
        try:
            problems = list(check(gateway))
        except GatewayError as error:
            problems = [f"it can't be checked: {error}"]
        results[name] = f"FAIL - {'; '.join(problems)}" if problems else "PASS"
    return results


def expected_files(gateway: Gateway) -> dict[Path, int]:
    """Files of the charm that must be there, with their modes; all belong to root."""
    found = {
        GATEWAY_CFG: 0o600,
        CEPH_CONF.parent: 0o750,
        CEPH_CONF: 0o644,
        gateway.keyring: 0o600,
        chap_key.PRIVATE: 0o600,
        chap_key.PUBLIC: 0o644,
    }
    return found | live_settings.FILES | (tls.FILES if tls.enabled() else {})


def check_files(gateway: Gateway) -> Iterator[str]:
    """Owner and mode of every file."""
    for path, mode in expected_files(gateway).items():
        try:
            found = path.stat()
        except FileNotFoundError:
            yield f"{path} is not there"
            continue
        if (found.st_uid, found.st_gid) != (0, 0):
            yield f"{path} belongs to {found.st_uid}:{found.st_gid}, not to root"
        if stat.S_IMODE(found.st_mode) != mode:
            yield f"{path} has mode {stat.S_IMODE(found.st_mode):04o}, not {mode:04o}"


def check_tls(gateway: Gateway) -> Iterator[str]:
    """Whether the API speaks TLS with a certificate that can be verified."""
    if not gateway.api.secure:
        yield "the API speaks plain HTTP; relate the endpoint certificates to an authority"
    else:
        gateway.api.hostname()


def check_password(gateway: Gateway) -> Iterator[str]:
    """Length of the API's password."""
    if (length := len(gateway.api.password)) < rotation.LENGTH:
        yield f"the API's password has {length} characters, not {rotation.LENGTH}"


def check_trusted(gateway: Gateway) -> Iterator[str]:
    """Whether the API trusts those that the model names and nobody else, tried from outside."""
    line = re.search(r"^trusted_ip_list = (.*)$", GATEWAY_CFG.read_text(), re.MULTILINE)
    listed = set(line[1].split(",")) if line else set()
    for address in sorted(listed - set(gateway.trusted)):
        yield f"trusted_ip_list has {address}, which the model does not know"
    for address in sorted(set(gateway.trusted) - listed):
        yield f"trusted_ip_list lacks {address}"
    code = gateway.api.status_for(STRANGER)
    if code != 403:
        yield f"a request from {STRANGER}, which is not trusted, was answered with {code}"


def check_chap(gateway: Gateway) -> Iterator[str]:
    """Whether every initiator has to log in with a password."""
    for iqn, target in sorted(gateway.state["targets"].items()):
        if not target.get("acl_enabled", True) and not target.get("auth", {}).get("username"):
            yield f"{iqn} lets in everybody"
        for name, client in sorted(target["clients"].items()):
            if not (client["auth"].get("username") and client["auth"].get("password")):
                yield f"{name} at {iqn} has no CHAP password"


def check_chap_encryption(gateway: Gateway) -> Iterator[str]:
    """Whether CHAP passwords lie encrypted in the cluster."""
    for whose, auth in gateway.credentials():
        for kind in ("", "mutual_"):
            if auth.get(f"{kind}password") and not auth.get(f"{kind}password_encryption_enabled"):
                yield f"a password of {whose} lies in clear in the cluster; set another one"


def check_readable_secrets(gateway: Gateway) -> Iterator[str]:
    """Whether a secret can be read by every local user, in a file or on a command line."""
    known = secrets(gateway)
    command_lines = Path("/proc").glob("[0-9]*/cmdline")
    for path in (*readable_by_all(SEARCHED), *command_lines):
        if contains(path, known):
            yield f"{path} has a secret and can be read by every user"


def check_services(_: Gateway) -> Iterator[str]:
    """Whether the daemons run and start with the machine."""
    for name, state in services.states(services.TCMU_RUNNER, *services.MANAGED).items():
        if not state.active:
            yield f"{name} does not run"
        if not state.enabled:
            yield f"{name} does not start with the machine"


CHECKS: dict[str, Callable[[Gateway], Iterable[str]]] = {
    "file-permissions": check_files,
    "tls": check_tls,
    "password-length": check_password,
    "trusted-addresses": check_trusted,
    "chap": check_chap,
    "chap-encryption": check_chap_encryption,
    "readable-secrets": check_readable_secrets,
    "services": check_services,
}


def secrets(gateway: Gateway) -> set[bytes]:
    """All secrets of this unit; of a private key, a line from its middle."""
    found = {gateway.api.password}
    if key := re.search(r"key\s*=\s*(\S+)", gateway.keyring.read_text()):
        found.add(key[1])
    for path in (chap_key.PRIVATE, tls.KEY):
        if path.exists():
            lines = path.read_text().splitlines()
            found.add(lines[len(lines) // 2])
    for _, auth in gateway.credentials():
        found.update(auth.get(f"{kind}password") for kind in ("", "mutual_"))
    return {secret.encode() for secret in found if secret}


def readable_by_all(roots: Iterable[str]) -> Iterator[Path]:
    """Regular files below directories that every local user can get at and read."""
    for root in roots:
        for directory, below, names in os.walk(root):
            here = Path(directory)
            if not here.stat().st_mode & stat.S_IXOTH:
                below.clear()
                continue
            for path in map(here.joinpath, names):
                mode = path.lstat().st_mode if path.exists() else 0
                if stat.S_ISREG(mode) and mode & stat.S_IROTH:
                    yield path


def contains(path: Path, secrets: Iterable[bytes]) -> bool:
    """Whether a file has one of these; one that vanishes meanwhile has none."""
    rest = b""
    longest = max(map(len, secrets), default=0)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                seen = rest + chunk
                if any(secret in seen for secret in secrets):
                    return True
                rest = seen[-longest:]
    except OSError:
        pass
    return False
