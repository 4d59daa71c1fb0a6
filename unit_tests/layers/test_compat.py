"""Stand-ins for modules that new Pythons and setuptools lack."""

import sys

import pytest
from charms.layer import compat


@pytest.mark.parametrize(
    ("older", "newer"),
    [("2.9.9", "2.9.10"), ("2.7.6", "3.0"), ("3.6-beta1", "3.6.0"), ("3.6.8", "3.6.8-ubuntu")],
)
def test_versions_compare_by_their_numbers(older, newer):
    assert compat.LooseVersion(older) < compat.LooseVersion(newer)
    assert compat.LooseVersion(newer) >= compat.LooseVersion(older)


def test_equal_versions_are_equal():
    assert compat.LooseVersion("2.9.0") == compat.LooseVersion("2.9.0")


def test_what_is_imported_by_the_old_names_is_the_stand_in(monkeypatch):
    for name in ("distutils", "distutils.version", "pkg_resources"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    compat.provide()
    from distutils.version import LooseVersion

    from pkg_resources import iter_entry_points

    assert LooseVersion is compat.LooseVersion
    assert iter_entry_points is compat.iter_entry_points


def test_entry_points_of_installed_packages_are_found(monkeypatch, tmp_path):
    info = tmp_path / "thing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[some.group]\none = thing:one\ntwo = thing:two\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert {point.name for point in compat.iter_entry_points("some.group")} == {"one", "two"}
    assert [point.name for point in compat.iter_entry_points("some.group", "two")] == ["two"]


def test_a_group_that_nobody_has_is_empty():
    assert list(compat.iter_entry_points("charms.reactive.relation_factory")) == []
