"""The key pair that CHAP passwords are encrypted with before they go into the cluster.

The daemons encrypt with it if both files are in ``ceph_config_dir`` as they set a password; what
is stored says whether it is encrypted. All gateways need the same pair for as long as a password
is stored under it, so it is no certificate's: it has no end, and a certificate's renewal does not
touch it.
"""

from pathlib import Path

from ceph_iscsi import files, process, tls
from ceph_iscsi.ceph import CEPH_CONF

PRIVATE = CEPH_CONF.with_name("iscsi-gateway.key")
PUBLIC = CEPH_CONF.with_name("iscsi-gateway-pub.key")
BITS = 3072


def generate() -> str:
    """A new private key, PEM (a secret).

    :raises GatewayError: openssl does not make one
    """
    options = ("-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{BITS}")
    return process.run(["openssl", "genpkey", *options])


def install(key: str, private: Path = PRIVATE, public: Path = PUBLIC) -> None:
    """Write the pair; the daemons look for it at each password and need no restart.

    :param key: the private key, PEM
    :raises GatewayError: it is not a key
    """
    if files.write(private, key, 0o600) or not public.exists():
        files.write(public, tls.public_key(private), 0o644)
