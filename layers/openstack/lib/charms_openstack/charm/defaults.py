"""Default handlers that a charm opts into."""

from __future__ import annotations

import charms.reactive as reactive

ALLOWED_DEFAULT_HANDLERS = (
    "charm.installed",
    "config.changed",
    "update-status",
    "upgrade-charm",
)


def use_defaults(*defaults: str) -> None:
    """Switch default handlers on, each by the flag ``charms.openstack.do-default-<name>``.

    ``charm.installed``  installs the packages, then sets the flag of that name
    ``config.changed``   calls ``config_changed`` of the charm class
    ``update-status``    tells the status at the end of every hook and action
    ``upgrade-charm``    calls ``upgrade_charm`` of the charm class

    The flags stay set; a charm that no longer names a default in a later version clears its flag.

    :raises RuntimeError: there is no such default handler
    """
    for name in defaults:
        if name not in ALLOWED_DEFAULT_HANDLERS:
            raise RuntimeError(f"there is no default handler for {name}")
        reactive.set_flag(f"charms.openstack.do-default-{name}")
