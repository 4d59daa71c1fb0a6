"""Parts that charms of one kind share."""

from charms_openstack.plugins.adapters import CephRelationAdapter
from charms_openstack.plugins.classes import BaseOpenStackCephCharm, CephCharm

__all__ = ("BaseOpenStackCephCharm", "CephCharm", "CephRelationAdapter")
