"""What charms import: the classes to derive from and the ways to the instance."""

from charms_openstack.charm.classes import OpenStackCharm
from charms_openstack.charm.core import (
    get_charm_instance,
    optional_interfaces,
    provide_charm_instance,
)
from charms_openstack.charm.defaults import use_defaults

__all__ = (
    "OpenStackCharm",
    "get_charm_instance",
    "optional_interfaces",
    "provide_charm_instance",
    "use_defaults",
)
