"""Actions on the clients of a target."""

from ceph_iscsi import clients, credentials, validation
from ceph_iscsi.actions import generated
from ceph_iscsi.actions.asked import CREDENTIALS, METHODS, Asked, carry_out
from ceph_iscsi.auth import NO_CREDENTIALS, Credentials
from ceph_iscsi.errors import GatewayError

GIVEN = ("client-username", "client-password")


def add_client() -> None:
    """Let an initiator use a target."""
    asked = Asked()
    iqn, name, login = asked.iqn, asked.initiator, NO_CREDENTIALS
    generate = generated.wanted(asked, *GIVEN)
    if generate:
        login = generated.for_client(iqn, name)
    elif asked.together(*GIVEN):
        login = Credentials(*map(asked.text, GIVEN))
        validation.credentials(login.username, login.password)
    carry_out(clients.NewClient(iqn=iqn, name=name, credentials=login))
    if generate:
        generated.keep(asked, iqn, name, login)


def remove_client() -> None:
    """Let an initiator no longer use a target."""
    asked = Asked()
    iqn, name = asked.iqn, asked.initiator
    carry_out(clients.NoClient(iqn=iqn, name=name))
    credentials.forget(iqn, name)


def set_client_auth() -> None:
    """Set what a client has to log in with."""
    asked = Asked()
    iqn, name = asked.iqn, asked.initiator
    generate = generated.wanted(asked, *CREDENTIALS)
    if generate:
        method = asked.given["method"]
        if not METHODS.get(method):
            raise GatewayError(f"method: {method!r} has no credentials that could be generated")
        login = generated.anew(mutual=method == "mutual-chap")
    else:
        login = asked.credentials
    carry_out(clients.ClientAuth(iqn=iqn, name=name, credentials=login))
    if generate:
        generated.keep(asked, iqn, name, login)
    else:
        credentials.forget(iqn, name)  # what was kept is no longer true
