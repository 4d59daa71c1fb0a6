#!/usr/bin/env python3
"""Actions as Juju calls them: the name under which this file is called says which one."""

import importlib
import os
import sys
import traceback
from pathlib import Path

CHARM_DIR = Path(os.environ.get("CHARM_DIR", Path(__file__).resolve().parent.parent))
for part in ("lib", "."):
    sys.path.insert(0, str(CHARM_DIR / part))

from charms.layer import basic  # noqa: E402

basic.bootstrap_charm_deps()

import charms_openstack.bus  # noqa: E402
import charms_openstack.charm as charm  # noqa: E402
from ceph_iscsi.errors import GatewayError  # noqa: E402
from charmhelpers.core import hookenv, unitdata  # noqa: E402

# Names of the actions, and the module in ceph_iscsi.actions that has the function.
ACTIONS = {
    "add-client": "client",
    "add-gateways": "target",
    "add-to-host-group": "hostgroup",
    "add-trusted-ip": "access",
    "attach-disk": "disk",
    "create-disk": "disk",
    "create-host-group": "hostgroup",
    "create-snapshot": "snapshot",
    "create-target": "target",
    "delete-disk": "disk",
    "delete-host-group": "hostgroup",
    "delete-snapshot": "snapshot",
    "delete-target": "target",
    "detach-disk": "disk",
    "export-config": "config",
    "initiator-config": "initiator",
    "list-snapshots": "snapshot",
    "list-targets": "show",
    "pause": "service",
    "remove-client": "client",
    "remove-from-host-group": "hostgroup",
    "remove-gateways": "target",
    "remove-trusted-ip": "access",
    "resize-disk": "disk",
    "restart": "service",
    "restore-config": "config",
    "resume": "service",
    "rollback-snapshot": "snapshot",
    "rotate-admin-password": "access",
    "security-checklist": "access",
    "set-client-auth": "client",
    "set-discovery-auth": "auth",
    "set-disk": "disk",
    "set-target-auth": "auth",
}


def main(name: str) -> None:
    """Run an action; whatever goes wrong becomes its message, never a traceback.

    The framework's start and end are run around it: without them, what an action sets in the
    relations, and its flags, would be lost.
    """
    basic.init_config_states()
    charms_openstack.bus.discover()
    hookenv._run_atstart()
    try:
        module = importlib.import_module(f"ceph_iscsi.actions.{ACTIONS[name]}")
        getattr(module, name.replace("-", "_"))()
    except GatewayError as error:
        fail(str(error))
    except Exception as error:
        # Its text may hold anything, a secret too: only its kind and place are told.
        place = "".join(traceback.format_tb(error.__traceback__))
        hookenv.log(f"{name}: {type(error).__name__} at\n{place}", hookenv.ERROR)
        fail(f"{name} failed unexpectedly ({type(error).__name__}); the unit's log says where")
    with charm.provide_charm_instance() as gateway:
        gateway.assess_status()
    hookenv._run_atexit()
    unitdata.kv().flush()


def fail(message: str) -> None:
    """Have the action fail, with the message as its result ``err`` too."""
    hookenv.action_set({"err": message})
    hookenv.action_fail(message)


if __name__ == "__main__":
    main(Path(sys.argv[0]).name)
