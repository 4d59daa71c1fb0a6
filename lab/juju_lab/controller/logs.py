"""What `juju debug-log` shows: one file of JSON lines per model."""

import fnmatch
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEVELS = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True)
class Filter:
    """Which lines are wanted: entities and modules (with what is below them), the least level."""

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    include_module: Sequence[str] = ()
    exclude_module: Sequence[str] = ()
    level: str = "TRACE"

    def matches(self, line: dict[str, Any]) -> bool:
        """Whether `line` is wanted."""
        entity, module = line["entity"], line["module"]
        return (
            (not self.include or _entity_in(entity, self.include))
            and not _entity_in(entity, self.exclude)
            and (not self.include_module or _module_in(module, self.include_module))
            and not _module_in(module, self.exclude_module)
            and LEVELS.index(line["level"]) >= LEVELS.index(self.level)
        )


class ModelLog:
    """The log of one model."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = threading.Condition()
        self._closed = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        path.chmod(0o600)

    def write(self, entity: str, level: str, module: str, message: str) -> None:
        """Add one line; `entity` is a tag like `unit-a-0`."""
        line = {
            "time": time.time(),
            "entity": entity,
            "level": level,
            "module": module,
            "message": message,
        }
        with self._changed:
            if self._closed:
                return
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
            self._changed.notify_all()

    def writer(self, entity: str) -> Callable[[str, str, str], None]:
        """A function that takes level, module and message, and writes for `entity`."""
        return lambda level, module, message: self.write(entity, level, module, message)

    def read(
        self,
        wanted: Filter,
        *,
        last: int | None = None,
        limit: int | None = None,
        follow: bool = False,
        alive: Callable[[], bool] = lambda: True,
    ) -> Iterator[dict[str, Any]]:
        """Lines that match: the `last` of those present (None: all), then, to `follow`, new ones.

        Ends after `limit` lines (None: none), when the log is closed or `alive` becomes false.
        """
        sent = 0
        with self._path.open(encoding="utf-8") as file:
            present = (
                line for line in map(json.loads, _whole_lines(file)) if wanted.matches(line)
            )
            for line in present if last is None else deque(present, maxlen=last):
                yield line
                sent += 1
                if limit and sent >= limit:
                    return
            while follow and alive():
                with self._changed:
                    self._changed.wait(timeout=1)
                for line in map(json.loads, _whole_lines(file)):
                    if wanted.matches(line):
                        yield line
                        sent += 1
                        if limit and sent >= limit:
                            return
                if self._closed:
                    return

    def close(self) -> None:
        """Take no more lines, and let those who follow go."""
        with self._changed:
            self._closed = True
            self._file.close()
            self._changed.notify_all()


def _whole_lines(file: Any) -> Iterator[str]:
    while True:
        position = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(position)
            return
        yield line


def _entity_in(entity: str, patterns: Sequence[str]) -> bool:
    return any(
        fnmatch.fnmatchcase(entity, pattern)
        or fnmatch.fnmatchcase(entity, f"unit-{pattern.replace('/', '-')}")
        or entity.rsplit("-", 1)[0] == f"unit-{pattern}"
        or entity == f"machine-{pattern}"
        for pattern in patterns
    )


def _module_in(module: str, prefixes: Sequence[str]) -> bool:
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


class LineSplitter:
    """Makes lines of output that comes in pieces."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take a piece; hands on every line that is complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._write(line.decode("utf-8", "replace").rstrip("\r"))

    def end(self) -> None:
        """Hand on what has no newline behind it."""
        if self._rest:
            self._write(self._rest.decode("utf-8", "replace"))
            self._rest = b""
