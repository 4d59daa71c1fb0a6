"""Archives that packages come from, as the options ``source`` and ``key`` name them."""

from __future__ import annotations

from pathlib import Path

from charms_openstack import os_release_data
from charms_openstack.charm.utils import write_file

LISTS = Path("/etc/apt/sources.list.d")
OWN_LIST = "charm-source.list"
# Lists of this module, and those that charmhelpers' add_source writes.
ALL_LISTS = (OWN_LIST, "cloud-archive.list", "proposed.list")
KEYRING = Path("/etc/apt/trusted.gpg.d/charm-source.asc")
LINES = ("deb ", "http:", "https:")
ARMOUR = "-----BEGIN PGP PUBLIC KEY BLOCK-----"


def configure(source: str | None, key: str | None) -> None:
    """Have apt use an archive, and no longer the one that an earlier call named (a PPA stays).

    :param source: a line as in sources.list, ``deb`` may be left out and ``{series}`` stands for
        the machine's; or what charmhelpers' add_source knows: ``cloud:noble-epoxy``,
        ``ppa:user/name``, ``distro``, ``proposed``; nothing means ``distro``
    :param key: the key that signs the archive, in ASCII armour, or its id on Ubuntu's key server
    :raises charmhelpers.fetch.SourceConfigError: the source can't be understood
    """
    from charmhelpers import fetch
    from charmhelpers.core.host import get_distrib_codename

    os_release_data.extend_charmhelpers()
    source, key = (source or "").strip(), (key or "").strip()
    armoured = key.startswith(ARMOUR)
    if armoured:
        write_file(KEYRING, f"{key}\n", perms=0o644)
    else:
        KEYRING.unlink(missing_ok=True)
    for name in ALL_LISTS:
        (LISTS / name).unlink(missing_ok=True)
    if source.startswith(LINES):
        # Not with add-apt-repository: a minimal machine lacks it, and it never removes anything.
        line = source.replace("{series}", get_distrib_codename())
        prefix = "" if line.startswith("deb ") else "deb "
        write_file(LISTS / OWN_LIST, f"{prefix}{line}\n", perms=0o644)
    else:
        fetch.add_source(source or "distro", fail_invalid=True)
    if key and not armoured:
        fetch.import_key(key)
