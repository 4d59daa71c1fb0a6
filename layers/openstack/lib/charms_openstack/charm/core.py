"""The charm class: one instance a hook, found by whoever needs it."""

from __future__ import annotations

import contextlib
import functools
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import charms.reactive as reactive
from charmhelpers.core import hookenv

from charms_openstack import adapters, os_release_data
from charms_openstack.charm import sources, utils

PAUSED = "charm.paused"
PAUSED_FOR_UPGRADE = "charm.paused-for-series-upgrade"
SERIES_UPGRADE = "upgrade.series.in-progress"  # managed by charms.reactive

_classes: dict[str, type] = {}
_singleton: Any = None


def optional_interfaces(args: Sequence[Any], *interfaces: str) -> tuple[Any, ...]:
    """Return the endpoints given, and of those with a set flag among the others.

    :param args: endpoints
    :param interfaces: flags, such as ``certificates.available``
    """
    found = (reactive.endpoint_from_flag(flag) for flag in interfaces)
    return (*args, *(endpoint for endpoint in found if endpoint is not None))


class provide_charm_instance:
    """The charm's instance, for a ``with`` block or as the first argument of a function.

    >>> with provide_charm_instance() as charm:
    ...     charm.install()
    >>> @provide_charm_instance
    ... def install(charm): ...
    """

    def __init__(self, function: Callable | None = None) -> None:
        self.function = function
        if function:
            functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(BaseOpenStackCharm.singleton, *args, **kwargs)

    def __enter__(self) -> Any:
        return BaseOpenStackCharm.singleton

    def __exit__(self, *_: object) -> bool:
        return False


def get_charm_instance(release: str | None = None, *args: Any, **kwargs: Any) -> Any:
    """Return a new instance of the charm class for a release.

    :param release: the newest class that is not newer than it is taken; None: the newest
    :raises RuntimeError: there is no such class, or the release is not known
    """
    known = os_release_data.OPENSTACK_RELEASES
    candidates = sorted(_classes, key=known.index)
    if release is not None:
        if release not in known:
            raise RuntimeError(f"{release} is not the name of a release")
        candidates = [name for name in candidates if known.index(name) <= known.index(release)]
    if not candidates:
        raise RuntimeError(f"no charm class for {release or 'any release'}")
    return _classes[candidates[-1]](*args, release=release, **kwargs)


class BaseOpenStackCharmMeta(type):
    """Registers charm classes, unless abstract, by the first ``release`` they work with."""

    def __init__(cls, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> None:
        super().__init__(name, bases, members)
        if members.get("abstract_class"):
            return
        if "release" not in members:
            raise RuntimeError(f"class {name} does not say the first release it works with")
        _classes[members["release"]] = cls

    @property
    def singleton(cls) -> Any:
        """The only instance in this hook, made when it is first asked for."""
        global _singleton
        if _singleton is None:
            _singleton = get_charm_instance()
        return _singleton


class BaseOpenStackCharm(metaclass=BaseOpenStackCharmMeta):
    """What a charm is: attributes that subclasses set, and access to config and relations."""

    abstract_class = True

    # Makes what templates see from endpoints.
    adapters_class: type = adapters.OpenStackRelationAdapters
    # Makes the options of it.
    configuration_class: type = adapters.ConfigurationAdapter
    # Owner of rendered files.
    user = "root"
    group = "root"

    def __init__(
        self,
        interfaces: Iterable[Any] | None = None,
        config: dict[str, Any] | None = None,
        release: str | None = None,
    ) -> None:
        self.config = config or hookenv.config()
        self.release = release or type(self).release
        self._interfaces = list(interfaces or [])

    @functools.cached_property
    def options(self) -> Any:
        """The charm's options as attributes, computed ones included."""
        return self.configuration_class(charm_instance=self)

    @functools.cached_property
    def adapters_instance(self) -> Any:
        """What templates see of the interfaces that the instance was made with."""
        return self.adapters_class(self._interfaces, charm_instance=self)

    def get_adapter(self, state: str) -> Any:
        """Return the adapter of the endpoint that a flag belongs to, None if it is not set."""
        endpoint = reactive.endpoint_from_flag(state)
        return self.adapters_instance.make_adapter(endpoint)[1] if endpoint else None


class BaseOpenStackCharmActions:
    """What a charm does to its machine."""

    # Installing

    @property
    def all_packages(self) -> Sequence[str]:
        """Packages to install."""
        return self.packages

    def install(self) -> None:
        """Install what is missing of the packages.

        :raises subprocess.CalledProcessError: apt failed, after its retries
        """
        from charmhelpers import fetch

        missing = fetch.filter_installed_packages(self.all_packages)
        if missing:
            hookenv.status_set("maintenance", "Installing packages")
            fetch.apt_install(missing, fatal=True)

    def configure_source(self, config_key: str | None = None) -> None:
        """Make apt use the archive of an option, and read the package lists.

        :param config_key: name of the option, ``source_config_key`` if None
        :raises charmhelpers.fetch.SourceConfigError: the option can't be understood
        :raises subprocess.CalledProcessError: apt failed, after its retries
        """
        from charmhelpers import fetch

        source = self.config.get(config_key or self.source_config_key)
        sources.configure(source, self.config.get("key"))
        fetch.apt_update(fatal=True)

    def upgrade_charm(self) -> None:
        """Bring the machine up to a refreshed charm: packages that it newly needs."""
        self.install()

    def config_changed(self) -> None:
        """For subclasses that use the default handler of config.changed."""

    # Services

    @property
    def full_restart_map(self) -> dict[str, Sequence[str]]:
        """Files that are rendered, and which services each of them restarts."""
        return self.restart_map

    def service_start(self, service_name: str) -> None:
        """Start a service, past its start limit."""
        utils.start(service_name)

    def service_stop(self, service_name: str) -> None:
        """Stop a service."""
        utils.systemctl("stop", service_name)

    def service_restart(self, service_name: str) -> None:
        """Restart a service, past its start limit."""
        utils.restart(service_name)

    def enable_services(self) -> None:
        """Enable and start the services; they stay as they are while the unit is paused."""
        if self.is_paused:
            return
        utils.systemctl("enable", "--quiet", *self.services)
        for service in utils.not_running(self.services):
            self.service_start(service)

    def disable_services(self) -> None:
        """Stop and disable the services."""
        utils.systemctl("disable", "--quiet", "--now", *self.services)

    def restart_services(self, services: Sequence[str]) -> None:
        """Restart services whose files changed; subclasses may do that in a better moment.

        What does not get restarted now is found again by ``stale_services`` in a later hook.
        """
        for service in services:
            self.service_restart(service)

    def restart_all(self) -> None:
        """Restart all services, unless the unit is paused."""
        if not self.is_paused:
            self.restart_services(self.services)

    def stale_services(self) -> list[str]:
        """Return services that run with an older file than the one on disk, in the map's order.

        Nothing is remembered for it: a hook that was killed between writing a file and
        restarting its services leaves no service behind with the old file.
        """
        changed: dict[str, float] = {}
        for path, services in self.full_restart_map.items():
            with contextlib.suppress(FileNotFoundError):
                modified = Path(path).stat().st_mtime
                for service in services:
                    changed[service] = max(modified, changed.get(service, 0))
        return [
            service
            for service, modified in changed.items()
            if (since := utils.running_since(service)) is not None and since < modified
        ]

    @contextlib.contextmanager
    def restart_on_change(self) -> Iterator[None]:
        """Restart, after the block, the services that run with older files than are on disk.

        A paused unit's services are left alone: they start with the new files when it resumes.
        """
        yield
        if not self.is_paused:
            stale = self.stale_services()
            if stale:
                self.restart_services(stale)

    # Files

    def render_configs(self, configs: Iterable[str], adapters_instance: Any = None) -> None:
        """Write files from templates and restart what depends on them.

        A file's template is the one of its base name in ``templates/``, or of its whole path
        with ``_`` for ``/``. Its mode is the one in ``permission_override_map``, else 0640.

        :param configs: absolute paths
        :param adapters_instance: what templates see; None: all endpoints that have a flag set
        :raises jinja2.TemplateError: a template is missing or wrong
        """
        import jinja2

        if adapters_instance is None:
            adapters_instance = self.adapters_class(_live_endpoints(), charm_instance=self)
        context = dict(adapters_instance)
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(hookenv.charm_dir(), "templates")),
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701 - configuration files, not HTML
        )
        with self.restart_on_change():
            for path in configs:
                names = [Path(path).name, path.strip("/").replace("/", "_")]
                utils.write_file(
                    path,
                    environment.select_template(names).render(context),
                    perms=self.permission_override_map.get(path, 0o640),
                    owner=self.user,
                    group=self.group,
                )

    def render_all_configs(self, adapters_instance: Any = None) -> None:
        """Write all files of the restart map."""
        self.render_configs(self.full_restart_map, adapters_instance)

    def render_with_interfaces(
        self, interfaces: Iterable[Any], configs: Iterable[str] | None = None
    ) -> None:
        """Write files, by default all of the restart map, from what these endpoints tell."""
        adapters_instance = self.adapters_class(interfaces, charm_instance=self)
        self.render_configs(configs or self.full_restart_map, adapters_instance)

    # Pausing

    @property
    def is_paused(self) -> bool:
        """Whether an operator paused the unit."""
        return reactive.is_flag_set(PAUSED)

    def pause(self) -> None:
        """Stop the services and keep them stopped, over reboots and restarts by others too.

        :raises RuntimeError: a service will not stop; the unit counts as paused all the same
        """
        reactive.set_flag(PAUSED)
        self._each_service("stop", ["disable", "--quiet", "--now"], ["mask", "--quiet"])

    def resume(self) -> None:
        """Undo pause.

        :raises RuntimeError: a service will not start
        """
        reactive.clear_flag(PAUSED)
        self._each_service("start", ["unmask", "--quiet"], ["enable", "--quiet"])
        failed = []
        for service in self.services:
            try:
                self.service_start(service)
            except subprocess.CalledProcessError:
                failed.append(service)
        if failed:
            raise RuntimeError(f"these services did not start: {', '.join(failed)}")

    def _each_service(self, verb: str, *commands: list[str]) -> None:
        failed = []
        for service in self.services:
            try:
                for command in commands:
                    utils.systemctl(*command, service)
            except subprocess.CalledProcessError:
                failed.append(service)
        if failed:
            raise RuntimeError(f"these services did not {verb}: {', '.join(failed)}")

    def series_upgrade_prepare(self) -> None:
        """Pause for the time of an upgrade of the operating system."""
        if not self.is_paused:
            reactive.set_flag(PAUSED_FOR_UPGRADE)
            self.pause()

    def series_upgrade_complete(self) -> None:
        """Serve again after an upgrade of the operating system, unless paused before it too."""
        if reactive.is_flag_set(PAUSED_FOR_UPGRADE):
            self.resume()
            reactive.clear_flag(PAUSED_FOR_UPGRADE)


def _live_endpoints() -> list[Any]:
    found = (reactive.endpoint_from_flag(flag) for flag in reactive.get_flags())
    return list({id(endpoint): endpoint for endpoint in found if endpoint}.values())


class BaseOpenStackCharmAssessStatus:
    """What a charm tells about itself; the first check with something to say decides."""

    # Names of methods that return (status, message), or (None, None) to let the next one decide.
    status_checks: tuple[str, ...] = (
        "check_series_upgrade",
        "check_if_paused",
        "custom_assess_status_check",
        "check_interfaces",
        "check_mandatory_config",
        "check_services_running",
        "custom_assess_status_last_check",
    )

    _assessing = False

    def assess_status(self) -> None:
        """Have the status computed and told at the end of this hook, once."""
        if not self._assessing:
            self._assessing = True
            hookenv.atexit(self._assess_status)

    def _assess_status(self) -> None:
        if hookenv.hook_name() != "update-status":
            version = self.application_version
            if version:
                hookenv.application_version_set(version)
        for name in self.status_checks:
            status, message = getattr(self, name)()
            if status:
                break
        else:
            status, message = "active", "Unit is ready"
        hookenv.status_set(status, message)

    def custom_assess_status_check(self) -> tuple[str | None, str | None]:
        """For subclasses: a check before those of relations and services."""
        return None, None

    def custom_assess_status_last_check(self) -> tuple[str | None, str | None]:
        """For subclasses: a check after all others."""
        return None, None

    def check_series_upgrade(self) -> tuple[str | None, str | None]:
        """Check for an upgrade of the operating system in progress."""
        if reactive.is_flag_set(SERIES_UPGRADE):
            message = "Ready for do-release-upgrade and reboot. Set complete when finished."
            return "blocked", message
        return None, None

    def check_if_paused(self) -> tuple[str | None, str | None]:
        """Check whether an operator paused the unit."""
        if self.is_paused:
            return "maintenance", "Paused. Use 'resume' action to resume normal service."
        return None, None

    def check_interfaces(self) -> tuple[str | None, str | None]:
        """Check that the required relations are there, and then that their data is."""
        for suffix, status, text in (
            ("connected", "blocked", "Missing"),
            ("available", "waiting", "Incomplete"),
        ):
            flags = {f"{name}.{suffix}": name for name in self.required_relations}
            lacking = [flags[flag] for flag in reactive.get_unset_flags(*flags)]
            if lacking:
                return status, f"{text} relations: {', '.join(sorted(lacking))}"
        return None, None

    def check_mandatory_config(self) -> tuple[str | None, str | None]:
        """Check that the options without which nothing works have values."""
        unset = [name for name in self.mandatory_config if self.config.get(name) is None]
        if unset:
            return "blocked", f"The following mandatory config is unset: {','.join(unset)}"
        return None, None

    def check_services_running(self) -> tuple[str | None, str | None]:
        """Check that the services run."""
        lacking = utils.not_running(self.services)
        if lacking:
            return "blocked", f"Services not running that should be: {', '.join(lacking)}"
        return None, None
