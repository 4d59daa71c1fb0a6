"""What the parts of the controller share."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from juju_lab.controller.guest import GuestPaths
from juju_lab.controller.library import Library
from juju_lab.controller.logs import ModelLog
from juju_lab.controller.runner import Host
from juju_lab.controller.store import Machine, Store
from juju_lab.controller.toolserver import Contexts


@dataclass(frozen=True)
class Timings:
    """Intervals in seconds; tests shorten them."""

    retry_first: float = 5.0
    retry_most: float = 300.0
    ping_interval: float = 5.0
    pings_missed: int = 3
    lease: float = 30.0
    boot: float = 600.0  # under emulation, on a busy machine


@dataclass
class World:
    """Everything that agents need: state, hosts, logs, charms.

    `make_host` gives the host of a machine's row, `reachable` tells whether it answers, `tools` is
    the directory with the guest's programs, `controller_address` what they connect to.
    """

    store: Store
    library: Library
    contexts: Contexts
    make_host: Callable[[Machine], Host]
    guest_paths: Callable[[Host], GuestPaths]
    reachable: Callable[[Host], bool]
    tools: Path
    logs_directory: Path
    controller_address: str = ""
    timings: Timings = field(default_factory=Timings)
    stopping: bool = False
    _logs: dict[str, ModelLog] = field(default_factory=dict)
    _logs_lock: threading.Lock = field(default_factory=threading.Lock)

    def log_of(self, model_uuid: str) -> ModelLog:
        """The log of a model."""
        with self._logs_lock:
            if model_uuid not in self._logs:
                self._logs[model_uuid] = ModelLog(self.logs_directory / f"{model_uuid}.log")
            return self._logs[model_uuid]

    def forget_log(self, model_uuid: str) -> None:
        """Remove the log of a model."""
        with self._logs_lock:
            log = self._logs.pop(model_uuid, None)
            if log is not None:
                log.close()
            (self.logs_directory / f"{model_uuid}.log").unlink(missing_ok=True)
