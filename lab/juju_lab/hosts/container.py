"""Hosts as containers: namespaces on the machine's kernel, without systemd, at full speed."""

import os
from pathlib import Path
from typing import ClassVar

from juju_lab.hosts.errors import HostError
from juju_lab.hosts.host import Host
from juju_lab.hosts.network import enter

_START_SCRIPT = Path(__file__).parent / "scripts" / "start-container"


class ContainerHost(Host):
    """A host with process ids, mounts, name and network of its own; its disk is an overlay."""

    _shutdown_argv: ClassVar = ["kill", "-TERM", "1"]

    def _boot(self) -> None:
        images = self._images.of(self.base)
        tree = self._claimed("tree", images.tree)
        packages = self._claimed("archive", images.archive)
        for name in ("upper", "work", "root"):
            (self.directory / name).mkdir(exist_ok=True)
        netns = self._network.plug_container(self.slot, self.spec.networks)
        self._process.spawn(
            [
                *enter(netns),
                *("unshare", "--pid", "--mount", "--uts", "--ipc", "--fork"),
                *("--kill-child=KILL", "--"),
                *("/bin/sh", str(_START_SCRIPT)),
                *(str(self.directory), str(tree), str(packages)),
                *(str(self._ssh.seed), str(self.slot)),
            ],
            environment={"PATH": os.environ["PATH"], "HOME": "/root", "LANG": "C.UTF-8"},
            console=self.console,
        )

    def _wait_booted(self, timeout: float) -> None:
        if timeout <= 0:
            raise HostError(f"{self.hostname} was not ready in time")
