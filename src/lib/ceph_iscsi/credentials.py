"""CHAP credentials that the charm makes itself, and where it keeps them for the user.

With Juju 3 they become a Juju secret, whose content administrators of the model can read; else a
file that root can read on the unit that ran the action. The gateways have them in any case.
"""

import json
import os
import secrets
import shutil
import string
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ceph_iscsi import files
from ceph_iscsi.errors import GatewayError

DIRECTORY = Path("/var/lib/ceph-iscsi-charm/credentials")
# Windows takes 12 to 16 characters; these 16 have 95 bits.
PASSWORD_LENGTH = 16
_ALPHABET = string.ascii_letters + string.digits


def generate(mutual: bool = False) -> dict[str, str]:
    """New credentials, ``username`` and ``password``; for mutual CHAP the target's own as well."""
    made = {"username": _username("client"), "password": _password()}
    if mutual:
        made |= {"mutual_username": _username("target"), "mutual_password": _password()}
    return made


def keep(
    iqn: str, client: str, values: Mapping[str, str], leader: bool, directory: Path = DIRECTORY
) -> dict[str, str]:
    """Keep a client's credentials where the user finds them, in place of earlier ones.

    :param leader: whether this unit leads the application, which may own Juju's secret then
    :returns: where, as a result of the action: ``credentials-secret`` or ``credentials-file``
    :raises GatewayError: they can't be kept; the message holds none of them
    """
    content = {key.replace("_", "-"): value for key, value in values.items() if value}
    content |= {"target": iqn, "client": client}
    if shutil.which("secret-add"):
        return {"credentials-secret": _keep_in_juju(f"chap {iqn} {client}", content, leader)}
    path = directory / iqn / client
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(path, "".join(f"{key}: {value}\n" for key, value in content.items()), 0o600)
    return {"credentials-file": str(path)}


def forget(iqn: str, client: str, directory: Path = DIRECTORY) -> None:
    """Keep a client's credentials no longer, as far as this unit has them."""
    (directory / iqn / client).unlink(missing_ok=True)
    if shutil.which("secret-add") and (there := _in_juju(f"chap {iqn} {client}")):
        _tool("secret-remove", there)


def _keep_in_juju(label: str, content: Mapping[str, str], leader: bool) -> str:
    """Have a secret with a label and this content; its identifier."""
    with tempfile.NamedTemporaryFile("w", dir="/run") as file:  # in memory, for root alone
        json.dump(content, file)  # which is YAML, too
        file.flush()
        if there := _in_juju(label):
            _tool("secret-set", there, "--file", file.name)
            return there
        owner = "application" if leader else "unit"
        about = ("--owner", owner, "--label", label, "--description", "CHAP of an iSCSI client")
        return _tool("secret-add", *about, "--file", file.name).strip()


def _in_juju(label: str) -> str | None:
    """The identifier of the secret with this label, if there is one that this unit manages."""
    try:
        answer = _tool("secret-info-get", "--label", label, "--format", "json")
    except GatewayError:
        return None
    return f"secret:{next(iter(json.loads(answer)))}"


def _tool(name: str, *arguments: str) -> str:
    """Call a hook tool: it needs the hook's environment, unlike other programs."""
    done = subprocess.run(
        [name, *arguments],
        env=os.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise GatewayError(f"`{name}` failed: {done.stderr.strip() or 'no message'}")
    return done.stdout


def _username(kind: str) -> str:
    return f"{kind}-{''.join(secrets.choice(_ALPHABET) for _ in range(8))}"


def _password() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(PASSWORD_LENGTH))
