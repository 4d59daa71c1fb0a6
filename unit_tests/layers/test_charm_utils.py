"""Files, services and packages."""

import stat
import time

import pytest
from charms_openstack.charm import utils


@pytest.fixture
def owned(monkeypatch):
    """Owners can only be changed by root; what tests are about is modes and content."""
    monkeypatch.setattr(utils.shutil, "chown", lambda *_: None)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_secret_unless_said_otherwise(tmp_path, owned):
    assert utils.write_file(tmp_path / "secret", "content")
    assert utils.write_file(tmp_path / "public", b"content", perms=0o644)
    assert (tmp_path / "secret").read_text() == "content"
    assert [mode(tmp_path / name) for name in ("secret", "public")] == [0o600, 0o644]


def test_the_same_content_leaves_the_file_as_it_is_but_for_its_mode(tmp_path, owned):
    path = tmp_path / "file"
    utils.write_file(path, "content", perms=0o644)
    before = path.stat()
    assert not utils.write_file(path, "content")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert mode(path) == 0o600


def test_another_content_replaces_the_file_as_a_whole(tmp_path, owned):
    path = tmp_path / "file"
    utils.write_file(path, "old")
    with path.open() as reader:
        assert utils.write_file(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_a_file_that_can_not_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError("no")

    monkeypatch.setattr(utils.shutil, "chown", refuse)
    with pytest.raises(PermissionError):
        utils.write_file(tmp_path / "file", "content")
    assert list(tmp_path.iterdir()) == []


def test_a_start_is_never_refused_for_earlier_failures(systemctl):
    calls = systemctl('[ "$1" != reset-failed ] || exit 1')
    utils.start("rbd-target-api")
    utils.restart("rbd-target-gw")
    assert calls() == [
        "reset-failed rbd-target-api",
        "start rbd-target-api",
        "reset-failed rbd-target-gw",
        "restart rbd-target-gw",
    ]


def test_a_service_that_does_not_start_is_an_error(systemctl):
    systemctl('[ "$1" != start ] || exit 1')
    with pytest.raises(utils.subprocess.CalledProcessError):
        utils.start("rbd-target-api")


def test_services_that_do_not_run_are_found_with_one_call(systemctl):
    calls = systemctl("printf 'failed\\nactive\\ninactive\\nreloading\\n'; exit 3")
    assert utils.not_running(["d", "c", "b", "a"]) == ["b", "d"]
    assert calls() == ["is-active d c b a"]


def test_no_services_need_no_call(systemctl):
    calls = systemctl()
    assert utils.not_running([]) == []
    assert calls() == []


def test_running_since_is_told_in_the_files_clock(systemctl):
    started = int((time.monotonic() - 60) * 1e6)
    systemctl(f"printf 'ActiveState=active\\nActiveEnterTimestampMonotonic={started}\\n'")
    assert utils.running_since("service") == pytest.approx(time.time() - 60, abs=5)


def test_a_service_that_does_not_run_has_no_such_time(systemctl):
    systemctl("printf 'ActiveState=failed\\nActiveEnterTimestampMonotonic=0\\n'")
    assert utils.running_since("service") is None


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("installed 3.9-1", "3.9"),
        ("installed 2:19.2.0-0ubuntu0.24.04.1", "19.2.0"),
        ("installed 1.5.4", "1.5.4"),
        ("config-files 3.9-1", None),
        ("", None),
    ],
)
def test_the_upstream_version_has_no_epoch_and_no_revision(monkeypatch, tmp_path, answer, version):
    program = tmp_path / "dpkg-query"
    program.write_text(f"#!/bin/sh\nprintf '{answer}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert utils.get_upstream_version("ceph-iscsi") == version
