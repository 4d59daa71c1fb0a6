#!/usr/bin/env python3
"""Every hook of the ca companion: the authority is there, and who asks is answered."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from ca import juju, relation
from ca.authority import Authority


def main() -> None:
    """Converge: the same work in every hook."""
    authority = Authority()
    authority.set_up()
    days = juju.ask("config-get")["validity-days"]
    relation.serve(authority, lambda *request: authority.certificate(*request, days))
    juju.tell("status-set", "active", "Unit is ready")


if __name__ == "__main__":
    main()
