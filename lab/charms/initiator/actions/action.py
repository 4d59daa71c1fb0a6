#!/usr/bin/env python3
"""Every action of the initiator companion; the link's name says which one."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from initiator import host, juju


def main() -> None:
    """Run the action that this file was called as; a failure is the action's, with its text."""
    action = Path(sys.argv[0]).name
    parameters = juju.ask("action-get") or {}
    try:
        if action == "login":
            portals = parameters["portal"].split()
            iqn, username, password = (parameters[key] for key in ("iqn", "username", "password"))
            host.login(portals, iqn, username, password)
        elif action == "logout":
            host.logout(parameters["iqn"])
    except (host.InitiatorError, ValueError) as error:
        juju.tell("action-fail", str(error))
    else:
        juju.tell("action-set", *(f"{key}={value}" for key, value in host.show().items()))


if __name__ == "__main__":
    main()
