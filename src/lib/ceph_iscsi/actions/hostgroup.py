"""Actions on host groups."""

from ceph_iscsi import hostgroups, validation
from ceph_iscsi.actions.asked import Asked, carry_out
from ceph_iscsi.errors import GatewayError


def create_host_group() -> None:
    """Make a host group in a target."""
    carry_out(hostgroups.NewGroup(**_group(Asked())))


def delete_host_group() -> None:
    """Delete a host group."""
    carry_out(hostgroups.NoGroup(**_group(Asked())))


def add_to_host_group() -> None:
    """Add a client or a disk to a host group."""
    asked = Asked()
    carry_out(hostgroups.MoreInGroup(**_group(asked), **_content(asked)))


def remove_from_host_group() -> None:
    """Take a client or a disk out of a host group."""
    asked = Asked()
    carry_out(hostgroups.FewerInGroup(**_group(asked), **_content(asked), meant=asked.meant))


def _group(asked: Asked) -> dict[str, str]:
    return {"iqn": asked.iqn, "group": validation.group("group-name", asked.given["group-name"])}


def _content(asked: Asked) -> dict[str, tuple[str, ...]]:
    content = {
        "members": (asked.initiator,) if "client-initiatorname" in asked else (),
        "names": (asked.disk,) if "image-name" in asked else (),
    }
    if not any(content.values()):
        raise GatewayError("client-initiatorname or image-name is needed, or both")
    return content
