"""Files as the charm writes them."""

import os

import pytest
from ceph_iscsi import files


def test_a_file_is_written_once_with_its_mode(tmp_path):
    path = tmp_path / "new" / "file"
    assert files.write(path, "content\n", 0o600) is True
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("content\n", 0o600)
    assert files.write(path, "content\n", 0o600) is False


@pytest.mark.parametrize(("content", "mode"), [("other", 0o600), ("content", 0o644)])
def test_another_content_or_mode_is_written_anew(tmp_path, content, mode):
    path = tmp_path / "file"
    files.write(path, "content", 0o600)
    assert files.write(path, content, mode) is True
    assert (path.read_text(), path.stat().st_mode & 0o777) == (content, mode)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write(path, "old", 0o600)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        files.write(path, "new", 0o600)
    assert [item.name for item in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"
