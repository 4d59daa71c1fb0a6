"""A lab: everything that its hosts share, made and removed as one."""

import shutil
from collections.abc import Iterable

from juju_lab.hosts import preflight, spec
from juju_lab.hosts.bases import DEFAULT_BASE
from juju_lab.hosts.cache import Cache
from juju_lab.hosts.container import ContainerHost
from juju_lab.hosts.host import Host
from juju_lab.hosts.images import Images, Progress
from juju_lab.hosts.locks import locked
from juju_lab.hosts.network import Network
from juju_lab.hosts.qemu import QemuHost, check_programs
from juju_lab.hosts.settings import Settings
from juju_lab.hosts.spec import HostSpec
from juju_lab.hosts.ssh import Ssh
from juju_lab.hosts.uml import UmlHost

_KINDS: dict[str, type[Host]] = {
    "uml": UmlHost,
    "qemu": QemuHost,
    "container": ContainerHost,
}


def _silent(step: str, done: bool = False) -> None:
    """Report nothing."""


class Lab:
    """The lab of these settings. Making the object changes nothing."""

    address = spec.BRIDGE_ADDRESS

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.netns = settings.netns
        self.network = Network(settings.netns)
        self.ssh = Ssh(settings.state_dir / "ssh", settings.netns)
        self._images = Images(Cache(settings.cache_dir), settings.mirror)

    def preflight(self) -> None:
        """Raise PreflightError with one line for each reason why this machine cannot run it."""
        preflight.check(self.settings, self.network, prepared=self._images.prepared(DEFAULT_BASE))

    def prepare(
        self, progress: Progress = _silent, bases: Iterable[str] = (DEFAULT_BASE,)
    ) -> None:
        """Have the images and package archives of `bases`, made or from the cache.

        `progress(step, done=False)` is called when a step begins, and with done=True when it has
        ended; nothing is reported for what is there already. Raises HostError.
        """
        self._images.prepare(bases, progress)

    def prepare_qemu(self, progress: Progress, base: str) -> None:
        """Have what hosts of this base need under qemu, made or from the cache."""
        check_programs()
        self._images.prepare_kernel(base, progress)

    def prepare_upgrade(self, progress: Progress, old: str, new: str) -> None:
        """Have the packages that bring hosts from one base to the next, made or from the cache."""
        self._images.prepare_upgrade(old, new, progress)

    def up(self, progress: Progress = _silent) -> None:
        """Have the network and the keys. Hosts of an earlier run that still run are kept."""
        with locked(self.settings.state_dir / "lock"):
            if not self.network.exists():
                progress("network of the lab")
            self.network.up()
            self.ssh.set_up()

    def host(self, host_spec: HostSpec) -> Host:
        """The host of this description, whether it exists yet or not."""
        directory = self.settings.state_dir / "hosts" / str(host_spec.slot)
        kind = _KINDS[host_spec.kind]
        return kind(host_spec, directory, self._images, self.network, self.ssh)

    def destroy(self) -> None:
        """End all processes of the lab save the caller's own line, and remove all that it has.

        The cache stays: it belongs to all labs.
        """
        if self.settings.state_dir.exists():
            with locked(self.settings.state_dir / "lock"):
                self.network.down()
                shutil.rmtree(self.settings.state_dir)
