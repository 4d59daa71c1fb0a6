"""What a charm's own files tell."""

import shutil
import zipfile
from pathlib import Path

import pytest

from equivalence import contract, judge, package
from equivalence.record import Recording, Scene

SRC = Path(__file__).resolve().parents[2] / "src"
LINES = contract.load()


@pytest.fixture
def charm(tmp_path) -> Path:
    """Our own charm's files that need no build."""
    directory = tmp_path / "charm"
    directory.mkdir()
    for name in ("metadata", "config", "actions"):
        shutil.copy(SRC / f"{name}.yaml", directory)
    return directory


def faults(charm: Path) -> dict[str, str]:
    recording = Recording("charm", "hooks", {"package": Scene(package.look(charm))})
    return {
        fault.name: fault.why for fault in judge.faults(judge.judge(LINES, recording), strict=True)
    }


def test_our_own_metadata_are_the_contracts(charm):
    lacking = {"package actions", "package add-trusted-ip"}
    assert set(faults(charm)) <= lacking


def test_our_own_charm_needs_a_juju_with_data_bags_of_applications(charm):
    assert "min-juju-version: 2.7.6\n" in (charm / "metadata.yaml").read_text()


@pytest.mark.parametrize(
    ("file", "old", "new", "name", "why"),
    [
        ("metadata", "name: ceph-iscsi", "name: iscsi", "package name", "iscsi instead of"),
        ("metadata", "  public:", "  private:", "package bindings", "without public"),
        (
            "metadata",
            "interface: tls-certificates",
            "interface: tls",
            "package endpoints",
            "requires certificates: tls instead of tls-certificates",
        ),
        ("metadata", "    optional: true\n", "", "package optional", "without certificates"),
        (
            "config",
            "default: iscsi",
            "default: other",
            "package options",
            "gateway-metadata-pool: other instead of iscsi",
        ),
        (
            "config",
            "  use-syslog:",
            "  syslog:",
            "package options",
            "use-syslog is missing",
        ),
        ("actions", "\npause:", "\nhalt:", "package actions", "pause"),
        (
            "actions",
            "      default: iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw\n",
            "      default: iqn.other\n",
            "package create-target",
            "iqn: iqn.other instead of iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw",
        ),
    ],
)
def test_a_package_with_one_change_is_caught_and_named(charm, file, old, new, name, why):
    before = set(faults(charm)) - {name}
    changed = charm / f"{file}.yaml"
    assert old in changed.read_text()
    changed.write_text(changed.read_text().replace(old, new, 1))
    found = faults(charm)
    assert set(found) - before == {name}
    assert why in found[name]


def test_a_charm_file_is_opened_as_a_directory_is(charm, tmp_path):
    (charm / "dispatch").write_text("#!/bin/sh\n")
    (charm / "dispatch").chmod(0o755)
    packed = tmp_path / "ceph-iscsi.charm"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in charm.iterdir():
            archive.write(file, file.name)
        link = zipfile.ZipInfo("hooks/install")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "../dispatch")
    with package.opened(packed) as directory:
        assert package.look(directory) == package.look(charm)
        assert package.framework(directory) == "operator"
        assert (directory / "dispatch").stat().st_mode & 0o777 == 0o755
        assert (directory / "hooks" / "install").readlink() == Path("../dispatch")


def test_what_is_opened_is_a_copy(charm):
    with package.opened(charm) as directory:
        (directory / "metadata.yaml").unlink()
    assert (charm / "metadata.yaml").is_file()


@pytest.mark.parametrize("name", ["empty", "file"])
def test_what_is_no_charm_is_told(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(package.PackageError, match=name), package.opened(tmp_path / name):
        pass
