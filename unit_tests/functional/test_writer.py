"""The functional tests' writer must not overlook a lost write."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("writer", ROOT / "functional" / "writer.py")
writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(writer)


@pytest.fixture
def written(tmp_path):
    """A device on which writes 0 to 4 went well, and the notes about them."""
    device = tmp_path / "device"
    device.write_bytes(b"".join(writer.pattern(sequence) for sequence in range(5)))
    (tmp_path / "acknowledged").write_text("0\n1\n2\n3\n4\n")
    return device, tmp_path


def test_a_block_is_whole_and_unlike_any_other():
    blocks = {writer.pattern(sequence) for sequence in (0, 1, 4096, 4097)}
    assert {len(block) for block in blocks} == {writer.BLOCK}
    assert len(blocks) == 4


def test_what_was_written_is_verified(written):
    device, notes = written
    assert writer.verify(str(device), notes) == {"verified": 5, "lost": 0}


def test_a_changed_byte_is_a_lost_write(written):
    device, notes = written
    content = bytearray(device.read_bytes())
    content[3 * writer.BLOCK + 100] ^= 1
    device.write_bytes(content)
    assert writer.verify(str(device), notes) == {"verified": 5, "lost": 1}


def test_an_acknowledged_write_that_an_older_one_hides_is_lost(written):
    device, notes = written
    with open(notes / "acknowledged", "a") as acknowledged:
        acknowledged.write(f"{writer.BLOCKS + 1}\n")
    assert writer.verify(str(device), notes) == {"verified": 5, "lost": 1}
