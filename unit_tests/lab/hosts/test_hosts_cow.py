"""User-mode Linux' disks made whole: what was written wins, what was not comes from the image."""

import struct

import pytest
from juju_lab.hosts import HostError, cow

SECTOR, SECTORS = 512, 40


def written(path, sectors: dict[int, bytes], magic: bytes = b"OOOM"):
    """A copy-on-write file of 40 sectors, as the kernel writes it."""
    header = struct.pack(">4sIIQIII", magic, 3, 0, SECTORS * SECTOR, SECTOR, 4096, 0)
    content = bytearray(header + bytes(4096)).ljust(8192, b"\0")
    bitmap = bytearray(SECTORS // 8)
    for number in sectors:
        bitmap[number // 8] |= 1 << number % 8
    content = (content + bitmap).ljust(12288, b"\0")
    for number, data in sectors.items():
        start = 12288 + number * SECTOR
        content = content.ljust(start + SECTOR, b"\0")
        content[start : start + SECTOR] = data
    path.write_bytes(content)


def test_written_sectors_replace_those_of_the_image(tmp_path):
    image, disk, whole = (tmp_path / name for name in ("image", "cow", "whole"))
    image.write_bytes(b"i" * SECTOR * SECTORS)
    changed = {number: bytes([number]) * SECTOR for number in (0, 1, 7, 8, 9, 30, 39)}
    written(disk, changed)
    cow.flatten(disk, image, whole)
    found = whole.read_bytes()
    assert len(found) == SECTOR * SECTORS
    for number in range(SECTORS):
        expected = changed.get(number, b"i" * SECTOR)
        assert found[number * SECTOR : (number + 1) * SECTOR] == expected, number


def test_another_file_is_refused(tmp_path):
    image, disk = tmp_path / "image", tmp_path / "cow"
    image.write_bytes(bytes(SECTOR))
    written(disk, {}, magic=b"what")
    with pytest.raises(HostError, match="no copy-on-write disk"):
        cow.flatten(disk, image, tmp_path / "whole")


@pytest.mark.parametrize(
    ("bitmap", "expected"),
    [
        (b"", []),
        (b"\x00\x00", []),
        (b"\x01", [(0, 1)]),
        (b"\x00\xff\x01\x00\x80\x01", [(8, 17), (39, 41)]),
        (b"\x05", [(0, 1), (2, 3)]),
    ],
)
def test_runs_of_written_sectors(bitmap, expected):
    assert list(cow.runs(bitmap)) == expected
