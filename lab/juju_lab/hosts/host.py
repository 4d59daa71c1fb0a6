"""One machine of the lab, whatever it is made of: power, readiness, commands, files."""

import contextlib
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from juju_lab.hosts import spec
from juju_lab.hosts.errors import HostError
from juju_lab.hosts.images import Images
from juju_lab.hosts.locks import locked
from juju_lab.hosts.network import Network
from juju_lab.hosts.process import HostProcess
from juju_lab.hosts.spec import HostSpec
from juju_lab.hosts.ssh import Ssh

_UNPACK = 'mkdir -p "$0" && exec tar --extract --directory="$0" --same-permissions'
_PUT = 'umask 077; cat > "$0.new" && chmod "$1" "$0.new" && mv -f "$0.new" "$0"'


class Host(ABC):
    """A machine in a slot of the lab. Making the object changes nothing; `start` does.

    All methods may be called from several threads and processes at once.
    """

    _shutdown_argv: ClassVar[list[str]]

    def __init__(
        self, spec_: HostSpec, directory: Path, images: Images, network: Network, ssh: Ssh
    ) -> None:
        self.spec = spec_
        self.directory = directory
        self.slot = spec_.slot
        self.kind = spec_.kind
        self.base = spec_.base
        self.hostname = spec.hostname(spec_.slot)
        self.fqdn = spec.fqdn(spec_.slot)
        self.address = spec.address(spec_.slot)
        cidrs = spec.addresses(spec_.slot, spec_.networks)
        self.addresses = [cidr.partition("/")[0] for each in cidrs for cidr in each]
        self._images = images
        self._network = network
        self._ssh = ssh
        self._process = HostProcess(directory)

    def __repr__(self) -> str:
        return f"<{self.kind} host {self.hostname} at {self.address}>"

    @property
    def running(self) -> bool:
        """Whether it has power: not whether it is ready."""
        return self._process.pid() is not None

    @property
    def console(self) -> Path:
        """Log of what the host said on its console since it was made."""
        return self.directory / "console.log"

    def start(self) -> None:
        """Switch it on, with a new disk if it has none; nothing happens if it runs.

        Raises HostError if its base is not prepared.
        """
        with self._locked():
            if self.running:
                return
            self._ssh.disconnect(self.address)
            self._boot()

    def wait_ready(self, timeout: float) -> None:
        """Return once commands can be run and the system is up; HostError after `timeout` s."""
        deadline = time.monotonic() + timeout
        while True:
            remaining = deadline - time.monotonic()
            if not self.running:
                raise HostError(f"{self.hostname} does not run{self._last_words()}")
            if remaining <= 0:
                raise HostError(
                    f"{self.hostname} was not ready after {timeout:.0f} s{self._last_words()}"
                )
            try:
                self._ssh.connect(self.address, remaining)
                self._wait_booted(deadline - time.monotonic())
            except HostError:
                time.sleep(0.2)
            else:
                break
        with contextlib.suppress(FileNotFoundError):
            (self.directory / "booted").touch()

    def boot_id(self) -> str:
        """An identifier that is another one after each start."""
        return self.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout.decode().strip()

    def run(
        self,
        argv: list[str],
        *,
        input: bytes | None = None,
        timeout: float | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command as root. Raises CommandFailed or HostError; see Ssh.run."""
        return self._ssh.run(self.address, argv, input=input, timeout=timeout, check=check)

    def popen(self, argv: list[str], **kwargs: Any) -> subprocess.Popen[Any]:
        """Start a command as root; keyword arguments are those of subprocess.Popen."""
        return self._ssh.popen(self.address, argv, **kwargs)

    def push_file(self, content: bytes, path: str, mode: int) -> None:
        """Have the file `path` with this content and mode; it is never seen half-written."""
        self.run(["sh", "-c", _PUT, path, f"{mode:o}"], input=content)

    def push_tree(self, local: Path, path: str) -> None:
        """Copy the content of the directory `local` into `path`, with links and modes, as root's.

        What else is in `path` stays.
        """
        pack = ["tar", "--create", f"--directory={local}", "--owner=0", "--group=0", "."]
        unpack = ["sh", "-c", _UNPACK, path]
        with subprocess.Popen(pack, stdout=subprocess.PIPE) as packer:
            receiver = self.popen(unpack, stdin=packer.stdout, stderr=subprocess.PIPE)
            packer.stdout.close()
            with receiver:
                said = receiver.communicate()[1]
        if receiver.returncode or packer.returncode:
            last = said.decode(errors="replace").strip().splitlines()
            raise HostError(f"{self.hostname}: copy to {path} failed: {last[-1] if last else ''}")

    def ssh_argv(
        self, user: str = "root", tty: bool = False, options: tuple[str, ...] = ()
    ) -> list[str]:
        """Command line of an ssh to this host, to be used from anywhere on the machine."""
        return self._ssh.argv(self.address, user=user, tty=tty, options=tuple(options))

    def power_off(self) -> None:
        """Cut its power: everything on it ends at once. Its disk stays as it is."""
        if self.directory.exists():
            with self._locked():
                self._ssh.disconnect(self.address)
                self._process.kill()

    def shutdown(self, timeout: float = 60) -> None:
        """Stop it in order; cut its power if it cannot be reached or takes over `timeout` s."""
        deadline = time.monotonic() + timeout
        with contextlib.suppress(HostError):
            self._ssh.connect(self.address, min(timeout, 10))
            with contextlib.suppress(HostError):
                # The connection may end with what it asks for.
                self.run(self._shutdown_argv, timeout=timeout, check=False)
            while self.running and time.monotonic() < deadline:
                time.sleep(0.1)
        self.power_off()

    def destroy(self) -> None:
        """Cut its power and remove its disk, its port and all its files."""
        if self.directory.exists():
            with self._locked():
                self._ssh.disconnect(self.address)
                self._process.kill()
                self._network.unplug(self.slot)
                shutil.rmtree(self.directory)

    @property
    def release(self) -> str:
        """The base that its disk has: another one than at first after an upgrade."""
        return self.base

    def upgrade(self, base: str) -> None:
        """Bring its disk to the next base, as do-release-upgrade would; it must be off.

        Raises HostError; the disk is then as it was.
        """
        raise HostError(f"{self.kind} hosts cannot be upgraded")

    def set_link(self, up: bool) -> None:
        """Plug its network cable in, or pull it."""
        self._network.set_link(self.slot, up)

    @abstractmethod
    def _boot(self) -> None:
        """Make the disk if it is missing, plug the network in and spawn the process."""

    @abstractmethod
    def _wait_booted(self, timeout: float) -> None:
        """Return once the system is up; HostError after `timeout` seconds."""

    def _locked(self) -> Any:
        return locked(self.directory / "lock")

    def _claimed(self, name: str, artefact: Path) -> Path:
        """The artefact that this host was first started with, or `artefact` from now on."""
        link = self.directory / name
        if not link.is_symlink():
            if not artefact.exists():
                raise HostError(f"{self.hostname}: base {self.base} is not prepared")
            self._claim(name, artefact)
        return link.readlink()

    def _claim(self, name: str, artefact: Path) -> None:
        link = self.directory / name
        link.unlink(missing_ok=True)
        self._images.claim(artefact, self.directory)
        link.symlink_to(artefact)

    def _last_words(self) -> str:
        try:
            lines = self.console.read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            return ""
        return f"; its console ended with: {lines[-1]}" if lines else ""
