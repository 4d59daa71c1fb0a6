"""Having the lab and its images, with progress on the terminal."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from juju_lab.cli import client
from juju_lab.errors import JujuError

Progress = Callable[..., None]


def prepare(bases: Sequence[str], *, qemu: bool = False) -> None:
    """Have the lab's network, daemon, and images of `bases` (none: the default base), with what
    their hosts need under `qemu`.

    Quick when all is there. Raises JujuError when this machine cannot be a lab.
    """
    from juju_lab.hosts import BASES, DEFAULT_BASE, HostError, Lab, PreflightError

    lab = Lab(client.settings())
    wanted = [base.removesuffix("/stable") for base in bases]
    known = [base for base in wanted if base in BASES]
    try:
        if not client.is_running():
            lab.preflight()
        with progress_shown() as progress:
            lab.prepare(progress, known or [DEFAULT_BASE])
            for base in (known or [DEFAULT_BASE]) if qemu else ():
                lab.prepare_qemu(progress, base)
    except (HostError, PreflightError) as error:
        raise JujuError(str(error)) from None
    client.ensure_daemon()


@contextmanager
def progress_shown() -> Iterator[Progress]:
    """A progress function that shows steps and how long they take: live on a terminal."""
    shown = _Live() if sys.stderr.isatty() else _Lines()
    try:
        yield shown
    finally:
        shown.end()


class _Lines:
    """One line when a step is done."""

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}

    def __call__(self, step: str, done: bool = False) -> None:
        if done:
            took = time.monotonic() - self._begun.pop(step, time.monotonic())
            print(f"{step}: {took:.0f} s", file=sys.stderr, flush=True)
        else:
            self._begun[step] = time.monotonic()

    def end(self) -> None:
        """Say what was begun and not ended."""
        for step in self._begun:
            print(step, file=sys.stderr, flush=True)


class _Live:
    """A spinner and a clock for each step under way."""

    def __init__(self) -> None:
        self._progress = None
        self._tasks: dict[str, int] = {}

    def __call__(self, step: str, done: bool = False) -> None:
        if self._progress is None:
            self._start()
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=1)
        if done:
            self._progress.update(self._tasks[step], completed=1)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._progress.start()

    def end(self) -> None:
        """Leave the steps on the screen as they are."""
        if self._progress is not None:
            for task in self._tasks.values():
                self._progress.update(task, completed=1)
            self._progress.stop()
