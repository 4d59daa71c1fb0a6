"""Actions on credentials that are no single client's."""

from ceph_iscsi import auth
from ceph_iscsi.actions.asked import Asked, carry_out


def set_target_auth() -> None:
    """Set what everyone has to log in to a target with."""
    asked = Asked()
    carry_out(auth.TargetAuth(iqn=asked.iqn, credentials=asked.credentials))


def set_discovery_auth() -> None:
    """Set what everyone has to show to be told which targets there are."""
    carry_out(auth.DiscoveryAuth(credentials=Asked().credentials))
