"""Passwords under somebody's RSA public key: whoever holds the private half can read them.

Each by itself, RSA-OAEP with SHA-256, base64; as ``openssl pkeyutl`` does and undoes it.
"""

import base64
import binascii
import re
import subprocess
import tempfile
from pathlib import Path

from ceph_iscsi import process
from ceph_iscsi.errors import GatewayError

LEAST_BITS = 2048
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----(.+)-----END PUBLIC KEY-----", re.DOTALL)
_RULE = f"an RSA public key in PEM (BEGIN PUBLIC KEY), {LEAST_BITS} bits or more"
_PADDING = ("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256")


def public_key(parameter: str, value: str) -> str:
    """A public key in its normal form; Juju's command line makes blanks of its line ends.

    :raises GatewayError: it is none, or one of another kind, or too short
    """
    found = _PEM.fullmatch(value.strip())
    if not found:
        raise GatewayError(f"{parameter}: not valid; allowed: {_RULE}")
    body = "".join(found[1].split())
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    key = "\n".join(("-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""))
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(key)
        file.flush()
        try:
            told = process.run(["openssl", "pkey", "-pubin", "-in", file.name, "-noout", "-text"])
        except GatewayError as error:
            raise GatewayError(f"{parameter}: not valid; allowed: {_RULE}") from error
    bits = re.search(r"\((\d+) bit", told)
    if "Modulus" not in told or not bits or int(bits[1]) < LEAST_BITS:
        raise GatewayError(f"{parameter}: not valid; allowed: {_RULE}")
    return key


def seal(secret: str, key: str) -> str:
    """A secret under a public key, base64."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(key)
        file.flush()
        sealed = _openssl(("-encrypt", "-pubin", "-inkey", file.name), secret.encode())
    return base64.b64encode(sealed).decode()


def unseal(sealed: str, private_key: Path) -> str:
    """The secret again.

    :param private_key: file of the private half, PEM, without a passphrase
    :raises GatewayError: it is another key's, or was changed
    """
    try:
        return _openssl(
            ("-decrypt", "-inkey", str(private_key), "-passin", "pass:"),
            base64.b64decode(sealed, validate=True),
        ).decode()
    except (GatewayError, binascii.Error, UnicodeDecodeError):
        raise GatewayError(
            f"private-key-file: {private_key} does not open the passwords in the file"
        ) from None


def _openssl(arguments: tuple[str, ...], content: bytes) -> bytes:
    """Run ``openssl pkeyutl`` on what is secret, over its standard input and output."""
    done = subprocess.run(
        ["openssl", "pkeyutl", *arguments, *_PADDING],
        env=process.ENVIRONMENT,
        input=content,
        capture_output=True,
        timeout=60,
    )
    if done.returncode:
        raise GatewayError("`openssl` failed")
    return done.stdout
