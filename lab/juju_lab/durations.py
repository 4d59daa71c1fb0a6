"""Durations as Go writes them: `60s`, `1m0s`, `1.5h`."""

import re

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def parse(text: str) -> float:
    """Seconds of a duration like `1m30s`; ValueError when it is not one."""
    position = 0
    seconds = 0.0
    for match in _PART.finditer(text):
        if match.start() != position:
            break
        seconds += float(match[1]) * _SECONDS[match[2]]
        position = match.end()
    if text == "0":
        return 0.0
    if not text or position != len(text):
        raise ValueError(f'invalid duration "{text}"')
    return seconds
