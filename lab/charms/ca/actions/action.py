#!/usr/bin/env python3
"""Every action of the ca companion; the link's name says which one."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from ca import juju, relation
from ca.authority import Authority, Issued


def main() -> None:
    """Run the action that this file was called as."""
    action = Path(sys.argv[0]).name
    chosen = (juju.ask("action-get") or {}).get("application")
    authority = Authority()
    days = juju.ask("config-get")["validity-days"]

    def renewed(application: str, names: list[str]) -> Issued | None:
        if chosen in (None, application):
            return authority.issue(application, names, days)
        return authority.certificate(application, names, days)

    if action == "renew":
        relation.serve(authority, renewed)
    elif action == "revoke":
        try:
            serial = authority.revoke(chosen)
        except FileNotFoundError:
            juju.tell("action-fail", f"{chosen} has no certificate")
            return
        relation.serve(authority, lambda *request: authority.certificate(*request, days))
        juju.tell("action-set", f"serial={serial}")
    else:
        serials = " ".join(map(str, authority.revoked))
        juju.tell("action-set", f"serials={serials}", f"crl={authority.revocation_list()}")


if __name__ == "__main__":
    main()
