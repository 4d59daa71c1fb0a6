"""Actions on this gateway's services."""

import charms_openstack.charm as charm


def pause() -> None:
    """Stop the gateway, until resumed."""
    with charm.provide_charm_instance() as gateway:
        gateway.pause()


def resume() -> None:
    """Start the gateway again."""
    with charm.provide_charm_instance() as gateway:
        gateway.resume()
