"""The functional tests' writer must not overlook a lost write."""

import contextlib
import importlib.util
import mmap
import os
import signal
import time
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
    lines = [f"{sequence} 1700000000.000 0.0040 acknowledged\n" for sequence in range(5)]
    (tmp_path / "writes").write_text("".join(lines))
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


def note(notes, line):
    with open(notes / "writes", "a") as writes:
        writes.write(f"{line}\n")


def test_an_acknowledged_write_that_an_older_one_hides_is_lost(written):
    device, notes = written
    note(notes, f"{writer.BLOCKS + 1} 1700000001.000 0.0040 acknowledged")
    assert writer.verify(str(device), notes) == {"verified": 5, "lost": 1}


def test_a_write_that_failed_need_not_be_there(written):
    device, notes = written
    note(notes, f"{writer.BLOCKS + 1} 1700000001.000 9.0000 failed")
    assert writer.verify(str(device), notes) == {"verified": 5, "lost": 0}


@pytest.fixture
def at_work(tmp_path, monkeypatch):
    """Have a writer make three writes on a device in memory; its notes."""

    @contextlib.contextmanager
    def opened(path, size=writer.BLOCK):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        yield descriptor, mmap.mmap(-1, size)
        os.close(descriptor)

    def run():
        naps = iter((False, False, True))

        def nap(_):
            if next(naps):
                os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(writer.time, "sleep", nap)
        before = signal.getsignal(signal.SIGTERM)
        try:
            summary = writer.run(str(tmp_path / "device"), tmp_path)
        finally:
            signal.signal(signal.SIGTERM, before)
        return summary, [line.split() for line in (tmp_path / "writes").read_text().splitlines()]

    monkeypatch.setattr(writer, "opened", opened)
    return run


def test_each_write_is_noted_with_its_moment_and_what_it_took(at_work):
    summary, notes = at_work()
    assert summary["acknowledged"] == len(notes) == 3
    assert summary["errors"] == 0
    for _, began, took, outcome in notes:
        assert abs(float(began) - time.time()) < 60
        assert 0 <= float(took) < 5
        assert outcome == "acknowledged"


def test_a_whole_round_is_verified(tmp_path):
    device = tmp_path / "device"
    blocks = [writer.pattern(sequence) for sequence in range(writer.BLOCKS)]
    blocks[300], blocks[-1] = blocks[301], blocks[0]
    device.write_bytes(b"".join(blocks))
    lines = [f"{number} 1700000000.000 0.0040 acknowledged" for number in range(writer.BLOCKS)]
    (tmp_path / "writes").write_text("\n".join(lines))
    assert writer.verify(str(device), tmp_path) == {"verified": writer.BLOCKS, "lost": 2}


def test_a_later_writer_writes_no_block_as_an_earlier_one_did(at_work, monkeypatch):
    monkeypatch.setattr(writer.time, "time_ns", lambda: 1_700_000_000_000_000_000)
    first = {number for number, *_ in at_work()[1]}
    monkeypatch.setattr(writer.time, "time_ns", lambda: 1_700_000_000_100_000_000)
    second = {number for number, *_ in at_work()[1]}
    assert not first & second
