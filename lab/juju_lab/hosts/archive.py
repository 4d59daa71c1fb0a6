"""The package archive of a base: what hosts can install without a network.

It is an apt repository without a release file (a trusted `file:` source) with the packages that
hosts install in hooks, and everything these need that the base does not have. The packages hold
what Debian's hold, in a form that is quick to install: uncompressed, with Python's bytecode.
"""

import shutil
from pathlib import Path

from juju_lab.hosts import sandbox
from juju_lab.hosts.bases import ARCHIVE_PACKAGES as PACKAGES
from juju_lab.hosts.bases import Base

# Where a host finds its base's archive.
MOUNT_POINT = "/srv/archive"

SOURCE = f"""\
Types: deb
URIs: file:{MOUNT_POINT}
Suites: ./
Trusted: yes
"""

_REPACK = Path(__file__).parent / "scripts" / "repack-debs"
_UPDATE = ["apt-get", "update"]
_DOWNLOAD_ONLY = [
    *("--download-only", "--yes", "--no-install-recommends"),
    *("--option", "APT::Sandbox::User=root"),
]
_DOWNLOAD = ["apt-get", "install", *_DOWNLOAD_ONLY, *PACKAGES]
_DOWNLOAD_UPGRADE = ["apt-get", "dist-upgrade", *_DOWNLOAD_ONLY]
# One hash is enough for a copy on the same disk.
_INDEX = [
    "apt-ftparchive",
    *(f"--option=APT::FTPArchive::{name}=false" for name in ("MD5", "SHA1", "SHA512")),
    *("packages", "."),
]


def recipe(rootfs: Path) -> list[object]:
    """What an archive is made of: the tree that it complements, and the commands."""
    return [rootfs.name, _DOWNLOAD, _REPACK.read_text(), _INDEX]


def upgrade_recipe(old: Path, new: Path) -> list[object]:
    """What an archive for an upgrade from the tree `old` to the release of `new` is made of."""
    return [old.name, new.name, _DOWNLOAD, _DOWNLOAD_UPGRADE, _REPACK.read_text(), _INDEX]


def build(base: Base, rootfs: Path, target: Path, log: Path, upgraded: Path | None = None) -> None:
    """Make the archive for `base` in the directory `target`, relative to what `rootfs` has.

    With `upgraded`, a tree of the release before, it holds what that lacks, newer versions of what
    it has included.
    """
    lists = target / "lists"
    for directory in (lists / "partial", target / "partial"):
        directory.mkdir(parents=True)
    binds = [(lists, "/var/lib/apt/lists"), (target, "/var/cache/apt/archives")]
    downloads = [_DOWNLOAD]
    if upgraded:
        binds.append((rootfs / "etc/apt", "/etc/apt"))
        downloads.append(_DOWNLOAD_UPGRADE)
    what = f"Downloading the packages for {base.suite} hosts"
    for argv in (_UPDATE, *downloads):
        sandbox.run(sandbox.in_chroot(upgraded or rootfs, argv, binds=binds), what=what, log=log)
    for leftover in (lists, target / "partial"):
        shutil.rmtree(leftover)
    (target / "lock").unlink(missing_ok=True)
    sandbox.run(
        sandbox.in_chroot(
            rootfs,
            ["python3", f"/mnt/{_REPACK.name}", MOUNT_POINT],
            binds=[(target, MOUNT_POINT), (_REPACK.parent, "/mnt")],
        ),
        what=f"Repacking the packages for {base.suite} hosts",
        log=log,
    )
    sandbox.run(
        sandbox.confined(_INDEX),
        what=f"Indexing the packages for {base.suite} hosts",
        log=log,
        cwd=target,
        output=target / "Packages",
    )
