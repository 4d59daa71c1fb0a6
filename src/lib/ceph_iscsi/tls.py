"""TLS of the gateways' API: the files of the certificate, and what the daemon needs besides.

rbd-target-api takes its certificate from /etc/ceph, whatever ``ceph_config_dir`` says. It never
verifies the other gateways' certificates, nor does gwcli, and with some releases of werkzeug it
ends at its start: files/tls/ceph_iscsi_charm_tls.py makes all of that good, for these two programs
alone, which files/live/sitecustomize.py has load it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ceph_iscsi import files, process, services
from ceph_iscsi.errors import GatewayError

CERTIFICATE = Path("/etc/ceph/iscsi-gateway.crt")
KEY = Path("/etc/ceph/iscsi-gateway.key")
COMBINED = Path("/etc/ceph/iscsi-gateway.pem")
PUBLIC_KEY = Path("/etc/ceph/iscsi-gateway-pub.key")
# What certificates of gateways are verified with: the authority's own and the ones above it.
AUTHORITY = Path("/etc/ceph/iscsi-gateway-ca.crt")
# The authority among those that the whole host trusts, and the sum of these.
TRUSTED = Path("/usr/local/share/ca-certificates/ceph-iscsi-gateway.crt")
TRUSTED_LINK = Path("/etc/ssl/certs/ceph-iscsi-gateway.pem")
TRUSTED_ALL = Path("/etc/ssl/certs/ca-certificates.crt")
# Beside the sitecustomize.py of live_settings.
SHIM = Path("/usr/local/lib/ceph-iscsi-charm/ceph_iscsi_charm_tls.py")

# All of these with their modes; they belong to root.
FILES = {
    CERTIFICATE: 0o644,
    KEY: 0o600,
    COMBINED: 0o600,
    PUBLIC_KEY: 0o644,
    AUTHORITY: 0o644,
    TRUSTED: 0o644,
    SHIM: 0o644,
}

# Reading and hashing some 150 certificates, a few processes for each.
UPDATE_TIME_LIMIT = 300


@dataclass(frozen=True)
class Bundle:
    """A certificate with its private key and what it is verified with, all PEM.

    ``chain`` holds the certificates between the authority's own, ``ca``, and a root; or nothing.
    """

    certificate: str
    key: str = field(repr=False)
    ca: str
    chain: str = ""


def names(hosts: Iterable[str], networks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names and addresses that a certificate has to be good for, sorted.

    :param networks: answers of network-get: every bind and ingress address counts
    """
    found = set(hosts)
    for network in networks:
        found.update(network.get("ingress-addresses") or ())
        for interface in network.get("bind-addresses") or ():
            for address in interface.get("addresses") or ():
                found.add(address.get("value") or address.get("address"))
    return sorted(found - {None, ""})


def enabled() -> bool:
    """Whether there is a certificate, so that the API has to speak TLS."""
    return CERTIFICATE.exists() and KEY.exists()


def environment() -> dict[str, str]:
    """What a program that talks to gateways needs in its environment to verify them."""
    return {"PYTHONPATH": str(SHIM.parent)} if SHIM.exists() else {}


def differs(bundle: Bundle, source: Path) -> bool:
    """Whether the daemons run on other files than those of a certificate.

    :param source: directory with the shim
    """
    return any(files.differs(path, *rest) for path, rest in _for_daemons(bundle, source).items())


def install(bundle: Bundle, source: Path) -> None:
    """Write all files of a certificate; if one of the daemons' differs, they need a restart.

    :param source: directory with the shim
    :raises GatewayError: certificate and key don't belong together, and nothing but COMBINED is
        written; or the host's trusted certificates can't be updated
    """
    files.write(COMBINED, _joined(bundle.certificate, bundle.chain, bundle.key), 0o600)
    if differs(bundle, source):
        check(bundle)
        services.mark_restart()
        for path, rest in _for_daemons(bundle, source).items():
            files.write(path, *rest)
    if not PUBLIC_KEY.exists() or PUBLIC_KEY.stat().st_mtime_ns < KEY.stat().st_mtime_ns:
        files.write(PUBLIC_KEY, public_key(KEY), 0o644)
    trust(bundle.ca)


def _for_daemons(bundle: Bundle, source: Path) -> dict[Path, tuple[str, int]]:
    """Contents and modes of the files that the daemons read at their start."""
    return {
        AUTHORITY: (_joined(bundle.ca, bundle.chain), 0o644),
        CERTIFICATE: (_joined(bundle.certificate, bundle.chain), 0o644),
        KEY: (_joined(bundle.key), 0o600),
        SHIM: ((source / SHIM.name).read_text(), 0o644),
    }


def check(bundle: Bundle) -> None:
    """Raise a GatewayError unless certificate and key belong together; COMBINED then has them."""
    import ssl  # here: no hook but those that change the certificate needs it

    files.write(COMBINED, _joined(bundle.certificate, bundle.chain, bundle.key), 0o600)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(COMBINED)
    except ssl.SSLError as error:
        raise GatewayError(f"the certificate that came can't be used: {error.reason}") from error


def trust(ca: str) -> None:
    """Have the whole host trust an authority, other programs' clients of the API among them."""
    files.write(TRUSTED, _joined(ca), 0o644)
    known = TRUSTED_ALL.read_text() if TRUSTED_ALL.exists() else ""
    if _joined(ca) not in known:
        process.run(["update-ca-certificates"], timeout=UPDATE_TIME_LIMIT)


def installed() -> bool:
    """Whether there is anything that install has written, but for what the host trusts."""
    return any(path.exists() for path in _written())


def _written() -> tuple[Path, ...]:
    # The certificate goes first: what is left when a hook is killed is removed by the next.
    return (CERTIFICATE, KEY, COMBINED, PUBLIC_KEY, AUTHORITY, SHIM)


def remove() -> None:
    """Remove all that install and trust have written; the daemons then need a restart."""
    if installed():
        services.mark_restart()
        for path in _written():
            path.unlink(missing_ok=True)
        for path in SHIM.parent.glob(f"__pycache__/{SHIM.stem}.*"):
            path.unlink()
    distrust()


def distrust() -> None:
    """Undo trust."""
    TRUSTED.unlink(missing_ok=True)
    if TRUSTED_LINK.is_symlink():
        # It writes the sum anew but leaves links; with --fresh it makes all others anew as well,
        # which takes minutes on a slow machine.
        process.run(["update-ca-certificates"], timeout=UPDATE_TIME_LIMIT)
        for link in TRUSTED_LINK.parent.iterdir():
            if link.is_symlink() and link.readlink().name == TRUSTED_LINK.name:
                link.unlink()
        TRUSTED_LINK.unlink()


def public_key(key: Path) -> str:
    """The public half of a private key, PEM.

    :raises GatewayError: it is not a key
    """
    return process.run(["openssl", "pkey", "-in", str(key), "-pubout"])


def _joined(*parts: str) -> str:
    """PEM blocks one after the other, a block that occurs twice only once."""
    end = "-----END "
    blocks: dict[str, None] = {}
    for part in parts:
        block: list[str] = []
        for line in part.strip().splitlines():
            block.append(line.strip())
            if line.startswith(end):
                blocks["\n".join(block)] = None
                block = []
    return "".join(f"{block}\n" for block in blocks)
