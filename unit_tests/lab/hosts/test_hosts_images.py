"""What an image is made of decides its name: a change remakes what depends on it, and no more."""

import dataclasses

import pytest
from juju_lab.hosts import BASES, archive, images
from juju_lab.hosts.cache import Cache
from juju_lab.hosts.images import Images


@pytest.fixture
def places(tmp_path):
    def names(mirror=None, base="ubuntu@24.04"):
        return dataclasses.asdict(Images(Cache(tmp_path), mirror).of(base))

    return names


def _changed(before, after):
    return {name for name in before if before[name] != after[name]}


def test_another_base_has_everything_of_its_own(places):
    changed = _changed(places(), places(base="ubuntu@22.04"))
    assert changed == {"rootfs", "archive", "disk", "tree", "kernel"}


def test_another_mirror_remakes_everything(places):
    changed = _changed(places(), places(mirror="http://mirror.example/debian"))
    assert changed == {"rootfs", "archive", "disk", "tree", "kernel"}


def test_another_package_in_the_archive_leaves_the_root_tree(places, monkeypatch):
    before = places()
    monkeypatch.setattr(archive, "_DOWNLOAD", [*archive._DOWNLOAD, "one-more"])
    assert _changed(before, places()) == {"archive", "disk", "tree"}


def test_another_masked_unit_remakes_the_disk_alone(places, monkeypatch):
    before = places()
    monkeypatch.setattr(images, "_MASKED_UNITS", ("some.service",))
    assert _changed(before, places()) == {"disk"}


def test_another_daemon_in_containers_remakes_their_tree_alone(places, monkeypatch):
    before = places()
    monkeypatch.setattr(images, "CONTAINER_PACKAGES", ("ceph-mds",))
    assert _changed(before, places()) == {"tree"}


def test_the_mirror_is_mmdebstraps_unless_one_is_given():
    base = BASES["ubuntu@24.04"]
    assert images._bootstrap_argv(base, "/target", None)[-2:] == ["trixie", "/target"]
    assert images._bootstrap_argv(base, "/target", "http://m")[-1] == "http://m"


def test_a_base_is_prepared_when_all_that_its_hosts_need_is_there(tmp_path):
    made = Images(Cache(tmp_path), None)
    newer, older = made.of("ubuntu@24.04"), made.of("ubuntu@22.04")
    for path in (newer.archive, newer.disk, older.archive, older.disk):
        assert not (made.prepared("ubuntu@24.04") and made.prepared("ubuntu@22.04"))
        path.touch()
    assert made.prepared("ubuntu@22.04")
    assert not made.prepared("ubuntu@24.04")
    newer.tree.touch()
    assert made.prepared("ubuntu@24.04")


def test_nothing_is_built_for_a_prepared_base(tmp_path):
    made = Images(Cache(tmp_path), None)
    for path in (made.of("ubuntu@22.04").archive, made.of("ubuntu@22.04").disk):
        path.touch()
    steps = []
    made.prepare(["ubuntu@22.04"], lambda step, done=False: steps.append(step))
    assert steps == []


@pytest.mark.parametrize("base", BASES.values(), ids=lambda base: base.suite)
def test_hosts_say_that_they_are_ubuntu(base):
    fields = dict(line.split("=", 1) for line in base.os_release.splitlines())
    assert fields["ID"] == "ubuntu"
    assert f"ubuntu@{fields['VERSION_ID'].strip(chr(34))}" == base.name
    assert fields["VERSION_CODENAME"] == base.ubuntu_codename
    assert f"DISTRIB_RELEASE={base.ubuntu_version}\n" in base.lsb_release
