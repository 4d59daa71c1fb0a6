#!/usr/bin/env python3
"""Every hook of the api-client companion: keep what the gateways tell."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from api_client import access, juju

ENDPOINT = "admin-access"


def main() -> None:
    """Converge: the same work in every hook."""
    gateways = []
    broken = os.environ["JUJU_HOOK_NAME"] == f"{ENDPOINT}-relation-broken"
    for relation_id in [] if broken else juju.ask("relation-ids", ENDPOINT):
        units = juju.ask("relation-list", "-r", relation_id)
        bags = {unit: juju.ask("relation-get", "-r", relation_id, "-", unit) for unit in units}
        if units:
            remote = ("-", units[0].partition("/")[0])
            application = juju.ask("relation-get", "--app", "-r", relation_id, *remote)
            gateways += access.from_relation(bags, application)
    access.save(gateways)
    access.CA.write_text(juju.ask("config-get")["ca"])
    juju.tell("status-set", "active", f"{len(gateways)} gateways")


if __name__ == "__main__":
    main()
