"""What the demo shows while it runs: the step, how long it takes, and what it waits for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text


class Story:
    """Steps, told one after the other.

    On a terminal the running step has a spinner, a clock and a line that says what happens; a
    finished one leaves a line with its time. Elsewhere (a log, a pipe) all of it is plain lines.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = time.monotonic()
        self.step_name = ""
        self._live: Progress | None = None
        self._detail = ""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show NAME as what is going on, then how long it took; an exception passes through."""
        self.step_name, self._detail = name, ""
        began = time.monotonic()
        if self.console.is_terminal:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                TextColumn("[dim]{task.fields[detail]}"),
            )
            with Progress(*columns, console=self.console, transient=True) as self._live:
                self._live.add_task(name, total=None, detail="")
                yield
            self._live = None
        else:
            self.show(f"... {name}")
            yield
        self.show(f"{time.monotonic() - began:6.1f} s  {name}", "green")

    def detail(self, text: str) -> None:
        """Say what the running step does or waits for just now."""
        if text == self._detail:
            return
        self._detail = text
        if self._live is None:
            self.show(f"      {text}")
        else:
            width = max(self.console.width - len(self.step_name) - 14, 10)
            self._live.update(self._live.task_ids[0], detail=text[:width])

    def show(self, text: str, style: str = "") -> None:
        """Print TEXT as it is: no markup, no wrapping of what a command printed."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    @property
    def elapsed(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self.started
