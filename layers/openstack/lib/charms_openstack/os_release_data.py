"""Releases that charmhelpers on PyPI does not know: it ends at Ubuntu 22.04.

``extend_charmhelpers`` adds them to its tables, so that comparing releases and adding the Ubuntu
Cloud Archive as a source work on newer ones too.
"""

from __future__ import annotations

# Ubuntu series after jammy (22.04): 22.10 to 26.04.
UBUNTU_RELEASES = (
    "kinetic",
    "lunar",
    "mantic",
    "noble",
    "oracular",
    "plucky",
    "questing",
    "resolute",
)

# OpenStack releases from Ubuntu 22.04's own on, 2022.1 to 2026.1; archives of Ceph are named so.
OPENSTACK_RELEASES = (
    "yoga",
    "zed",
    "antelope",
    "bobcat",
    "caracal",
    "dalmatian",
    "epoxy",
    "flamingo",
    "gazpacho",
)

# The release that an Ubuntu series carries itself.
UBUNTU_OPENSTACK_RELEASE = {
    "kinetic": "zed",
    "lunar": "antelope",
    "mantic": "bobcat",
    "noble": "caracal",
    "oracular": "dalmatian",
    "plucky": "epoxy",
    "questing": "flamingo",
    "resolute": "gazpacho",
}

# The later releases that the Ubuntu Cloud Archive has for a long-term series.
CLOUD_ARCHIVE = {
    "jammy": ("zed", "antelope", "bobcat", "caracal"),
    "noble": ("dalmatian", "epoxy", "flamingo", "gazpacho"),
}


def extend_charmhelpers() -> None:
    """Teach charmhelpers the releases above; calling it again changes nothing."""
    from charmhelpers.core.host_factory import ubuntu as host
    from charmhelpers.fetch import ubuntu as fetch

    host.UBUNTU_RELEASES = _appended(host.UBUNTU_RELEASES, UBUNTU_RELEASES)
    host.CompareHostReleases._list = host.UBUNTU_RELEASES
    fetch.OPENSTACK_RELEASES = _appended(fetch.OPENSTACK_RELEASES, OPENSTACK_RELEASES)
    fetch.UBUNTU_OPENSTACK_RELEASE.update(UBUNTU_OPENSTACK_RELEASE)
    for series, releases in CLOUD_ARCHIVE.items():
        for release in releases:
            fetch.CLOUD_ARCHIVE_POCKETS.update(_pockets(series, release))


def _pockets(series: str, release: str) -> dict[str, str]:
    """The ways to name a pocket of the cloud archive -> the pocket."""
    updates, proposed = f"{series}-updates/{release}", f"{series}-proposed/{release}"
    return {
        release: updates,
        f"{series}-{release}": updates,
        f"{series}-{release}/updates": updates,
        updates: updates,
        f"{release}/proposed": proposed,
        f"{series}-{release}/proposed": proposed,
        proposed: proposed,
    }


def _appended(known: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return known + tuple(name for name in more if name not in known)
