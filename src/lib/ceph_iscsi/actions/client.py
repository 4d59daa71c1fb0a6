"""Actions on the clients of a target."""

from ceph_iscsi import clients, validation
from ceph_iscsi.actions.asked import Asked, carry_out
from ceph_iscsi.auth import NO_CREDENTIALS, Credentials


def add_client() -> None:
    """Let an initiator use a target."""
    asked = Asked()
    iqn, name, credentials = asked.iqn, asked.initiator, NO_CREDENTIALS
    if asked.together("client-username", "client-password"):
        credentials = Credentials(asked.text("client-username"), asked.text("client-password"))
        validation.credentials(credentials.username, credentials.password)
    carry_out(clients.NewClient(iqn=iqn, name=name, credentials=credentials))


def remove_client() -> None:
    """Let an initiator no longer use a target."""
    asked = Asked()
    carry_out(clients.NoClient(iqn=asked.iqn, name=asked.initiator))


def set_client_auth() -> None:
    """Set what a client has to log in with."""
    asked = Asked()
    wanted = clients.ClientAuth(iqn=asked.iqn, name=asked.initiator, credentials=asked.credentials)
    carry_out(wanted)
