"""A host's disk goes to the next base: whole and at once, or not at all."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from juju_lab.hosts import HostError, HostSpec, cow, images
from juju_lab.hosts.bases import BASES, successor
from juju_lab.hosts.cache import Cache
from juju_lab.hosts.images import Images
from juju_lab.hosts.uml import UmlHost

OLD, NEW = "ubuntu@22.04", "ubuntu@24.04"


@pytest.fixture
def made(tmp_path) -> Images:
    """Images of which only the packages for the upgrade are there."""
    made = Images(Cache(tmp_path / "cache"), None)
    made.upgrade_archive(OLD, NEW).mkdir(parents=True)
    return made


@pytest.fixture
def host(tmp_path, made, monkeypatch) -> UmlHost:
    """A host that is off, with a disk of the older base."""
    directory = tmp_path / "host"
    directory.mkdir()
    (directory / "image").symlink_to(tmp_path / "old-image")
    (directory / "archive").symlink_to(tmp_path / "old-archive")
    (directory / "disk.cow").write_text("changes")
    monkeypatch.setattr(cow, "flatten", lambda disk, base, target: target.write_text("whole"))
    return UmlHost(HostSpec(1, base=OLD), directory, made, SimpleNamespace(), SimpleNamespace())


def test_afterwards_the_disk_is_whole_and_of_the_next_base(host, made, monkeypatch):
    seen = []
    monkeypatch.setattr(made, "upgrade", lambda disk, old, new, log: seen.append((old, new)))
    assert host.release == OLD
    host.upgrade(NEW)
    assert seen == [(OLD, NEW)]
    assert host.release == NEW
    assert (host.directory / "disk.img").read_text() == "whole"
    assert not (host.directory / "disk.cow").exists()
    assert (host.directory / "archive").readlink() == made.of(NEW).archive


def test_an_upgrade_that_fails_leaves_the_host_as_it_was(host, made, monkeypatch):
    def fail(*_):
        raise HostError("E: no space")

    monkeypatch.setattr(made, "upgrade", fail)
    with pytest.raises(HostError, match="no space"):
        host.upgrade(NEW)
    assert host.release == OLD
    assert (host.directory / "disk.cow").read_text() == "changes"
    assert (host.directory / "archive").readlink().name == "old-archive"


def test_packages_that_are_not_prepared_and_a_host_that_runs_are_refused(host, made, monkeypatch):
    made.upgrade_archive(OLD, NEW).rmdir()
    with pytest.raises(HostError, match="is not prepared"):
        host.upgrade(NEW)
    monkeypatch.setattr(UmlHost, "running", True)
    with pytest.raises(HostError, match="while its host is off"):
        host.upgrade(NEW)


def test_the_disk_gets_the_names_and_the_masks_of_the_new_base(made, tmp_path, monkeypatch):
    generators = made.of(NEW).rootfs / "usr/lib/systemd/system-generators"
    generators.mkdir(parents=True)
    (generators / "systemd-fstab-generator").touch()
    seen = {}

    def run(argv, *, what, log):
        files = Path(argv[-1])
        seen["release"] = (files / "etc/os-release").read_text()
        seen["mask"] = files / "etc/systemd/system-generators/systemd-fstab-generator"
        seen["masked"] = str(seen["mask"].readlink())
        seen["words"] = argv[-4:-1]

    monkeypatch.setattr(images.sandbox, "run", run)
    disk = tmp_path / "disk"
    made.upgrade(disk, OLD, NEW, tmp_path / "log")
    assert seen["release"] == BASES[NEW].os_release
    assert seen["masked"] == "/dev/null"
    assert seen["words"] == [str(disk), str(made.upgrade_archive(OLD, NEW)), "/srv/archive"]
    assert not seen["mask"].parent.exists()


def test_only_the_last_base_has_no_successor():
    assert successor(OLD) == NEW
    assert successor(NEW) is None
