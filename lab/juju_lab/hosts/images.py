"""What hosts boot from: disk images for user-mode Linux, directory trees for containers.

For each base a tree of plain Debian is made first (`rootfs`), then from it the package archive,
the disk image (`disk`, ext4, shared by all hosts copy-on-write) and the container's tree (`tree`,
shared as an overlay's lower layer); for hosts under qemu, Debian's kernel (`kernel`, a directory
with `vmlinuz`, `initrd.img` and `modules`). All of it is cached.
"""

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from juju_lab.hosts import archive, sandbox
from juju_lab.hosts.bases import BASES, CONTAINER_PACKAGES, DEFAULT_BASE, HOST_PACKAGES, Base
from juju_lab.hosts.cache import Cache, remove, tree_digest
from juju_lab.hosts.spec import etc_hosts

Progress = Callable[..., None]

DISK_SIZE = "8G"

_GUEST = Path(__file__).parent / "guest"
_UPGRADE = Path(__file__).parent / "scripts" / "upgrade-disk"
_UNREAD = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*")
# What slows a host's start and does nothing for it: first-boot work is done in the image, there
# are no terminals, no swap, no firmware, and the clock is the machine's.
_MASKED_UNITS = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "kmod-static-nodes.service",
    "ldconfig.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-journal-flush.service",
    "systemd-logind.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-repart.service",
    "systemd-remount-fs.service",
    "systemd-sysusers.service",
    "systemd-tmpfiles-setup-dev-early.service",
    "systemd-udev-load-credentials.service",
    "systemd-update-done.service",
    "systemd-update-utmp.service",
    "systemd-user-sessions.service",
    "tmp.mount",
)
_KEPT_GENERATORS = ("systemd-sysv-generator",)
# Copies of tables and bitmaps that the guest's kernel would else write in the background, into
# the copy-on-write file of every host.
_MKE2FS = [
    *("mke2fs", "-q", "-t", "ext4", "-m", "0"),
    *("-E", "lazy_itable_init=0,lazy_journal_init=0"),
]
# What finds the disk, the network and the machine's directories; the rest is loaded from these.
_INITRAMFS = {
    "conf.d/lab": "MODULES=list\n",
    "modules": "virtio_pci\nvirtio_blk\next4\nvirtio_net\n9p\n9pnet_virtio\n",
}
_KERNEL_PACKAGE = "linux-image-amd64"


@dataclass(frozen=True)
class BaseImages:
    """The places in the cache of what belongs to one base, whether made yet or not."""

    rootfs: Path
    archive: Path
    disk: Path
    tree: Path
    kernel: Path


class Images:
    """Images and archives of all bases."""

    def __init__(self, cache: Cache, mirror: str | None) -> None:
        self._cache = cache
        self._mirror = mirror

    def of(self, base_name: str) -> BaseImages:
        """Places of the artefacts of a base."""
        base = BASES[base_name]
        rootfs = self._cache.path(f"{base.suite}-rootfs", _bootstrap_argv(base, "", self._mirror))
        packages = self._cache.path(f"{base.suite}-archive", archive.recipe(rootfs))
        common = [packages.name, tree_digest(_GUEST), base.os_release, etc_hosts()]
        disk: list[Any] = [*common, _MASKED_UNITS, _KEPT_GENERATORS, _MKE2FS, DISK_SIZE]
        return BaseImages(
            rootfs=rootfs,
            archive=packages,
            disk=self._cache.path(f"{base.suite}-disk", disk),
            tree=self._cache.path(f"{base.suite}-tree", [*common, CONTAINER_PACKAGES]),
            kernel=self._cache.path(
                f"{base.suite}-kernel", [rootfs.name, _KERNEL_PACKAGE, _INITRAMFS]
            ),
        )

    def prepared(self, base_name: str) -> bool:
        """Whether everything for hosts of this base is there."""
        return all(path.exists() for path in self._wanted(base_name))

    def prepare(self, base_names: Iterable[str], progress: Progress) -> None:
        """Make what is missing for hosts of these bases; raises HostError."""
        for name in base_names:
            if not self.prepared(name):
                self._prepare(BASES[name], progress)

    def prepare_kernel(self, base_name: str, progress: Progress) -> None:
        """Make what is missing for hosts of this base under qemu; raises HostError."""
        self.prepare([base_name], progress)
        base, images = BASES[base_name], self.of(base_name)
        self._make(
            f"Debian's kernel for {base.suite} under qemu",
            images.kernel,
            lambda target, log: _build_kernel(base, images, target, log),
            progress,
        )
        self._cache.prune(images.kernel)

    def upgrade_archive(self, old_name: str, new_name: str) -> Path:
        """Place of the packages that bring a host of one base to the next."""
        old, new = self.of(old_name).rootfs, self.of(new_name).rootfs
        name = f"{BASES[new_name].suite}-upgrade"
        return self._cache.path(name, archive.upgrade_recipe(old, new))

    def prepare_upgrade(self, old_name: str, new_name: str, progress: Progress) -> None:
        """Make what is missing for upgrades of hosts; raises HostError."""
        self.prepare([old_name, new_name], progress)
        path = self.upgrade_archive(old_name, new_name)
        if path.exists():
            return
        old, new, base = self.of(old_name), self.of(new_name), BASES[new_name]
        self._make(
            f"package archive for upgrades to {base.suite}",
            path,
            lambda target, log: archive.build(base, new.rootfs, target, log, upgraded=old.rootfs),
            progress,
        )
        self._cache.prune(path)

    def upgrade(self, disk: Path, old_name: str, new_name: str, log: Path) -> None:
        """Bring the disk of a host, which must be off, from one base to the next."""
        base, packages = BASES[new_name], self.upgrade_archive(old_name, new_name)
        files = disk.with_name(f"{disk.name}.files")
        try:
            _write(files / "etc/os-release", base.os_release)
            _write(files / "etc/lsb-release", base.lsb_release)
            _trim_systemd(files, self.of(new_name).rootfs)
            argv = [str(_UPGRADE), str(disk), str(packages), archive.MOUNT_POINT, str(files)]
            sandbox.run(sandbox.confined(argv), what=f"Upgrade to {base.suite}", log=log)
        finally:
            remove(files)

    def claim(self, path: Path, owner: Path) -> None:
        """Keep the artefact at `path` for as long as the directory `owner` exists."""
        self._cache.claim(path, owner)

    def _wanted(self, base_name: str) -> list[Path]:
        images = self.of(base_name)
        trees = [images.tree] if base_name == DEFAULT_BASE else []
        return [images.archive, images.disk, *trees]

    def _prepare(self, base: Base, progress: Progress) -> None:
        images = self.of(base.name)

        def make(step: str, path: Path, build: Callable[[Path, Path], None]) -> None:
            self._make(step, path, build, progress)

        make(
            f"Debian {base.suite} for the hosts",
            images.rootfs,
            lambda target, log: sandbox.run(
                sandbox.confined(_bootstrap_argv(base, str(target), self._mirror)),
                what=f"mmdebstrap of {base.suite}",
                log=log,
            ),
        )
        make(
            f"package archive for {base.suite}",
            images.archive,
            lambda target, log: archive.build(base, images.rootfs, target, log),
        )
        make(
            f"disk image of {base.suite}",
            images.disk,
            lambda target, log: _build_disk(base, images, target, log),
        )
        if base.name == DEFAULT_BASE:
            make(
                f"container tree of {base.suite}, with Ceph",
                images.tree,
                lambda target, log: _build_tree(base, images, target, log),
            )
        for path in (images.rootfs, *self._wanted(base.name)):
            self._cache.prune(path)

    def _make(
        self, step: str, path: Path, build: Callable[[Path, Path], None], progress: Progress
    ) -> None:
        """Have the artefact at `path`; `build` gets a place to make it in and one for its log."""

        def build_logged(target: Path) -> None:
            log = self._cache.directory / "logs" / f"{path.name}.log"
            remove(log)
            build(target, log)

        if not path.exists():
            progress(step)
            self._cache.make(path, build_logged)
            progress(step, done=True)


def _bootstrap_argv(base: Base, target: str, mirror: str | None) -> list[str]:
    return [
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
        f"--include={','.join(HOST_PACKAGES)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _UNREAD),
        "--dpkgopt=force-unsafe-io",
        *(base.suite, target),
        *([mirror] if mirror else []),
    ]


def _build_disk(base: Base, images: BaseImages, target: Path, log: Path) -> None:
    tree = target.with_name(f"{target.name}.tree")
    try:
        _copy(images.rootfs, tree)
        _customise(base, images, tree, log)
        _trim_systemd(tree, tree)
        what = f"Making the disk image of {base.suite}"
        argv = [*_MKE2FS, "-d", str(tree), str(target), DISK_SIZE]
        sandbox.run(sandbox.confined(argv), what=what, log=log)
    finally:
        remove(tree)


def _build_kernel(base: Base, images: BaseImages, target: Path, log: Path) -> None:
    tree = target.with_name(f"{target.name}.tree")
    what = f"Installing {_KERNEL_PACKAGE} of {base.suite}"
    install = ["apt-get", "install", "--yes", "--no-install-recommends", _KERNEL_PACKAGE]
    try:
        _copy(images.rootfs, tree)
        for name, text in _INITRAMFS.items():
            _write(tree / "etc/initramfs-tools" / name, text)
        for argv in (["apt-get", "update"], install):
            sandbox.run(sandbox.in_chroot(tree, argv), what=what, log=log)
        target.mkdir()
        for name in ("vmlinuz", "initrd.img"):
            (file,) = (tree / "boot").glob(f"{name}-*")
            file.rename(target / name)
        (tree / "usr/lib/modules").rename(target / "modules")
    finally:
        remove(tree)


def _build_tree(base: Base, images: BaseImages, target: Path, log: Path) -> None:
    _copy(images.rootfs, target)
    what = f"Installing Ceph into the container tree of {base.suite}"
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *CONTAINER_PACKAGES]
    for argv in (["apt-get", "update"], install, ["apt-get", "clean"]):
        sandbox.run(sandbox.in_chroot(target, argv), what=what, log=log)
    _customise(base, images, target, log)


def _copy(source: Path, target: Path) -> None:
    remove(target)
    subprocess.run(["cp", "-a", "--reflink=auto", source, target], check=True)


def _customise(base: Base, images: BaseImages, tree: Path, log: Path) -> None:
    """Turn plain Debian into a host: who it says it is, who may log in, where packages are."""
    for source in sorted(_GUEST.rglob("*")):
        if source.is_file():
            mode = 0o755 if source.stat().st_mode & 0o100 else 0o644
            _write(tree / source.relative_to(_GUEST), source.read_text(), mode)
    _write(tree / "etc/os-release", base.os_release)
    _write(tree / "etc/lsb-release", base.lsb_release)
    _write(tree / "etc/hosts", etc_hosts())
    _write(tree / "etc/resolv.conf", "")
    _write(tree / "etc/machine-id", "")
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for source in (tree / "etc/apt").glob("sources.list*"):
        remove(source)
    remove(tree / "var/lib/apt/lists")
    for directory in ("var/lib/apt/lists/partial", "usr/lib/modules"):
        (tree / directory).mkdir(parents=True, exist_ok=True)
    _write(tree / "etc/apt/sources.list.d/lab.sources", archive.SOURCE)
    what = f"Setting up hosts of {base.suite}"
    for argv in (
        # Packages of the archive bring their bytecode: nothing is left to be compiled.
        ["dpkg-divert", "--local", "--rename", "--add", "/usr/bin/py3compile"],
        ["useradd", "--create-home", "--shell", "/bin/bash", "--password", "*", "ubuntu"],
        ["apt-get", "update"],
        # The archive must be able to satisfy what hooks will ask of it.
        ["apt-get", "install", "--simulate", *archive.PACKAGES],
    ):
        binds = [(images.archive, archive.MOUNT_POINT)]
        sandbox.run(sandbox.in_chroot(tree, argv, binds=binds), what=what, log=log)


def _trim_systemd(tree: Path, system: Path) -> None:
    """Mask in `tree` what a host does without of what `system` has."""
    units = tree / "etc/systemd/system"
    generators = tree / "etc/systemd/system-generators"
    for directory in (units, generators):
        directory.mkdir(parents=True, exist_ok=True)
    for unit in _MASKED_UNITS:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    for generator in (system / "usr/lib/systemd/system-generators").iterdir():
        if generator.name not in _KEPT_GENERATORS:
            (generators / generator.name).symlink_to("/dev/null")
    (units / "default.target").symlink_to("/usr/lib/systemd/system/multi-user.target")


def _write(path: Path, content: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(content)
    path.chmod(mode)
