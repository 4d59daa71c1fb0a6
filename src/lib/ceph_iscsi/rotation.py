"""Another password for the gateways' API, with nobody locked out meanwhile.

Gateways talk to one another with that password, and hear of a change in hooks of their own. So:

1. the leader tells the next one: every gateway takes it besides the one that all use;
2. when all do, it becomes the one to use, of gateways and clients, and the previous one is still
   taken;
3. when all gateways use it, the previous one is forgotten.

In the application's data bag: ``next_admin_password`` in step 1, ``previous_admin_password`` in
step 2. A unit tells in ``admin_passwords_seen`` which of all that it goes by.
"""

import hashlib
import json
import secrets
import string
from typing import Any

from charmhelpers.core import hookenv

from ceph_iscsi.api import Api

LENGTH = 32
_ALPHABET = string.ascii_letters + string.digits


def password() -> str:
    """A new password (a secret)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))


def in_progress(cluster: Any) -> bool:
    """Whether a new password is on its way.

    :param cluster: endpoint of the peers
    """
    return bool(other_password(cluster))


def other_password(cluster: Any) -> str | None:
    """The password that is taken besides the one that is used (a secret), if there is any."""
    # The community's interface has no such thing.
    return getattr(cluster, "other_admin_password", None)


def acknowledge(cluster: Any) -> None:
    """Tell the leader what this unit's API goes by, while that is in motion."""
    if hasattr(cluster, "set_admin_passwords_seen"):
        cluster.set_admin_passwords_seen(_fingerprint(cluster) if in_progress(cluster) else "")


def advance(cluster: Any) -> bool:
    """On the leader: take the next step, if all gateways have taken the last one.

    A gateway whose API is down is not waited for: it reads its file when it starts.

    :returns: whether the passwords are others now
    """
    if not in_progress(cluster) or not hookenv.is_leader() or waiting_for(cluster):
        return False
    if cluster.next_admin_password:
        previous = cluster.admin_password
        cluster.set_admin_passwords(cluster.next_admin_password, previous=previous)
        hookenv.log("the API's new password comes into use")
    else:
        cluster.set_admin_passwords(cluster.admin_password)
        hookenv.log("the API's previous password is forgotten")
    return True


def waiting_for(cluster: Any) -> list[str]:
    """Units that serve the API and don't go by the present passwords yet, sorted."""
    now = _fingerprint(cluster)
    return sorted(
        unit
        for unit, (seen, address) in cluster.admin_passwords_seen.items()
        if seen != now and address and Api.of(address).listens()
    )


def _fingerprint(cluster: Any) -> str:
    """Tells the passwords of one step from those of another, and nothing of what they are."""
    passwords = (cluster.admin_password, cluster.next_admin_password, other_password(cluster))
    return hashlib.sha256(json.dumps(passwords).encode()).hexdigest()[:16]
