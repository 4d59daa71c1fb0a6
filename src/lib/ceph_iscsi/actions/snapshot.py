"""Actions on snapshots of disks."""

import json

from charmhelpers.core import hookenv

from ceph_iscsi import snapshots, validation
from ceph_iscsi.actions.asked import Asked, carry_out, cluster, require_gateway
from ceph_iscsi.errors import GatewayError


def create_snapshot() -> None:
    """Make a snapshot of a disk."""
    asked = Asked()
    carry_out(snapshots.NewSnapshot(snapshot=_snapshot(asked), name=asked.disk))


def delete_snapshot() -> None:
    """Delete a snapshot of a disk."""
    asked = Asked()
    name = _snapshot(asked)
    _check_meant(asked, "what the disk held at that time is lost")
    carry_out(snapshots.NoSnapshot(snapshot=name, name=asked.disk))


def rollback_snapshot() -> None:
    """Have a disk hold again what it held at a snapshot."""
    asked = Asked()
    name = _snapshot(asked)
    _check_meant(asked, "what was written since then is lost")
    carry_out(snapshots.Rollback(snapshot=name, name=asked.disk))


def list_snapshots() -> None:
    """List the snapshots of a disk, with their sizes and times, as JSON."""
    asked = Asked()
    disk = asked.disk
    require_gateway()
    image = cluster().images([disk])[disk]
    if problem := image.get("problem"):
        raise GatewayError(f"image-name: {disk}: {problem}")
    hookenv.action_set({"snapshots": json.dumps(image["snapshots"])})


def _snapshot(asked: Asked) -> str:
    return validation.name("snapshot-name", asked.given["snapshot-name"])


def _check_meant(asked: Asked, loss: str) -> None:
    if not asked.meant:
        raise GatewayError(f"i-really-mean-it: must be true: {loss}")
