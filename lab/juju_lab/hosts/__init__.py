"""Hosts of the lab: machines with addresses, disks and power, on one Linux machine.

`Lab` makes and removes everything: images, package archives, the network namespace, hosts. `Host`
is one machine: start it, run commands on it, cut its power.
"""

from juju_lab.hosts.bases import BASES, DEFAULT_BASE
from juju_lab.hosts.errors import CommandFailed, HostError, PreflightError
from juju_lab.hosts.host import Host
from juju_lab.hosts.lab import Lab
from juju_lab.hosts.settings import Settings
from juju_lab.hosts.spec import HostSpec

__all__ = [
    "BASES",
    "DEFAULT_BASE",
    "CommandFailed",
    "Host",
    "HostError",
    "HostSpec",
    "Lab",
    "PreflightError",
    "Settings",
]
