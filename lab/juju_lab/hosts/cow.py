"""User-mode Linux' copy-on-write disks: made whole, so that the machine's own kernel can use them.

The file has a header, a bitmap of the sectors that were written, and these in their places:
arch/um/drivers/cow_user.c in the kernel's source.
"""

import os
import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from juju_lab.hosts.errors import HostError

# Magic, version, time, size, sector size, alignment, format; the base's path follows.
_HEADER = struct.Struct(">4sIIQIII")
_PATH_LENGTH = 4096


def flatten(cow: Path, base: Path, target: Path) -> None:
    """Write the whole disk to `target`: what `cow` has, and `base` where it has nothing.

    Raises HostError for a file that is no such disk.
    """
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(base), str(target)], check=True)
    with cow.open("rb") as source, target.open("r+b") as whole:
        magic, version, _, size, sector, alignment, _ = _HEADER.unpack(source.read(_HEADER.size))
        if magic != b"OOOM" or version != 3:
            raise HostError(f"{cow} is no copy-on-write disk of version 3")
        bitmap = _aligned(_HEADER.size + _PATH_LENGTH, alignment)
        length = (size // sector + 7) // 8
        data = _aligned(bitmap + length, alignment)
        source.seek(bitmap)
        for first, end in runs(source.read(length)):
            _copy(source.fileno(), whole.fileno(), data, first * sector, end * sector)


def runs(bitmap: bytes) -> Iterator[tuple[int, int]]:
    """The runs of set bits, each as its first bit and the one after its last."""
    first = end = 0
    for written in re.finditer(rb"[^\0]+", bitmap):
        for byte in range(*written.span()):
            for bit in range(8):
                if not bitmap[byte] >> bit & 1:
                    continue
                number = byte * 8 + bit
                if number != end:
                    if end:
                        yield first, end
                    first = number
                end = number + 1
    if end:
        yield first, end


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _copy(source: int, target: int, data: int, start: int, end: int) -> None:
    while start < end:
        block = os.pread(source, min(end - start, 1 << 20), data + start)
        if not block:
            # The file ends here: what follows was never written.
            return
        start += os.pwrite(target, block, start)
