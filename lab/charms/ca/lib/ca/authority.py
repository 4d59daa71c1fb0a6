"""A root, an issuing authority below it, and the certificates of applications, in a directory."""

import datetime
import ipaddress
import json
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

STATE = Path("/var/lib/lab-ca")
YEARS_10 = 3650


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key, both PEM."""

    cert: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Authority:
    """The authority whose keys, certificates and list of revoked ones are below ``state``."""

    state: Path = STATE

    def set_up(self) -> None:
        """Make the root and the issuing authority, once."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._path("issuing").exists():
            root_key = ec.generate_private_key(ec.SECP256R1())
            root = _sign_authority("lab root", root_key, "lab root", root_key, 1)
            key = ec.generate_private_key(ec.SECP256R1())
            issuing = _sign_authority("lab issuing authority", key, "lab root", root_key, 0)
            self._save("root", Issued(_pem(root), _key_pem(root_key)))
            self._save("issuing", Issued(_pem(issuing), _key_pem(key)))

    @property
    def root(self) -> str:
        """The root's certificate, PEM: what users of the certificates have to trust."""
        return self._load("root").cert

    @property
    def chain(self) -> str:
        """The issuing authority's certificate, PEM."""
        return self._load("issuing").cert

    def certificate(self, application: str, names: Collection[str], days: int) -> Issued | None:
        """The certificate of an application: the one that it has, or, for other names, a new one.

        :param names: names and addresses that it is good for; the first is its common name
        :param days: for how long a new one is good
        :returns: None if it is revoked and not renewed yet
        """
        if self._path(application).exists():
            issued = self._load(application)
            serial = _certificate(issued).serial_number
            if serial in self.revoked:
                return None
            if names_in(issued.cert) == set(names):
                return issued
        return self.issue(application, names, days)

    def issue(self, application: str, names: Collection[str], days: int) -> Issued:
        """A new certificate with a new key; parameters as for ``certificate``."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        issuing = self._load("issuing")
        authority = _certificate(issuing)
        cert = (
            _builder(next(iter(names)), key, authority.subject, days)
            .add_extension(x509.SubjectAlternativeName(map(_general_name, names)), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_issued_by(authority.public_key()), critical=False)
            .sign(_private_key(issuing), hashes.SHA256())
        )
        issued = Issued(_pem(cert), _key_pem(key))
        self._save(application, issued)
        return issued

    def revoke(self, application: str) -> int:
        """Revoke an application's certificate and return its serial number.

        :raises FileNotFoundError: it has none
        """
        serial = _certificate(self._load(application)).serial_number
        self._write("revoked", json.dumps(sorted({*self.revoked, serial})))
        return serial

    @property
    def revoked(self) -> list[int]:
        """Serial numbers of revoked certificates."""
        path = self._path("revoked")
        return json.loads(path.read_text()) if path.exists() else []

    def revocation_list(self) -> str:
        """The list of revoked certificates, signed by the issuing authority, PEM."""
        issuing = self._load("issuing")
        now = _now()
        builder = x509.CertificateRevocationListBuilder(
            _certificate(issuing).subject, now, now + datetime.timedelta(days=1)
        )
        for serial in self.revoked:
            entry = x509.RevokedCertificateBuilder(serial, now).build()
            builder = builder.add_revoked_certificate(entry)
        return _pem(builder.sign(_private_key(issuing), hashes.SHA256()))

    def _path(self, name: str) -> Path:
        return self.state / f"{name}.json"

    def _load(self, name: str) -> Issued:
        return Issued(**json.loads(self._path(name).read_text()))

    def _save(self, name: str, issued: Issued) -> None:
        self._write(name, json.dumps({"cert": issued.cert, "key": issued.key}))

    def _write(self, name: str, text: str) -> None:
        temporary = self._path(f".{name}")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)
        temporary.replace(self._path(name))


def names_in(cert: str) -> set[str]:
    """The names and addresses that a certificate (PEM) is good for."""
    extension = x509.load_pem_x509_certificate(cert.encode()).extensions
    names = extension.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def _sign_authority(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    path_length: int,
) -> x509.Certificate:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return (
        _builder(name, key, _name(issuer), YEARS_10)
        .add_extension(constraints, critical=True)
        .add_extension(_signs_certificates(), critical=True)
        .add_extension(_issued_by(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _signs_certificates() -> x509.KeyUsage:
    others = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **dict.fromkeys(others, False))


def _issued_by(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _builder(
    name: str,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    days: int,
) -> x509.CertificateBuilder:
    now = _now()
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks of other hosts may be somewhat behind.
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _certificate(issued: Issued) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued.cert.encode())


def _private_key(issued: Issued) -> ec.EllipticCurvePrivateKey:
    return serialization.load_pem_private_key(issued.key.encode(), password=None)


def _pem(signed: x509.Certificate | x509.CertificateRevocationList) -> str:
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
