"""Default handlers; a charm switches them on with ``charms_openstack.charm.use_defaults``."""

import charms.reactive as reactive
import charms_openstack.bus
import charms_openstack.charm as charm
from charmhelpers.core import hookenv

charms_openstack.bus.discover()


@hookenv.atstart
def mark_update_status():
    """Set is-update-status-hook for the time of that hook, so that handlers can stay out of it."""
    if hookenv.hook_name() == "update-status":
        reactive.set_flag("is-update-status-hook")
        hookenv.atexit(reactive.clear_flag, "is-update-status-hook")


@hookenv.atstart
def assess_status():
    """Have the status told at the end of every hook."""
    if reactive.is_flag_set("charms.openstack.do-default-update-status"):
        with charm.provide_charm_instance() as instance:
            instance.assess_status()


@reactive.when("charms.openstack.do-default-charm.installed")
@reactive.when_not("charm.installed", "is-update-status-hook")
def default_install():
    with charm.provide_charm_instance() as instance:
        instance.install()
    reactive.set_flag("charm.installed")


@reactive.when("charms.openstack.do-default-config.changed", "config.changed", "charm.installed")
@reactive.when_not("is-update-status-hook")
def default_config_changed():
    with charm.provide_charm_instance() as instance:
        instance.config_changed()


@reactive.hook("upgrade-charm")
def default_upgrade_charm():
    if reactive.is_flag_set("charms.openstack.do-default-upgrade-charm"):
        with charm.provide_charm_instance() as instance:
            instance.upgrade_charm()


@reactive.hook("pre-series-upgrade")
def default_pre_series_upgrade():
    with charm.provide_charm_instance() as instance:
        instance.series_upgrade_prepare()


@reactive.hook("post-series-upgrade")
def default_post_series_upgrade():
    with charm.provide_charm_instance() as instance:
        instance.series_upgrade_complete()
