#!/usr/bin/env python3
"""A writer that knows what it wrote: runs on an initiator, on a raw device.

`writer.py run DEVICE DIRECTORY` writes one 4 KiB block every 20 ms, each past all caches, until
it gets SIGTERM. Each write is noted in DIRECTORY/writes, when it is over: its number, when it
began (seconds since 1970), how many seconds it took, and `acknowledged` or `failed`. At the end
DIRECTORY/summary.json says how many there were, how many failed, and how long the slowest took.
`writer.py verify DEVICE DIRECTORY` then reads the blocks back: each must hold the last write to it
that was acknowledged.
"""

import contextlib
import hashlib
import json
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

BLOCK = 4096
BLOCKS = 4096
INTERVAL = 0.020
#: Bytes that are read back at once.
CHUNK = 256 * BLOCK
HEADER = struct.Struct("<Q")


def pattern(sequence: int) -> bytes:
    """The block that write number SEQUENCE writes: its number, and what follows from that."""
    digest = hashlib.sha256(HEADER.pack(sequence)).digest()
    return HEADER.pack(sequence) + (digest * (BLOCK // len(digest)))[HEADER.size :]


def offset(sequence: int) -> int:
    """Where write number SEQUENCE goes, in bytes: round and round."""
    return sequence % BLOCKS * BLOCK


@contextlib.contextmanager
def opened(device: str, size: int = BLOCK) -> Iterator[tuple[int, mmap.mmap]]:
    """The device without caches, and a buffer of SIZE bytes aligned as that demands."""
    descriptor = os.open(device, os.O_RDWR | os.O_DIRECT | os.O_SYNC)
    try:
        with mmap.mmap(-1, size) as buffer:
            yield descriptor, buffer
    finally:
        os.close(descriptor)


def run(device: str, directory: Path) -> dict[str, float]:
    """Write until SIGTERM; return the summary."""
    stop = False

    def end(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, end)
    directory.mkdir(parents=True, exist_ok=True)
    # By the clock: on a block that an earlier writer left, a lost write would not be seen else.
    sequence = time.time_ns() // 1_000_000
    errors = acknowledged = 0
    worst = 0.0
    with opened(device) as (target, buffer), open(directory / "writes", "w") as notes:
        while not stop:
            buffer[:] = pattern(sequence)
            moment, began, outcome = time.time(), time.monotonic(), "acknowledged"
            try:
                if os.pwrite(target, buffer, offset(sequence)) != BLOCK:
                    raise OSError("short write")
            except OSError as error:
                errors += 1
                outcome = "failed"
                print(f"write {sequence}: {error}", file=sys.stderr, flush=True)
            else:
                acknowledged += 1
            took = time.monotonic() - began
            print(sequence, f"{moment:.3f} {took:.4f}", outcome, file=notes, flush=True)
            worst = max(worst, took)
            sequence += 1
            time.sleep(max(INTERVAL - took, 0))
    summary = {"acknowledged": acknowledged, "errors": errors, "worst-stall": round(worst, 2)}
    (directory / "summary.json").write_text(json.dumps(summary))
    return summary


def verify(device: str, directory: Path) -> dict[str, int]:
    """Read every acknowledged block back; return how many there are and how many are wrong."""
    last = {}
    for line in (directory / "writes").read_text().splitlines():
        number, *_, outcome = line.split()
        if outcome == "acknowledged":
            last[offset(int(number))] = int(number)
    lost = 0
    with opened(device, CHUNK) as (source, buffer):
        read = -1
        for position, sequence in sorted(last.items()):
            start = position // CHUNK * CHUNK
            if start != read:
                os.preadv(source, [buffer], start)
                read = start
            block = buffer[position - start : position - start + BLOCK]
            lost += block != pattern(sequence)
    return {"verified": len(last), "lost": lost}


if __name__ == "__main__":
    mode, device_name, where = sys.argv[1:]
    print(json.dumps({"run": run, "verify": verify}[mode](device_name, Path(where))))
