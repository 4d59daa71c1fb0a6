"""What this machine must have before a lab can start, each lack told in one line."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

from juju_lab.hosts import uml
from juju_lab.hosts.errors import HostError, PreflightError
from juju_lab.hosts.network import Network
from juju_lab.hosts.settings import Settings

TUN = Path("/dev/net/tun")
# Program: the package that has it.
PROGRAMS = {
    "linux.uml": "user-mode-linux",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "apt-ftparchive": "apt-utils",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "taskset": "util-linux",
    "unshare": "util-linux",
}
# Ceph and four user-mode Linux hosts, as the demo and the tests have them.
MEMORY_NEEDED = 6 << 30
STATE_NEEDED = 10 << 30
CACHE_NEEDED = 4 << 30


def check(settings: Settings, network: Network, *, prepared: bool) -> None:
    """Raise PreflightError if this machine cannot run the lab.

    `prepared` tells that images and archives are cached already.
    """
    problems = [*_rights(), *_programs()]
    if not problems:
        problems = [*_namespaces(settings, network), *_resources(settings, network, prepared)]
    if problems:
        raise PreflightError(problems)


def _rights() -> list[str]:
    if os.geteuid() != 0:
        return ["not root: namespaces, taps and mounts need root; run this through sudo"]
    try:
        device = TUN.stat().st_mode
    except OSError:
        device = 0
    if not stat.S_ISCHR(device):
        return [f"{TUN} is missing: hosts get their network from it (modprobe tun)"]
    try:
        os.close(os.open(TUN, os.O_RDWR))
    except OSError as error:
        return [f"{TUN} cannot be opened ({error.strerror}): hosts get their network from it"]
    return []


def _programs() -> list[str]:
    missing = {package for name, package in PROGRAMS.items() if not shutil.which(name)}
    if missing:
        names = " ".join(sorted(missing))
        return [f"packages missing: {names} (lab/bootstrap installs them)"]
    try:
        modules = uml.MODULES / uml.kernel_release()
    except HostError as error:
        return [str(error)]
    if not modules.is_dir():
        return [f"{modules} is missing: package user-mode-linux is not complete"]
    return []


def _namespaces(settings: Settings, network: Network) -> list[str]:
    argv = ["unshare", "--net", "--pid", "--mount", "--fork", "true"]
    if subprocess.run(argv, capture_output=True).returncode:
        return ["namespaces cannot be made: is this a container without the privilege to?"]
    if network.exists() and not settings.state_dir.exists():
        return [
            f"network namespace {network.netns} is in use by something else "
            "(JUJU_LAB_NAME=… chooses another name)"
        ]
    return []


def _resources(settings: Settings, network: Network, prepared: bool) -> list[str]:
    problems = []
    if not network.exists():
        available = _available_memory()
        if available < MEMORY_NEEDED:
            problems.append(f"memory: {_gib(MEMORY_NEEDED)} needed, {_gib(available)} available")
    wanted: dict[int, tuple[Path, int]] = {}
    for directory, needed in (
        (settings.state_parent, 0 if network.exists() else STATE_NEEDED),
        (settings.cache_dir, 0 if prepared else CACHE_NEEDED),
    ):
        place = _existing(directory)
        first, sum_ = wanted.get(place.stat().st_dev, (directory, 0))
        wanted[place.stat().st_dev] = (first, sum_ + needed)
    for directory, needed in wanted.values():
        free = shutil.disk_usage(_existing(directory)).free
        if free < needed:
            problems.append(f"disk: {_gib(needed)} needed for {directory}, {_gib(free)} free")
    return problems


def _existing(directory: Path) -> Path:
    while not directory.exists():
        directory = directory.parent
    return directory


def _available_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    raise HostError("/proc/meminfo does not tell the available memory")


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
