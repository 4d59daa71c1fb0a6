"""Charm classes to derive from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from charms_openstack.charm.core import (
    BaseOpenStackCharm,
    BaseOpenStackCharmActions,
    BaseOpenStackCharmAssessStatus,
)
from charms_openstack.charm.utils import get_upstream_version


class OpenStackCharm(
    BaseOpenStackCharm, BaseOpenStackCharmActions, BaseOpenStackCharmAssessStatus
):
    """A charm that installs packages, renders files and runs services."""

    abstract_class = True

    # First OpenStack release whose packages the class works with.
    release = "yoga"
    name = "charmname"
    packages: Sequence[str] = ()
    # Package whose version is told as the application's; None: the first of packages.
    version_package: str | None = None
    # Option that names the archive of the packages.
    source_config_key = "source"
    # Endpoints without which nothing works.
    required_relations: Sequence[str] = ()
    # Options without which nothing works.
    mandatory_config: Sequence[str] = ()
    services: Sequence[str] = ()
    # Rendered files, absolute paths, and the services that each of them restarts.
    restart_map: ClassVar[dict[str, Sequence[str]]] = {}
    # Modes of rendered files that are not 0640.
    permission_override_map: ClassVar[dict[str, int]] = {}

    @property
    def application_version(self) -> str | None:
        """Upstream version of what the charm runs, None before it is installed."""
        package = self.version_package or next(iter(self.packages), None)
        return get_upstream_version(package) if package else None
