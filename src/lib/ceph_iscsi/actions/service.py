"""Actions on this gateway's services."""

import charms_openstack.charm as charm
from charmhelpers.core import hookenv


def pause() -> None:
    """Stop the gateway, until resumed."""
    with charm.provide_charm_instance() as gateway:
        gateway.pause(force=bool(hookenv.action_get().get("force")))


def resume() -> None:
    """Start the gateway again."""
    with charm.provide_charm_instance() as gateway:
        gateway.resume()


def restart() -> None:
    """Restart the gateway's daemons, at its turn."""
    with charm.provide_charm_instance() as gateway:
        done = gateway.restart(force=bool(hookenv.action_get().get("force")))
    hookenv.action_set({"outcome": "restarted" if done else "waiting for its turn"})
