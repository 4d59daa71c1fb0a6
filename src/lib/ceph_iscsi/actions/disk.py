"""Actions on disks."""

from ceph_iscsi import disks, plan
from ceph_iscsi.actions.asked import Asked, carry_out
from ceph_iscsi.errors import GatewayError


def create_disk() -> None:
    """Make a disk in a target, on a new image or one that is there."""
    asked = Asked()
    wanted = disks.NewDisk(
        iqn=asked.iqn,
        size=asked.size,
        controls=asked.controls,
        name=asked.disk,
        data_pool=asked.pools[1],
    )
    carry_out(wanted, disk=wanted.name)


def resize_disk() -> None:
    """Have a disk grow."""
    asked = Asked()
    wanted = disks.Resize(size=asked.size, name=asked.disk)
    carry_out(wanted, disk=wanted.name)


def set_disk() -> None:
    """Set settings of a disk."""
    asked = Asked()
    controls = asked.controls
    if not controls:
        names = ", ".join(name.replace("_", "-") for name in plan.CONTROLS)
        raise GatewayError(f"nothing to set; allowed, one or more: {names}")
    wanted = disks.Settings(controls=controls, name=asked.disk)
    carry_out(wanted, disk=wanted.name)


def delete_disk() -> None:
    """Delete a disk, with its image if that is meant."""
    asked = Asked()
    remove = bool(asked.given.get("remove-image"))
    if remove and not asked.meant:
        raise GatewayError(
            "i-really-mean-it: must be true with remove-image=true, which destroys data"
        )
    wanted = disks.NoDisk(keep_image=not remove, meant=asked.meant, name=asked.disk)
    carry_out(wanted, disk=wanted.name)


def attach_disk() -> None:
    """Give a client a disk."""
    _attach(True)


def detach_disk() -> None:
    """Take a disk from a client."""
    _attach(False)


def _attach(there: bool) -> None:
    asked = Asked()
    wanted = disks.Attachment(
        iqn=asked.iqn,
        client=asked.initiator,
        there=there,
        meant=asked.meant,
        name=asked.disk,
    )
    carry_out(wanted, disk=wanted.name)
