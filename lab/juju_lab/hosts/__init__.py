"""Hosts of the lab: machines with addresses, disks and power, on one Linux machine.

`Lab` makes and removes everything: images, package archives, the network namespace, hosts. `Host`
is one machine: start it, run commands on it, cut its power.
"""

import importlib
from typing import Any

# Loaded when asked for: the command, which is called often, needs few of them.
_MODULES = {
    "BASES": "bases",
    "DEFAULT_BASE": "bases",
    "CommandFailed": "errors",
    "Host": "host",
    "HostError": "errors",
    "HostSpec": "spec",
    "Lab": "lab",
    "PreflightError": "errors",
    "Settings": "settings",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
