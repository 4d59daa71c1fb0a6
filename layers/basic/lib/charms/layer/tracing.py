"""Logging of flag changes that costs one process a hook, not one for each flag."""

from __future__ import annotations

from charmhelpers.core import hookenv
from charms.reactive import trace


class SummaryTracer(trace.NullTracer):
    """Logs which flags a hook set (+) and cleared (-), in one line at its end."""

    def __init__(self) -> None:
        self._changes: list[str] = []

    def set_flag(self, flag: str) -> None:
        self._changes.append(f"+{flag}")

    def clear_flag(self, flag: str) -> None:
        self._changes.append(f"-{flag}")

    def report(self) -> None:
        """Write the line, if there is anything to tell."""
        if self._changes:
            hookenv.log(f"flags: {' '.join(self._changes)}", hookenv.DEBUG)


def trace_in_summary() -> None:
    """Replace the framework's tracer, which also tests every handler anew for every flag.

    The framework is about to install it at the hook's start; that is called off.
    """
    hookenv._atstart[:] = [call for call in hookenv._atstart if call[0] != trace.install_tracer]
    if hookenv.hook_name() != "update-status":
        tracer = SummaryTracer()
        trace.install_tracer(tracer)
        hookenv.atexit(tracer.report)
