"""The Ceph cluster as the gateway's own key sees it: pools and images."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceph_iscsi import process
from ceph_iscsi.errors import GatewayError

CEPH_CONF = Path("/etc/ceph/iscsi/ceph.conf")
# Run with the distribution's Python, which has Ceph's modules.
IMAGES = Path(__file__).resolve().parents[2] / "files" / "ceph" / "images.py"
ENOENT = 2
# Seconds after which a monitor that doesn't answer is given up.
CONNECT_TIMEOUT = 20


@dataclass(frozen=True)
class Cluster:
    """The cluster as the Ceph client ``client.<client>`` sees it.

    Methods raise a GatewayError with Ceph's own words, or one that says that it doesn't answer.
    """

    client: str
    conf: Path = CEPH_CONF

    def pools(self) -> dict[str, str]:
        """Pools by name, each ``replicated`` or ``erasure``."""
        listing = json.loads(
            self._run(
                "ceph",
                *("--connect-timeout", str(CONNECT_TIMEOUT)),
                *("osd", "pool", "ls", "detail", "--format", "json"),
            )
        )
        return {
            pool["pool_name"]: "erasure" if pool["erasure_code_profile"] else "replicated"
            for pool in listing
        }

    def image_size(self, pool: str, image: str) -> int | None:
        """Bytes of an image, None if there is no such image."""
        try:
            info = self._run("rbd", "info", "--format", "json", f"{pool}/{image}")
        except process.CommandFailed as error:
            if error.code == ENOENT:
                return None
            raise
        return json.loads(info)["size"]

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
