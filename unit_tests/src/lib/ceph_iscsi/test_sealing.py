"""Passwords under a public key, with the real openssl."""

import subprocess

import pytest
from ceph_iscsi import sealing
from ceph_iscsi.errors import GatewayError


def made(tmp_path, *options):
    """A private key's file, and its public half, PEM."""
    path = tmp_path / f"key{len(list(tmp_path.iterdir()))}.pem"
    subprocess.run(["openssl", "genpkey", *options, "-out", path], check=True, capture_output=True)
    public = subprocess.run(
        ["openssl", "pkey", "-in", path, "-pubout"], check=True, capture_output=True, text=True
    )
    return path, public.stdout


RSA = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")


def test_only_the_private_half_opens_it(tmp_path):
    private, public = made(tmp_path, *RSA)
    sealed = sealing.seal("a-password-15", sealing.public_key("public-key", public))
    assert "a-password-15" not in sealed
    assert sealing.unseal(sealed, private) == "a-password-15"
    other, _ = made(tmp_path, *RSA)
    with pytest.raises(GatewayError, match=r"private-key-file: .* does not open the passwords"):
        sealing.unseal(sealed, other)
    with pytest.raises(GatewayError, match="does not open"):
        sealing.unseal("not base64!", private)


def test_a_key_is_taken_as_jujus_command_line_leaves_it(tmp_path):
    _, public = made(tmp_path, *RSA)
    assert sealing.public_key("public-key", " ".join(public.splitlines())) == public


@pytest.mark.parametrize(
    "options",
    [
        ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
        ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    ],
)
def test_a_weak_or_other_key_is_refused(tmp_path, options):
    with pytest.raises(GatewayError, match="public-key: not valid; allowed: an RSA public key"):
        sealing.public_key("public-key", made(tmp_path, *options)[1])


@pytest.mark.parametrize(
    "value", ["", "a word", "-----BEGIN PUBLIC KEY----- x -----END PUBLIC KEY-----"]
)
def test_what_is_no_key_is_refused(value):
    with pytest.raises(GatewayError, match="public-key: not valid"):
        sealing.public_key("public-key", value)


def test_a_private_key_is_refused_and_not_told(tmp_path):
    private, _ = made(tmp_path, *RSA)
    with pytest.raises(GatewayError) as refused:
        sealing.public_key("public-key", private.read_text())
    assert private.read_text().splitlines()[1] not in str(refused.value)
