"""Adapters of Ceph's relations."""

from __future__ import annotations

from charms_openstack.adapters import OpenStackRelationAdapter


class CephRelationAdapter(OpenStackRelationAdapter):
    """A relation to Ceph monitors, as ceph.conf needs it."""

    interface_type = "ceph-mon"

    @property
    def monitors(self) -> str:
        """The monitors' addresses, sorted, separated by commas."""
        return ",".join(sorted(self.relation.mon_hosts()))
