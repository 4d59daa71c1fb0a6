"""Logging of flag changes that costs one process a hook, not one for each flag."""

from charmhelpers.core import hookenv
from charms.reactive.trace import NullTracer, install_tracer


class SummaryTracer(NullTracer):
    """Logs which flags a hook set (+) and cleared (-), in one line at its end."""

    def __init__(self):
        self._changes = []

    def set_flag(self, flag):
        self._changes.append(f"+{flag}")

    def clear_flag(self, flag):
        self._changes.append(f"-{flag}")

    def report(self):
        if self._changes:
            hookenv.log(f"flags: {' '.join(self._changes)}", hookenv.DEBUG)


@hookenv.atstart
def trace_in_summary():
    """Replace the framework's tracer, which also tests every handler anew for every flag."""
    if hookenv.hook_name() == "update-status":
        install_tracer(NullTracer())
    else:
        tracer = SummaryTracer()
        install_tracer(tracer)
        hookenv.atexit(tracer.report)
