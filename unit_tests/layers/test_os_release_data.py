"""Releases that charmhelpers on PyPI does not know."""

import pytest
from charmhelpers.core.host import CompareHostReleases
from charmhelpers.fetch import SourceConfigError, add_source, ubuntu
from charms_openstack import os_release_data


@pytest.fixture(autouse=True)
def extended():
    os_release_data.extend_charmhelpers()


@pytest.mark.parametrize(
    ("older", "newer"), [("jammy", "noble"), ("noble", "resolute"), ("focal", "jammy")]
)
def test_series_of_the_charms_bases_compare(older, newer):
    assert CompareHostReleases(older) < newer
    assert CompareHostReleases(newer) > older


def test_teaching_it_twice_changes_nothing():
    before = ubuntu.OPENSTACK_RELEASES, dict(ubuntu.CLOUD_ARCHIVE_POCKETS)
    os_release_data.extend_charmhelpers()
    assert before == (ubuntu.OPENSTACK_RELEASES, ubuntu.CLOUD_ARCHIVE_POCKETS)


@pytest.mark.parametrize(
    ("series", "source", "pocket"),
    [
        ("jammy", "cloud:jammy-bobcat", "jammy-updates/bobcat"),
        ("jammy", "cloud:jammy-caracal/proposed", "jammy-proposed/caracal"),
        ("noble", "cloud:noble-epoxy", "noble-updates/epoxy"),
        ("noble", "gazpacho", "noble-updates/gazpacho"),
    ],
)
def test_cloud_archives_of_the_charms_bases_become_a_source(
    monkeypatch, tmp_path, series, source, pocket
):
    written = tmp_path / "cloud-archive.list"
    monkeypatch.setattr(ubuntu, "get_distrib_codename", lambda: series)
    monkeypatch.setattr(ubuntu, "filter_installed_packages", lambda packages: packages)
    monkeypatch.setattr(ubuntu, "apt_install", lambda *_, **__: None)
    monkeypatch.setattr("builtins.open", lambda *_: written.open("w"))
    add_source(source, fail_invalid=True)
    monkeypatch.undo()
    assert f"/ubuntu {pocket} main\n" in written.read_text()


@pytest.mark.parametrize(
    ("series", "release"), [("jammy", "yoga"), ("noble", "caracal"), ("resolute", "gazpacho")]
)
def test_the_release_that_a_base_has_itself_needs_no_source(monkeypatch, series, release):
    monkeypatch.setattr(ubuntu, "get_distrib_codename", lambda: series)
    add_source(release, fail_invalid=True)


def test_an_archive_of_another_series_is_refused(monkeypatch):
    monkeypatch.setattr(ubuntu, "get_distrib_codename", lambda: "noble")
    with pytest.raises(SourceConfigError, match="jammy-bobcat"):
        add_source("cloud:jammy-bobcat", fail_invalid=True)
