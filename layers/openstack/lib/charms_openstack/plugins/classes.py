"""Charms that use a Ceph cluster."""

from __future__ import annotations

import socket
from pathlib import Path

from charmhelpers.core import hookenv

from charms_openstack.charm import OpenStackCharm
from charms_openstack.charm.utils import write_file


class BaseOpenStackCephCharm:
    """Names and the keyring of a Ceph client."""

    # Name of the cluster in file names.
    ceph_cluster_name = "ceph"
    # Whether each unit has a key of its own, named after the host too.
    ceph_key_per_unit_name = False
    # Name of the client, instead of the application's.
    ceph_service_name_override = ""
    ceph_service_type = "client"
    # Directory of the keyring.
    ceph_keyring_path_prefix = "/etc/ceph"

    @property
    def application_name(self) -> str:
        """Name of the application in the model."""
        return hookenv.application_name()

    @property
    def ceph_service_name(self) -> str:
        """Name of the client, without its type: ``ceph-iscsi``."""
        return self.ceph_service_name_override or self.application_name

    @property
    def ceph_key_name(self) -> str:
        """Name of the key: ``client.ceph-iscsi``."""
        name = f"{self.ceph_service_type}.{self.ceph_service_name}"
        return f"{name}.{socket.gethostname()}" if self.ceph_key_per_unit_name else name

    @property
    def ceph_keyring_path(self) -> str:
        """Directory of the keyring."""
        return self.ceph_keyring_path_prefix

    def ceph_keyring_absolute_path(self, cluster_name: str | None = None) -> str:
        """Return the path of the keyring, of another cluster if one is named."""
        name = f"{cluster_name or self.ceph_cluster_name}.{self.ceph_key_name}.keyring"
        return str(Path(self.ceph_keyring_path, name))

    def configure_ceph_keyring(self, key: str, cluster_name: str | None = None) -> str:
        """Write the keyring, readable by its owner alone.

        :param key: the cephx key (a secret)
        :returns: the path
        """
        path = Path(self.ceph_keyring_absolute_path(cluster_name))
        path.parent.mkdir(parents=True, exist_ok=True)
        content = f"[{self.ceph_key_name}]\n\tkey = {key}\n"
        write_file(path, content, owner=self.user, group=self.group)
        return str(path)

    def delete_ceph_keyring(self, cluster_name: str | None = None) -> str:
        """Remove the keyring; return its path, or the empty string if there was none."""
        path = Path(self.ceph_keyring_absolute_path(cluster_name))
        if not path.exists():
            return ""
        path.unlink()
        return str(path)


class CephCharm(OpenStackCharm, BaseOpenStackCephCharm):
    """A charm that runs something on a Ceph cluster, with packages from Ceph's archive."""

    abstract_class = True

    version_package = "ceph-common"

    def install(self) -> None:
        """Make apt use the configured archive and install what is missing of the packages."""
        self.configure_source()
        super().install()
