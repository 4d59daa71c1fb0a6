"""The one exception of everything that talks to the gateway or checks what a user asked for."""


class GatewayError(Exception):
    """Something that the gateway, Ceph or the charm's rules do not allow.

    ``str()`` is meant for the user: it says what, why and what would be right, and never holds a
    secret.
    """
