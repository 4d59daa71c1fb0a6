"""The Ceph cluster as the gateway's own key sees it: pools and images."""

import contextlib
import json
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceph_iscsi import process
from ceph_iscsi.errors import GatewayError

CEPH_CONF = Path("/etc/ceph/iscsi/ceph.conf")
# Run with the distribution's Python, which has Ceph's modules.
IMAGES = Path(__file__).resolve().parents[2] / "files" / "ceph" / "images.py"
LOCK = Path(__file__).resolve().parents[2] / "files" / "ceph" / "lock.py"
LOCK_OBJECT = "ceph-iscsi-charm.lock"
# Seconds that a change waits for another one to end.
LOCK_LIMIT = 120
# Seconds after which a monitor that doesn't answer is given up.
CONNECT_TIMEOUT = 20


@dataclass(frozen=True)
class Pool:
    """A pool: its kind, ``replicated`` or ``erasure``, and whether it takes no more data."""

    kind: str
    full: bool = False


class Lock:
    """The lock on changes, held; with a note that outlives whoever holds it."""

    def __init__(self, keeper: subprocess.Popen, note: str):
        self._keeper = keeper
        #: what the last holder wrote and did not take back
        self.note = note

    def write(self, note: str) -> None:
        """Put a note on the lock, one line; an empty one takes it back.

        :raises GatewayError: the lock is lost
        """
        self._tell(f"note {note}")
        self.note = note

    def free_config(self) -> None:
        """Break ceph-iscsi's lock on the stored configuration if its holder died with it.

        :raises GatewayError: the lock is lost
        """
        self._tell("free")

    def _tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.write(f"{line}\n")
            self._keeper.stdin.flush()
        if self._keeper.stdout.readline().strip() != "ok":
            raise GatewayError(f"the lock on changes is lost: {_last_words(self._keeper)}")


@dataclass(frozen=True)
class Cluster:
    """The cluster as the Ceph client ``client.<client>`` sees it.

    Methods raise a GatewayError with Ceph's own words, or one that says that it doesn't answer.
    """

    client: str
    conf: Path = CEPH_CONF
    lock_pool: str = "iscsi"

    @contextlib.contextmanager
    def lock(self, holder: str, limit: float = LOCK_LIMIT) -> Iterator[Lock]:
        """Keep all other units from changing the gateways meanwhile.

        The lock lies in the cluster and dies with this process, so nothing has to be cleaned up
        after a unit that was killed or lost its power. ceph-iscsi's own does not; so that is
        looked after here.

        :param holder: name of this unit, kept with the lock for whoever looks at it
        :param limit: seconds to wait for another one to give it back
        """
        what = (self.conf, f"client.{self.client}", self.lock_pool, LOCK_OBJECT)
        with subprocess.Popen(
            ["python3", str(LOCK), *map(str, what), holder, str(limit)],
            env=process.ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as keeper:
            said, _, note = keeper.stdout.readline().strip().partition(" ")
            if said != "locked":
                raise GatewayError(f"nothing was changed: {_last_words(keeper)}")
            yield Lock(keeper, note)  # leaving closes its input, at which it gives the lock back

    def pools(self) -> dict[str, Pool]:
        """Pools by name."""
        listing = json.loads(
            self._run(
                "ceph",
                *("--connect-timeout", str(CONNECT_TIMEOUT)),
                *("osd", "pool", "ls", "detail", "--format", "json"),
            )
        )
        return {
            pool["pool_name"]: Pool(
                kind="erasure" if pool["erasure_code_profile"] else "replicated",
                full="full" in pool.get("flags_names", "").split(","),
            )
            for pool in listing
        }

    def images(self, names: Collection[str]) -> dict[str, dict[str, Any]]:
        """Images by name (``pool/image``), all read by one process.

        Each is ``{"size": bytes, "snapshots": [{"name", "size", "created"}]}``, or
        ``{"problem": words}``.
        """
        answer = process.run(
            ["python3", str(IMAGES), str(self.conf), f"client.{self.client}", *names],
            timeout=CONNECT_TIMEOUT,
        )
        return json.loads(answer)

    def stored_config(self, pool: str) -> dict[str, Any]:
        """The gateways' state as it is stored in the cluster, passwords as they are kept there.

        :param pool: that of ``gateway-metadata-pool``
        """
        return json.loads(self._run("rados", "--pool", pool, "get", "gateway.conf", "-"))

    def create_image(self, pool: str, image: str, size: str, data_pool: str) -> None:
        """Create an image whose data lie in an erasure-coded pool.

        gwcli can't. :param size: as ``10G``.
        """
        self._run("rbd", "create", f"{pool}/{image}", "--size", size, "--data-pool", data_pool)

    def remove_image(self, pool: str, image: str) -> None:
        """Remove an image and its data."""
        self._run("rbd", "rm", "--no-progress", f"{pool}/{image}")

    def _run(self, program: str, *arguments: str) -> str:
        access = ("--conf", str(self.conf), "--name", f"client.{self.client}")
        try:
            return process.run([program, *access, *arguments], timeout=CONNECT_TIMEOUT * 3)
        except process.CommandFailed:
            raise
        except GatewayError as error:
            raise GatewayError(f"the Ceph cluster cannot be asked: {error}") from error


def _last_words(keeper: subprocess.Popen) -> str:
    """Why a keeper of the lock has ended."""
    return (keeper.stderr.read().strip().splitlines() or ["no message"])[-1]
