"""CHAP credentials of clients that the user does not give: made, used, kept, told where."""

from charmhelpers.core import hookenv

from ceph_iscsi import backup, credentials
from ceph_iscsi.actions.asked import Asked, require_gateway
from ceph_iscsi.api import Api
from ceph_iscsi.auth import Credentials
from ceph_iscsi.errors import GatewayError


def wanted(asked: Asked, *otherwise: str) -> bool:
    """Whether credentials are to be made.

    :param otherwise: parameters that give them
    :raises GatewayError: one of these is given as well
    """
    if not asked.given.get("generate-credentials"):
        return False
    for parameter in otherwise:
        if parameter in asked:
            raise GatewayError(f"{parameter}: not to be given with generate-credentials=true")
    return True


def anew(mutual: bool) -> Credentials:
    """New credentials."""
    return Credentials(**credentials.generate(mutual))


def for_client(iqn: str, name: str) -> Credentials:
    """A client's credentials, new ones if it has none.

    So a call that is repeated changes nothing, and one that was cut short is made good.
    """
    require_gateway()
    there = backup.in_force(Api.of().config(decrypted=True)).get((iqn, name), {})
    return Credentials(**there) if there.get("username") else anew(mutual=False)


def keep(asked: Asked, iqn: str, name: str, made: Credentials) -> None:
    """Keep credentials that are in force; tell where, and them themselves if that is asked for."""
    values = made.document()
    results = credentials.keep(iqn, name, values, hookenv.is_leader())
    if asked.given.get("show-credentials"):
        results |= {key.replace("_", "-"): value for key, value in values.items() if value}
    hookenv.action_set(results)
