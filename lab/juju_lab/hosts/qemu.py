"""Hosts under qemu's software emulation: slow, on Debian's ordinary kernel with its modules."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from juju_lab.hosts import spec
from juju_lab.hosts.errors import HostError
from juju_lab.hosts.host import Host
from juju_lab.hosts.network import enter
from juju_lab.hosts.spec import HostSpec

# Program: the package that has it. Only who has such hosts needs them.
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils"}
_WAIT_BOOTED = "until systemctl is-active --quiet multi-user.target; do sleep 1; done"


class QemuHost(Host):
    """A host with Debian's kernel; its disk is a copy-on-write file on the base's image."""

    _shutdown_argv: ClassVar = ["systemctl", "poweroff"]

    def _boot(self) -> None:
        check_programs()
        images = self._images.of(self.base)
        kernel = self._claimed("kernel", images.kernel)
        image = self._claimed("image", images.disk)
        packages = self._claimed("archive", images.archive)
        disk = self.directory / "disk.qcow2"
        if not (self.directory / "booted").exists():
            # Whatever an interrupted first start left is no disk to boot from.
            disk.unlink(missing_ok=True)
        if not disk.exists():
            make_disk(disk, image)
        shares = {"seed": self._ssh.seed, "modules": kernel / "modules", "archive": packages}
        devices = self._network.plug_taps(self.slot, self.spec.networks)
        self._process.spawn(
            [
                *enter(self._network.netns),
                *qemu_argv(self.spec, kernel, disk, devices, shares),
            ],
            environment={"PATH": os.environ["PATH"], "HOME": "/"},
            console=self.console,
        )

    def _wait_booted(self, timeout: float) -> None:
        self.run(["sh", "-c", _WAIT_BOOTED], timeout=timeout)


def check_programs() -> None:
    """Raise HostError if qemu is not installed."""
    missing = [package for name, package in PROGRAMS.items() if not shutil.which(name)]
    if missing:
        names = " ".join(missing)
        raise HostError(f"packages missing: {names} (lab/bootstrap {names} installs them)")


def make_disk(disk: Path, image: Path) -> None:
    """Make a copy-on-write file on a base's image."""
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image), str(disk)]
    result = subprocess.run(argv, capture_output=True, text=True)
    if result.returncode:
        raise HostError(f"qemu-img: {result.stderr.strip()}")


def qemu_argv(
    host: HostSpec, kernel: Path, disk: Path, devices: list[str], shares: dict[str, Path]
) -> list[str]:
    """Command line of the emulator; `shares` are directories that the host's init mounts."""
    addresses = spec.addresses(host.slot, host.networks)
    words = [
        *("root=/dev/vda", "rw", "console=ttyS0", "net.ifnames=0"),
        *("init=/usr/lib/lab/init", "lab.9p", f"lab.slot={host.slot}"),
        *(f"lab.eth{n}={','.join(cidrs)}" for n, cidrs in enumerate(addresses)),
        *(f"lab.{name}={name}" for name in shares),
    ]
    argv = [
        *("qemu-system-x86_64", "-accel", "tcg", "-smp", "1", "-m", f"{host.memory_mib}M"),
        *("-nodefaults", "-no-user-config", "-no-reboot"),
        *("-display", "none", "-serial", "stdio"),
        *("-kernel", str(kernel / "vmlinuz"), "-initrd", str(kernel / "initrd.img")),
        *("-append", " ".join(words)),
        *("-drive", f"file={disk},if=virtio,format=qcow2"),
    ]
    for name, directory in shares.items():
        share = f"local,path={directory},mount_tag={name},security_model=none,readonly=on"
        argv += ["-virtfs", share]
    for n, device in enumerate(devices):
        argv += [
            *("-netdev", f"tap,id=net{n},ifname={device},script=no,downscript=no"),
            *("-device", f"virtio-net-pci,netdev=net{n},mac={spec.mac(host.slot, n)},romfile="),
        ]
    return argv
