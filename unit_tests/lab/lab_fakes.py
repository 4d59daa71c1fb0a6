"""A host without a machine: its commands run here, in a directory of its own."""

import json
import shutil
import subprocess
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path

from juju_lab.hosts import HostError

_GUEST_PREFIXES = ("/var/lib/juju", "/run/juju-lab", "/home/ubuntu")


class FakeHost:
    """Takes the place of juju_lab.hosts.Host; the guest's programs are the real ones."""

    address = "127.0.0.1"
    release = ""

    def __init__(self, root: Path, addresses: Sequence[str] = ("127.0.0.1",)) -> None:
        self.addresses = addresses
        self.root = root
        self.running = False
        self.linked = True
        self.broken = ""
        self.console = root / "console.log"
        self._boot_id = ""
        self._processes: list[subprocess.Popen] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Switch on: another boot id, nothing runs yet."""
        if self.broken:
            raise HostError(self.broken)
        if not self.running:
            for path in _GUEST_PREFIXES:
                (self.root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
            self._boot_id = str(uuid.uuid4())
            self.running = True

    def wait_ready(self, timeout: float) -> None:
        """It is ready at once."""
        self._check()

    def boot_id(self) -> str:
        """Another one after each start."""
        self._check()
        return self._boot_id

    def popen(self, argv: list[str], **options) -> subprocess.Popen:
        """Run a command here; it ends with the host."""
        self._check()
        process = subprocess.Popen(argv, **options)
        with self._lock:
            self._processes.append(process)
        return process

    def run(self, argv, *, input=None, timeout=None, check=True):
        """Run a command here to its end; what it hears of interfaces are the host's own."""
        self._check()
        if argv == ["ip", "-j", "address"]:
            return subprocess.CompletedProcess(argv, 0, json.dumps(self._interfaces()), "")
        return subprocess.run(argv, input=input, capture_output=True, timeout=timeout, check=check)

    def push_file(self, content: bytes, path: str, mode: int) -> None:
        """Write a file below the root."""
        self._check()
        Path(path).write_bytes(content)
        Path(path).chmod(mode)

    def push_tree(self, local: Path, path: str) -> None:
        """Copy a directory's content."""
        self._check()
        Path(path).mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "--archive", "--no-target-directory", local, path], check=True)

    def ssh_argv(self, user="root", tty=False, options=()):
        """What takes the place of ssh here: a shell that is given the rest."""
        return ["sh", "-c", 'shift; exec sh -c "$*"', "sh", f"{user}@{self.address}"]

    def power_off(self) -> None:
        """Everything that runs on it ends at once."""
        self.running = False
        with self._lock:
            for process in self._processes:
                process.kill()
            self._processes.clear()

    def shutdown(self, timeout: float = 60) -> None:
        """As power_off: nothing here takes its time."""
        self.power_off()

    def upgrade(self, base: str) -> None:
        """Its disk has another base from now on."""
        self.release = base

    def destroy(self) -> None:
        """Remove its files."""
        self.power_off()
        shutil.rmtree(self.root, ignore_errors=True)

    def set_link(self, up: bool) -> None:
        """Plug or pull its network."""
        self.linked = up

    def _interfaces(self) -> list[dict]:
        """Interfaces as `ip -j address` lists them, with an IPv4 and an IPv6 address each."""
        return [
            {
                "ifname": f"eth{start // 2}",
                "address": f"02:00:00:00:00:0{start // 2}",
                "addr_info": [
                    {"local": address, "prefixlen": 64 if ":" in address else 24}
                    for address in self.addresses[start : start + 2]
                ],
            }
            for start in range(0, len(self.addresses), 2)
        ]

    def _check(self) -> None:
        if not self.running:
            raise HostError(f"{self.root.name} does not run")
        if not self.linked:
            raise HostError(f"{self.root.name} cannot be reached")


def make_charm(directory: Path, name: str, hooks: dict[str, str], **files: str) -> Path:
    """A charm with these hooks (shell text by `hooks/NAME` or `actions/NAME`) and YAML files."""
    charm = directory / name
    charm.mkdir(parents=True, exist_ok=True)
    (charm / "metadata.yaml").write_text(
        files.pop("metadata", f"name: {name}\nsummary: s\ndescription: d\n")
    )
    for file, content in files.items():
        (charm / f"{file}.yaml").write_text(content)
    for path, script in hooks.items():
        target = charm / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"#!/bin/sh\n{script}\n")
        target.chmod(0o755)
    return charm
