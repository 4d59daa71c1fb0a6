"""What zaza looks for below `juju.client`."""

from juju.client import jujudata

__all__ = ["jujudata"]
