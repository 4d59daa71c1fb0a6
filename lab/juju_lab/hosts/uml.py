"""Hosts on user-mode Linux: a kernel and systemd of their own, in one process of the machine."""

import os
import subprocess
from pathlib import Path
from typing import ClassVar

from juju_lab.hosts import cow, spec
from juju_lab.hosts.errors import HostError
from juju_lab.hosts.host import Host
from juju_lab.hosts.network import enter
from juju_lab.hosts.spec import HostSpec

KERNEL = "linux.uml"
MODULES = Path("/usr/lib/uml/modules")
_KEEP_TICKING = Path(__file__).parent / "scripts" / "keep-ticking"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a tmpfs is what is wanted
_WAIT_BOOTED = "until systemctl is-active --quiet multi-user.target; do sleep 0.1; done"


class UmlHost(Host):
    """A host with a kernel of its own; its disk is a copy-on-write file on the base's image."""

    _shutdown_argv: ClassVar = ["systemctl", "poweroff"]

    @property
    def _cow(self) -> Path:
        """Its disk as it differs from the base's image, until its first upgrade."""
        return self.directory / "disk.cow"

    @property
    def _whole(self) -> Path:
        """Its disk since an upgrade: all of it, for the image is that of another base."""
        return self.directory / "disk.img"

    @property
    def release(self) -> str:
        upgraded = self.directory / "release"
        return upgraded.read_text() if self._whole.exists() else self.base

    def upgrade(self, base: str) -> None:
        with self._locked():
            if self.running:
                raise HostError(f"{self.hostname} runs: a disk is upgraded while its host is off")
            packages = self._images.upgrade_archive(self.release, base)
            if not packages.exists():
                raise HostError(f"the upgrade from {self.release} to {base} is not prepared")
            disk, log = self.directory / "disk.new", self.directory / "upgrade.log"
            log.unlink(missing_ok=True)
            cow.flatten(self._cow, (self.directory / "image").readlink(), disk)
            self._images.upgrade(disk, self.release, base, log)
            self._claim("archive", self._images.of(base).archive)
            (self.directory / "release").write_text(base)
            disk.rename(self._whole)
            self._cow.unlink()

    def _boot(self) -> None:
        images = self._images.of(self.base)
        disk = self._claimed("image", images.disk)
        packages = self._claimed("archive", images.archive)
        if not (self.directory / "booted").exists():
            # Whatever an interrupted first start left is no disk to boot from.
            self._cow.unlink(missing_ok=True)
        drive = str(self._whole) if self._whole.exists() else f"{self._cow},{disk}"
        devices = self._network.plug_taps(self.slot, self.spec.networks)
        memory = memory_directory(self.spec.memory_mib, self.directory)
        self._process.spawn(
            [
                *enter(self._network.netns),
                *("unshare", "--pid", "--fork", "--kill-child=KILL", "--"),
                str(_KEEP_TICKING),
                *("taskset", "--cpu-list", str(processor(self.slot))),
                *kernel_argv(self.spec, self.directory, drive, devices),
                f"lab.seed={self._ssh.seed}",
                f"lab.archive={packages}",
            ],
            environment={"PATH": os.environ["PATH"], "HOME": "/", "TMPDIR": str(memory)},
            console=self.console,
        )

    def _wait_booted(self, timeout: float) -> None:
        self.run(["sh", "-c", _WAIT_BOOTED], timeout=timeout)


def kernel_argv(host: HostSpec, directory: Path, drive: str, devices: list[str]) -> list[str]:
    """Command line of the kernel, with what its init reads from it, but for the lab's places."""
    addresses = spec.addresses(host.slot, host.networks)
    return [
        KERNEL,
        f"mem={host.memory_mib}M",
        # Its control directory goes with the host, and its name tells whose process it is.
        f"uml_dir={directory}/",
        *("umid=uml", "noreboot"),
        f"ubd0={drive}",
        *("root=/dev/ubda", "rw"),
        *("con=null", "con0=null,fd:1", "con1=null", "ssl=null"),
        *(
            f"vec{n}:transport=tap,ifname={device},mac={spec.mac(host.slot, n)},depth=128,gro=1"
            for n, device in enumerate(devices)
        ),
        "init=/usr/lib/lab/init",
        f"lab.slot={host.slot}",
        *(f"lab.vec{n}={','.join(cidrs)}" for n, cidrs in enumerate(addresses)),
        f"lab.modules={MODULES}",
    ]


def processor(slot: int) -> int:
    """The one processor that the host in `slot` runs on.

    A system call is a round trip between two processes of the machine: it takes less than half
    the time when no second processor must be woken up for it.
    """
    processors = sorted(os.sched_getaffinity(0))
    return processors[slot % len(processors)]


def memory_directory(
    memory_mib: int, fallback: Path, shared_memory: Path = _SHARED_MEMORY
) -> Path:
    """Where a host's memory is kept: on a tmpfs if it has room for it, else in `fallback`."""
    try:
        status = os.statvfs(shared_memory)
    except FileNotFoundError:
        return fallback
    room = status.f_bavail * status.f_frsize
    executable = not status.f_flag & os.ST_NOEXEC
    return shared_memory if executable and room >= memory_mib << 20 else fallback


def kernel_release() -> str:
    """Release of the user-mode kernel, as its modules' directory is named."""
    try:
        result = subprocess.run([KERNEL, "--version"], capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise HostError(f"{KERNEL} does not run: {error}") from None
    return result.stdout.decode().split()[-1]
