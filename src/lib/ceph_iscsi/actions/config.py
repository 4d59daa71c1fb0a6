"""Actions on the gateways' configuration as a whole."""

import functools
import json
import os
import time
from pathlib import Path

import charms.reactive as reactive
from charmhelpers.core import hookenv

from ceph_iscsi import backup, credentials, files, sealing, validation
from ceph_iscsi.actions.asked import Asked, carry_out, cluster, require_gateway
from ceph_iscsi.api import Api
from ceph_iscsi.backup import Document, Owner
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.targets import Gateway

EXPORTS = Path("/var/lib/ceph-iscsi-charm/exports")
LARGEST = 16 << 20


def export_config() -> None:
    """Write the gateways' configuration into a file, passwords left out or under a given key."""
    asked = Asked()
    key = asked.text("public-key")
    seal = None
    if key:
        seal = functools.partial(sealing.seal, key=sealing.public_key("public-key", key))
    require_gateway()
    state = Api.of().config(decrypted=True)
    images = cluster().images(list(state["disks"])) if state["disks"] else {}
    document = backup.take(state, images, seal)
    EXPORTS.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = EXPORTS / f"config-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    files.write(path, json.dumps(document, indent=1) + "\n", 0o600)
    left_out = any(backup.lacking(auth) for _, auth in backup.auths(document))
    hookenv.action_set(
        {
            "file": str(path),
            "targets": str(len(document["targets"])),
            "disks": str(len(document["disks"])),
            "passwords": "sealed" if seal else "left-out" if left_out else "none",
        }
    )


def restore_config() -> None:
    """Put the configuration in a file onto gateways that have none."""
    asked = Asked()
    document = backup.read(_content(asked.given["file"]))
    _unseal(document, asked.text("private-key-file"))
    lacking = [owner for owner, auth in backup.auths(document) if backup.lacking(auth)]
    if lacking and not asked.given.get("generate-credentials"):
        names = ", ".join(" ".join(owner).strip() for owner in lacking)
        raise GatewayError(
            f"there is no password to be read in the file for {names}; give the private-key-file "
            "that it was exported for, or generate-credentials=true for new ones"
        )
    require_gateway()
    made = _generate(document) if lacking else {}
    for _, auth in backup.auths(document):
        _check(auth)
    ready = reactive.endpoint_from_name("cluster").ready_peer_details
    local = hookenv.local_unit()
    units = validation.gateway_units(None, local=local, ready=ready, known=ready)
    gateways = tuple(Gateway(unit=unit, **ready[unit]) for unit in units)
    carry_out(backup.Restore(document=document, gateways=gateways))
    # A call that is cut short here is made good by the next: it finds them in force.
    kept = {
        " ".join(owner).strip(): credentials.keep(*owner, auth, hookenv.is_leader())
        for owner, auth in made.items()
    }
    if kept:
        hookenv.action_set({"credentials": json.dumps(kept)})


def _content(name: str) -> str:
    path = Path(name)
    if not path.is_absolute():
        raise GatewayError(f"file: {name!r} is not valid; allowed: a whole path on this unit")
    try:
        if path.stat().st_size > LARGEST:
            raise GatewayError(f"file: {name} is larger than {LARGEST >> 20} MiB")
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "not a text"
        raise GatewayError(f"file: {name} cannot be read: {words}") from None


def _unseal(document: Document, private_key: str | None) -> None:
    """Open the passwords, or leave them out where there is no key for that."""
    if private_key and not os.access(private_key, os.R_OK):
        raise GatewayError(f"private-key-file: {private_key} cannot be read on this unit")
    for _, auth in backup.auths(document):
        for key in ("password", "mutual_password"):
            sealed = auth.pop(key, None)
            if sealed and private_key:
                auth[key] = sealing.unseal(sealed, Path(private_key))


def _generate(document: Document) -> dict[Owner, Document]:
    """New passwords for all that lack one; those in force already, after an earlier call."""
    state = Api.of().config(decrypted=True)
    now = backup.in_force(state)
    made = {}
    for owner, auth in backup.auths(document):
        new = credentials.generate(mutual=True)
        there = now.get(owner, {})
        if lacking := backup.lacking(auth):
            auth |= {key: there.get(key) or new[key] for key in lacking}
            made[owner] = auth
    return made


def _check(auth: Document) -> None:
    for whose in ("", "mutual_"):
        if auth.get(f"{whose}username"):
            values = (auth[f"{whose}username"], auth[f"{whose}password"])
            validation.credentials(*values, whose=whose.replace("_", " "))
