"""Bases of the hosts: which Debian stands in for which Ubuntu, and what is installed on them."""

from dataclasses import dataclass

# What an Ubuntu server image has and charms take for granted, as far as a lab host needs it: the
# tools first, then the libraries and Python modules that come with them there, so that a package
# finds here what it would find there.
HOST_PACKAGES = (
    "ca-certificates",
    "curl",
    "dbus",
    "e2fsprogs",
    "initramfs-tools",
    "iproute2",
    "iputils-ping",
    "kmod",
    "less",
    "lsb-release",
    "netbase",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "python3-yaml",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
    "dmsetup",
    "libcurl3-gnutls",
    "libglib2.0-0",
    "libibverbs1",
    "libjson-c5",
    "python3-bcrypt",
    "python3-blinker",
    "python3-chardet",
    "python3-click",
    "python3-jinja2",
    "python3-netifaces",
    "python3-openssl",
    "python3-pkg-resources",
    "python3-pyparsing",
    "python3-requests",
    "python3-six",
)

# Ceph's daemons come with the container hosts: installing them takes longer than starting them.
CONTAINER_PACKAGES = ("ceph-common", "ceph-mgr", "ceph-mon", "ceph-osd")

# What hosts install by themselves, in hooks: the archive holds these and all that they need.
ARCHIVE_PACKAGES = (
    "ceph-common",
    "ceph-iscsi",
    "fio",
    "libiscsi-bin",
    "lsscsi",
    "multipath-tools",
    "open-iscsi",
    "python3-venv",
    "sg3-utils",
    "tcmu-runner",
)


@dataclass(frozen=True)
class Base:
    """A Debian release, and the Ubuntu release that its hosts present themselves as.

    `name` is Juju's name of the base, `suite` Debian's of the release.
    """

    name: str
    suite: str
    ubuntu_version: str
    ubuntu_codename: str
    ubuntu_title: str

    @property
    def os_release(self) -> str:
        """Content of /etc/os-release."""
        return (
            f'PRETTY_NAME="Ubuntu {self.ubuntu_version} (lab)"\n'
            'NAME="Ubuntu"\n'
            f'VERSION_ID="{self.ubuntu_version}"\n'
            f'VERSION="{self.ubuntu_version} LTS ({self.ubuntu_title})"\n'
            f"VERSION_CODENAME={self.ubuntu_codename}\n"
            "ID=ubuntu\n"
            "ID_LIKE=debian\n"
            f"UBUNTU_CODENAME={self.ubuntu_codename}\n"
        )

    @property
    def lsb_release(self) -> str:
        """Content of /etc/lsb-release."""
        return (
            "DISTRIB_ID=Ubuntu\n"
            f"DISTRIB_RELEASE={self.ubuntu_version}\n"
            f"DISTRIB_CODENAME={self.ubuntu_codename}\n"
            f'DISTRIB_DESCRIPTION="Ubuntu {self.ubuntu_version} (lab)"\n'
        )


BASES = {
    base.name: base
    for base in (
        Base("ubuntu@24.04", "trixie", "24.04", "noble", "Noble Numbat"),
        Base("ubuntu@22.04", "bookworm", "22.04", "jammy", "Jammy Jellyfish"),
    )
}
DEFAULT_BASE = "ubuntu@24.04"


def successor(name: str) -> str | None:
    """The base that do-release-upgrade leads to from the base `name`, None from the last one."""
    later = sorted(base for base in BASES if base > name)
    return later[0] if later else None
