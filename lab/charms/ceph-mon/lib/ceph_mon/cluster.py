"""A whole Ceph cluster on one host: a monitor, a manager and a few OSDs on sparse files.

Every OSD has a CRUSH host bucket of its own, so that rules and erasure profiles which spread
over hosts work as they do on a cluster of several machines.
"""

import base64
import json
import os
import shutil
import struct
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import broker

GIB = 1024**3
NAME = "a"
MANAGER_MODULES = Path("/usr/share/ceph/mgr")

CONFIGURATION = """\
[global]
fsid = {fsid}
mon initial members = {name}
mon host = [v2:{address}:3300,v1:{address}:6789]
public addr = {address}
keyring = /etc/ceph/$cluster.$name.keyring
log file = /var/log/ceph/$cluster-$name.log
mon cluster log to file = false
osd pool default size = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
mon allow pool delete = true
auth allow insecure global id reclaim = false
mon data avail warn = 1
# one monitor has nobody to agree with: decide at once
paxos propose interval = 0.05
paxos min wait = 0.01
debug rocksdb = 1
debug bluefs = 1
debug bdev = 1

[mgr]
# none of them is needed here, and on Debian 13 none loads: bcrypt refuses subinterpreters
# (https://github.com/PyO3/pyo3/issues/576)
mgr disabled modules = {manager_modules}
mgr data = /var/lib/ceph/mgr/$cluster-$id
keyring = /var/lib/ceph/mgr/$cluster-$id/keyring

[osd]
keyring = /var/lib/ceph/osd/$cluster-$id/keyring
bluestore block size = {osd_bytes}
osd memory target autotune = false
bluestore cache autotune = false
bluestore cache size = 67108864
# the default queue measures the disk at each start, for seconds
osd op queue = wpq
"""

OSD_CONFIGURATION = """
[osd.{number}]
crush location = root=default host=osd-host-{number}
"""


class ClusterError(Exception):
    """The cluster did not come up; the text says which part and where to look."""


class MonitorClient:
    """The monitor, asked as client.admin through librados: milliseconds a command."""

    def __init__(self, configuration: Path = Path("/etc/ceph/ceph.conf")) -> None:
        import rados  # comes with ceph-common, so it is there once the packages are

        self._cluster = rados.Rados(conffile=str(configuration), name="client.admin")
        self._cluster.connect(timeout=60)

    def __enter__(self) -> "MonitorClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.shutdown()

    def run(self, command: broker.MonCommand) -> bytes:
        """Return what the monitor answers; raise broker.RefusedError with its error text."""
        code, output, text = self._cluster.mon_command(json.dumps(command), b"")
        if code:
            raise broker.RefusedError(text or os.strerror(abs(code)))
        return output

    def ask(self, prefix: str, **arguments: Any) -> Any:
        """Return the answer to a command, decoded from JSON."""
        return json.loads(self.run({"prefix": prefix, "format": "json", **arguments}))

    def state(self) -> broker.ClusterState:
        """What the broker has to know before it decides."""
        dump = self.ask("osd dump")
        return broker.ClusterState(
            osds=len(dump["osds"]),
            pools=frozenset(pool["pool_name"] for pool in dump["pools"]),
            profiles=dump["erasure_code_profiles"],
        )

    def client_key(self, name: str) -> str:
        """Return the key of client.NAME, made with the default caps where there is none."""
        entity = f"client.{name}"
        try:
            return self.ask("auth get-key", entity=entity)["key"]
        except broker.RefusedError:
            caps = broker.DEFAULT_CAPS
            return self.ask("auth get-or-create-key", entity=entity, caps=caps)["key"]


@dataclass(frozen=True)
class Cluster:
    """The cluster of this host; ADDRESS is where its monitor listens."""

    address: str
    osds: int = 3
    osd_bytes: int = 4 * GIB
    data: Path = Path("/var/lib/ceph")
    etc: Path = Path("/etc/ceph")

    @property
    def _made(self) -> Path:
        return self.data / "companion-cluster-made"

    def ensure_up(self, timeout: float = 120) -> None:
        """Make the cluster unless it is made, start what does not run, wait until it is healthy.

        Safe to call again after any interruption: a half-made cluster is made anew.
        """
        if self._made.exists():
            _start([("ceph-mon", NAME)])
        else:
            self._make()
        osds = [("ceph-osd", str(number)) for number in self._osd_numbers()]
        _start([("ceph-mgr", NAME), *osds])
        self._wait_healthy(timeout)

    def _make(self) -> None:
        _stop_all()
        for part in ("mon", "mgr", "osd"):
            shutil.rmtree(self.data / part, ignore_errors=True)
            (self.data / part).mkdir()
        fsid = uuid.uuid4()
        osd_ids = [uuid.uuid4() for _ in range(self.osds)]
        self.etc.mkdir(exist_ok=True)
        (self.etc / "ceph.conf").write_text(self._configuration(fsid))
        keys = self._write_keys()

        (self.data / f"mon/ceph-{NAME}").mkdir()
        monitor_mkfs = ["ceph-mon", "--mkfs", "-i", NAME, "--keyring", str(keys)]
        # --no-mon-config: the OSDs are made while the monitor is
        osd_mkfs = ["ceph-osd", "--mkfs", "--no-mon-config"]
        _run_together(
            [
                monitor_mkfs,
                *([*osd_mkfs, "-i", str(n), "--osd-uuid", str(i)] for n, i in enumerate(osd_ids)),
            ]
        )
        keys.unlink()
        _start([("ceph-mon", NAME)])
        with MonitorClient() as monitor:
            for number, identity in enumerate(osd_ids):
                monitor.run({"prefix": "osd new", "uuid": str(identity), "id": number})
            # the manager misses the modules that are always on; see CONFIGURATION
            mute = {"prefix": "health mute", "code": "MGR_MODULE_ERROR", "sticky": True}
            monitor.run(mute)
        self._made.touch()

    def _configuration(self, fsid: uuid.UUID) -> str:
        configuration = CONFIGURATION.format(
            fsid=fsid,
            name=NAME,
            address=self.address,
            manager_modules=",".join(_manager_modules()),
            osd_bytes=self.osd_bytes,
        )
        return configuration + "".join(
            OSD_CONFIGURATION.format(number=number) for number in range(self.osds)
        )

    def _write_keys(self) -> Path:
        """Give every daemon its key and return the keyring that the monitor starts from."""
        caps = {
            "mon.": {"mon": "allow *"},
            "client.admin": dict.fromkeys(("mon", "osd", "mgr", "mds"), "allow *"),
            f"mgr.{NAME}": {"mon": "allow profile mgr", "osd": "allow *", "mds": "allow *"},
        }
        files = {
            "client.admin": self.etc / "ceph.client.admin.keyring",
            f"mgr.{NAME}": self.data / f"mgr/ceph-{NAME}/keyring",
        }
        for number in range(self.osds):
            caps[f"osd.{number}"] = {
                "mon": "allow profile osd",
                "mgr": "allow profile osd",
                "osd": "allow *",
            }
            files[f"osd.{number}"] = self.data / f"osd/ceph-{number}/keyring"
        entries = {entity: _keyring_entry(entity, granted) for entity, granted in caps.items()}
        for entity, path in files.items():
            path.parent.mkdir(exist_ok=True)
            _write_secret(path, entries[entity])
        everything = self.data / "mon/initial.keyring"
        _write_secret(everything, "".join(entries.values()))
        return everything

    def _osd_numbers(self) -> list[int]:
        return sorted(int(path.name.rpartition("-")[2]) for path in self.data.glob("osd/ceph-*"))

    def _wait_healthy(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        with MonitorClient() as monitor:
            while True:
                status = monitor.ask("status")
                if _is_healthy(status, len(self._osd_numbers())):
                    return
                if time.monotonic() > deadline:
                    checks = ", ".join(status["health"]["checks"]) or "no manager"
                    raise ClusterError(f"not healthy after {timeout:.0f} s: {checks}")
                time.sleep(0.25)


def _is_healthy(status: dict[str, Any], osds: int) -> bool:
    """Whether a monitor's status says: all OSDs up, a manager there, nothing amiss."""
    return (
        status["osdmap"]["num_up_osds"] == osds
        and status["mgrmap"]["available"]
        and status["health"]["status"] == "HEALTH_OK"
    )


def _keyring_entry(entity: str, caps: dict[str, str]) -> str:
    # a CephX secret: type AES, seconds, nanoseconds, length, the 16 bytes themselves
    secret = struct.pack("<hiih", 1, int(time.time()), 0, 16) + os.urandom(16)
    granted = "".join(f'\tcaps {subsystem} = "{cap}"\n' for subsystem, cap in caps.items())
    return f"[{entity}]\n\tkey = {base64.b64encode(secret).decode()}\n{granted}"


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _manager_modules() -> list[str]:
    return sorted(path.parent.name for path in MANAGER_MODULES.glob("*/__init__.py"))


def _start(daemons: list[tuple[str, str]]) -> None:
    """Start those of DAEMONS (program, id) that do not run."""
    Path("/run/ceph").mkdir(exist_ok=True)
    _run_together([[name, "-i", id_] for name, id_ in daemons if not _processes(name, id_)])


def _stop_all() -> None:
    for daemon in ("ceph-mgr", "ceph-osd", "ceph-mon"):
        for process in _processes(daemon):
            os.kill(process, 9)


def _processes(daemon: str, identity: str | None = None) -> list[int]:
    """Numbers of the processes that run DAEMON (as IDENTITY) on this host."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_text().split("\0")
        except OSError:  # it ended between the listing and the look
            continue
        is_daemon = Path(arguments[0]).name == daemon and "--mkfs" not in arguments
        if is_daemon and (identity is None or arguments[1:3] == ["-i", identity]):
            found.append(int(path.parent.name))
    return found


def _run_together(commands: list[list[str]]) -> None:
    """Run COMMANDS side by side; daemons they leave behind hold none of the hook's pipes."""
    with open("/var/log/ceph/companion.log", "ab") as output:
        # cwd: Debian 13's OSDs look for their object classes (rbd, lock) relative to it
        running = [
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/"
            )
            for command in commands
        ]
    failed = [
        " ".join(command)
        for command, process in zip(commands, running, strict=True)
        if process.wait()
    ]
    if failed:
        raise ClusterError(f"{', '.join(failed)} failed: see /var/log/ceph")
