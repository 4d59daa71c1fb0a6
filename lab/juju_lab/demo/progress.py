"""What the demo shows while it runs: the step, how long it takes, and what it waits for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text


class Story:
    """Steps, told one after the other.

    On a terminal the running step has a spinner, a clock and below it what happens just now; a
    finished one leaves a line with its time. Elsewhere (a log, a pipe) all of it is plain lines.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = time.monotonic()
        self.step_name = ""
        self._step_started = self.started
        self._details: tuple[str, ...] = ()
        self._spinner = Spinner("dots")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show NAME as what is going on, then how long it took; an exception passes through."""
        self.step_name, self._details = name, ()
        self._step_started = time.monotonic()
        if self.console.is_terminal:
            live = Live(
                get_renderable=self._running,
                console=self.console,
                refresh_per_second=5,
                transient=True,
            )
            with live:
                yield
        else:
            self.show(f"... {name}")
            yield
        self.show(f"{time.monotonic() - self._step_started:6.1f} s  {name}", "green")

    def detail(self, *lines: str) -> None:
        """Say what the running step does or waits for just now, a line each."""
        if not self.console.is_terminal:
            for line in lines:
                if line not in self._details:
                    self.show(f"      {line}")
        self._details = lines

    def show(self, text: str, style: str = "") -> None:
        """Print TEXT as it is: no markup, no wrapping of what a command printed."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    @property
    def elapsed(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self.started

    def _running(self) -> Group:
        took = f" {self.step_name}  {time.monotonic() - self._step_started:.0f} s"
        self._spinner.update(text=Text(took))
        details = (
            Text(f"    {line}", style="dim", no_wrap=True, overflow="ellipsis")
            for line in self._details
        )
        return Group(self._spinner, *details)
