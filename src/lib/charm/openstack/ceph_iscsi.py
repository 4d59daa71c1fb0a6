"""The charm class: what a gateway unit consists of, and how the model's data become its files."""

import functools
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import charms.reactive as reactive
import charms_openstack.plugins
from ceph_iscsi import (
    ceph_requests,
    chap_key,
    daemon_files,
    departures,
    drain,
    hosts,
    live_settings,
    networks,
    options,
    rotation,
    services,
    tls,
    turns,
)
from ceph_iscsi.api import GATEWAY_CFG, Api
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.errors import GatewayError
from charmhelpers.core import hookenv

PAUSED = "charm.paused"
DOWN = "gateway.down"
RETIRED = "charm.retired"
CONTAINER_NOTE = Path("/run/systemd/container")
API_USER = "admin"
API_PORT = 5000
UNIT_COUNTS = range(2, 5)

Status = tuple[str | None, str | None]
FINE: Status = (None, None)


class CephISCSIGatewayCharm(charms_openstack.plugins.CephCharm):
    """An iSCSI gateway in front of a Ceph cluster, one of two to four."""

    name = "ceph-iscsi"
    release = "yoga"
    packages = ("ceph-iscsi", "tcmu-runner", "ceph-common")
    services = services.MANAGED
    required_relations = ("ceph-client",)
    status_checks = (
        "custom_assess_status_check",
        "check_series_upgrade",
        "check_if_paused",
        "check_interfaces",
        "check_services_running",
        "check_names",
        "check_turn",
        "custom_assess_status_last_check",
    )

    # Installing

    def install(self) -> bool:
        """Install the packages, with the daemons kept down until they have a configuration.

        :returns: whether it was done; in a container, where there is no LIO, it is not
        """
        if self.is_in_container:
            hookenv.log("a container has no LIO: nothing is installed", hookenv.WARNING)
            return False
        from ceph_iscsi import packages

        first = not reactive.is_flag_set("charm.installed")
        if first:
            services.keep_down()
        super().install()
        if first:
            packages.note(self.config)
        return True

    @property
    def is_archive_unusable(self) -> bool:
        """Whether apt could not use the archive that the options name now."""
        from ceph_iscsi import packages

        return packages.unusable(self.config)

    @property
    def is_in_container(self) -> bool:
        """Whether this is a container: systemd notes it there for all to read."""
        return CONTAINER_NOTE.exists()

    # Ceph

    @property
    def ceph_cluster(self) -> Cluster:
        """The Ceph cluster, as this unit's key sees it."""
        pool = self.config["gateway-metadata-pool"]
        return Cluster(self.application_name, lock_pool=pool)

    def request_pools(self, ceph: Any) -> None:
        """Ask the cluster for pools and capabilities as the options say; nothing if they can't be.

        :param ceph: endpoint of ceph-client
        """
        if not self.invalid_option:
            ceph_requests.ask(ceph, self.config, self.application_name)

    @functools.cached_property
    def invalid_option(self) -> str | None:
        """What is wrong with the first option that has a value that is not allowed."""
        try:
            options.check(self.config)
        except options.InvalidOption as error:
            return str(error)
        return None

    def target_pools(
        self, rbd_pool: str | None, ec_metadata_pool: str | None
    ) -> tuple[str, str | None]:
        """Pools of a new target; see ``ceph_iscsi.options.target_pools``."""
        return options.target_pools(self.config, self.application_name, rbd_pool, ec_metadata_pool)

    # Peers

    def share_secrets(self, cluster: Any) -> None:
        """On the leader, make what the gateways share, once for the application.

        That is the password of their API and the key that CHAP passwords are kept under.

        :param cluster: endpoint of the peers
        """
        if (cluster.admin_password and cluster.chap_key) or not hookenv.is_leader():
            return
        if not cluster.chap_key:
            cluster.set_chap_key(chap_key.generate())
        if not cluster.admin_password:
            cluster.set_admin_password(rotation.password())

    def meet_peers(self, cluster: Any) -> None:
        """Tell the peers how this unit is called and reached; have their names resolve here.

        :param cluster: endpoint of the peers
        """
        if self.is_leaving:
            return
        own = hosts.Peer(socket.getfqdn(), self.address_in("cluster"))
        cluster.introduce(own.name, own.address, self.address_in("public"))
        try:
            hosts.keep(_peers(cluster), own, manage=self.config["manage-hosts-file"])
        except GatewayError as error:
            hookenv.log(f"names of the gateways: {error}", hookenv.ERROR)

    def address_in(self, binding: str) -> str:
        """This unit's address in the space of a binding, IPv4 or IPv6 as the option says."""
        network = networks.of(binding)
        return networks.address(network, prefer_ipv6=self.config["prefer-ipv6"]) or ""

    # Certificates

    def request_certificate(self, certificates: Any) -> None:
        """Ask for a certificate that all gateways share, good for all that this one is called.

        :param certificates: endpoint of the authority
        """
        fqdn = socket.getfqdn()
        bindings = [networks.of(binding) for binding in ("public", "cluster")]
        names = tls.names((fqdn, socket.gethostname()), bindings)
        certificates.request_application_cert(fqdn, names)

    def certificate_change(self, certificates: Any) -> Callable[[], None] | None:
        """What brings the API's certificate on disk in line with the relation's, and a restart.

        While the relation is there, but no certificate (yet, or for a while), the API goes on as
        it is: without TLS, or with the certificate that it has.

        :param certificates: endpoint of the authority
        :returns: None if it is in line
        """
        source = Path(hookenv.charm_dir(), "files", "tls")
        try:
            if not _related(certificates):
                if tls.installed():
                    return tls.remove
                tls.remove()
                return None
            certificate = next(iter(certificates.application_certs), None)
            ca = certificates.root_ca_cert
            if certificate and ca:
                chain = certificates.root_ca_chain or ""
                bundle = tls.Bundle(certificate.cert, certificate.key, ca, chain)
                if tls.differs(bundle, source):
                    tls.check(bundle)
                    return functools.partial(tls.install, bundle, source)
                tls.install(bundle, source)
        except GatewayError as error:
            hookenv.log(f"TLS of the API: {error}", hookenv.ERROR)
        return None

    # The gateway

    def configure(
        self,
        ceph: Any,
        cluster: Any,
        admin_access: Any | None,
        certificates: Any,
        force: bool = False,
    ) -> bool:
        """Write the files, run the daemons on them, tell the peers whether this gateway serves.

        What needs a restart is done at this unit's turn, all of it: until then the daemons, and
        whoever reads the files to talk to them, go on with what they have.

        :param ceph: endpoint of ceph-client, with key and pools
        :param cluster: endpoint of the peers, with the password
        :param admin_access: endpoint of the API's clients, None if there are none
        :param certificates: endpoint of the authority, related or not
        :param force: restart now, whosever turn it is and whoever else is down
        :returns: whether it was done; not with an invalid option, nor on a unit that is leaving,
            nor for the first time while the number of units is not one to serve with
        """
        if self.invalid_option or self.is_leaving:
            return False
        if cluster.unit_count not in UNIT_COUNTS and not reactive.is_flag_set("config.rendered"):
            return False
        services.install_drain(Path(hookenv.charm_dir(), "files", "drain"))
        live_settings.install(Path(hookenv.charm_dir(), "files", "live"))
        self.use_live_settings(ceph, cluster, admin_access)
        departures.take_out(cluster, self.ceph_cluster)
        change = self.certificate_change(certificates)
        reasons = self.restart_reasons(self.context(ceph, cluster, admin_access), change, cluster)
        if not reasons or self.may_restart(cluster, reasons, force):
            if change:
                _despite_failure(change)
            self.apply(self.context(ceph, cluster, admin_access), cluster, bool(reasons))
            turns.give_back(cluster)
        self.announce(cluster)
        if admin_access:
            self.publish_access(admin_access, cluster)
        return True

    def restart_reasons(
        self, context: dict[str, Any], change: Callable[[], None] | None, cluster: Any
    ) -> list[str]:
        """Why the daemons have to restart; nothing if they run on what they should."""
        found = {
            "a restart was asked for or cut short": services.restart_needed(),
            "the API's certificate changes": change is not None,
            "packages are to be upgraded": self.has_upgrades(),
            "a gateway has left": departures.call_for_restart(cluster),
        }
        changed = [f"{path} changes" for path in daemon_files.changed(context)]
        return [reason for reason, holds in found.items() if holds] + changed

    def may_restart(self, cluster: Any, reasons: list[str], force: bool) -> bool:
        """Whether the daemons may restart now: at this unit's turn, if initiators depend on it.

        :param cluster: endpoint of the peers
        """
        if force or reactive.is_flag_set(PAUSED) or not services.serving():
            return True
        hookenv.log(f"to be restarted, for {', '.join(reasons)}")
        if not turns.ask(cluster):
            return False
        silent = set(drain.silent_portals()) - departures.portals(cluster)
        if silent:
            hookenv.log(f"not restarted while others don't serve: {', '.join(sorted(silent))}")
            return False
        return True

    def apply(self, context: dict[str, Any], cluster: Any, restart: bool) -> None:
        """Write the files and have the daemons run on them; a paused unit gets its files.

        :param restart: whether the daemons have to restart
        """
        if restart and services.await_initiators():
            hookenv.status_set("maintenance", "Restarting: draining")
        try:
            if restart:
                services.mark_restart()
                self.upgrade_packages()
            daemon_files.write(context)
            if cluster.chap_key:
                chap_key.install(cluster.chap_key)
            if reactive.is_flag_set(PAUSED):
                return
            services.run_all(check_ready=self.check_ready)
            if not services.initiators_returned():
                hookenv.log("not all initiators have come back after the restart")
        except GatewayError as error:
            hookenv.log(f"the gateway is not ready: {error}", hookenv.ERROR)

    def has_upgrades(self) -> bool:
        """Whether packages are to be upgraded from the archive that the options name now."""
        from ceph_iscsi import packages

        try:
            return packages.pending(self.config, self.packages, self.configure_source)
        except GatewayError as error:
            hookenv.log(f"upgrade of packages: {error}", hookenv.ERROR)
            return False

    def upgrade_packages(self) -> None:
        """Upgrade the packages if the options name another archive, with the daemons stopped.

        If that fails, the daemons go on with what is there, and the next hook tries again.
        """
        from ceph_iscsi import packages

        if not self.has_upgrades():
            return
        services.stop_all()
        try:
            packages.upgrade(self.packages)
            packages.note(self.config)
        except GatewayError as error:
            hookenv.log(f"upgrade of packages: {error}", hookenv.ERROR)

    def reconfigure(self, force: bool = False) -> None:
        """Do what configure does, for an action.

        :param force: as for configure
        """
        ceph = reactive.endpoint_from_flag("ceph-client.pools.available")
        cluster = reactive.endpoint_from_flag("cluster.available")
        if ceph and cluster and reactive.is_flag_set("config.rendered"):
            access = reactive.endpoint_from_flag("admin-access.connected")
            certificates = reactive.endpoint_from_name("certificates")
            self.configure(ceph, cluster, access, certificates, force)

    def context(self, ceph: Any, cluster: Any, admin_access: Any | None) -> dict[str, Any]:
        """What the templates are rendered with, once the certificate is written or removed.

        Parameters as for configure.

        Nothing of this unit alone is in it: the daemons compare the gateways' files.
        """
        monitors = ceph.mon_hosts()
        return {
            "client": self.application_name,
            "key": ceph.key,
            "auth": ceph.auth,
            "monitors": options.monitors(self.config, monitors) or sorted(monitors),
            "loglevel": self.config["loglevel"],
            "logger_level": options.logger_level(self.config),
            "use_syslog": self.config["use-syslog"],
            "metadata_pool": self.config["gateway-metadata-pool"],
            "api_secure": tls.enabled(),
            "api_user": API_USER,
            "api_password": cluster.admin_password,
            "other_api_password": rotation.other_password(cluster),
            "api_port": API_PORT,
            "trusted_ips": self.trusted_addresses(cluster, admin_access),
        }

    def related_addresses(self, cluster: Any, admin_access: Any | None) -> set[str]:
        """Addresses that the API trusts because of relations: gateways and clients of the API."""
        clients = admin_access.client_addresses if admin_access else ()
        return {*cluster.peer_addresses, *clients}

    def trusted_addresses(self, cluster: Any, admin_access: Any | None) -> list[str]:
        """All addresses that the API trusts, the gateways' and those of actions first."""
        first = {*cluster.allowed_ips, *cluster.peer_addresses}
        others = self.related_addresses(cluster, admin_access) - first
        return [*sorted(first), *sorted(others)]

    def use_live_settings(self, ceph: Any, cluster: Any, admin_access: Any | None) -> None:
        """Have the running API go by its present passwords and trusted addresses, at once.

        Parameters as for configure.
        """
        while True:
            self.write_live_settings(self.context(ceph, cluster, admin_access))
            rotation.acknowledge(cluster)
            if not GATEWAY_CFG.exists() or not rotation.advance(cluster):
                break

    def write_live_settings(self, context: dict[str, Any]) -> None:
        """Write what the API takes from its file while it runs; if it doesn't, have it restart."""
        changed = live_settings.write(daemon_files.gateway_cfg(context), GATEWAY_CFG)
        if not changed or reactive.is_flag_set(PAUSED) or services.restart_needed():
            return
        try:
            live_settings.check(context["other_api_password"])
        except GatewayError as error:
            hookenv.log(f"settings don't come into effect without a restart: {error}")
            services.mark_restart()

    def check_ready(self) -> None:
        """Raise a GatewayError unless this gateway serves under the name that peers know."""
        api = Api.of()
        name = api.hostname()
        if name != socket.getfqdn():
            raise GatewayError(f"the API calls this host {name}, not {socket.getfqdn()}")
        api.ping()

    def announce(self, cluster: Any) -> None:
        """Tell the peers that this unit serves as a gateway, or that it doesn't.

        :param cluster: endpoint of the peers
        """
        try:
            if reactive.is_flag_set(PAUSED):
                raise GatewayError("the unit is paused")
            self.check_ready()
        except GatewayError as error:
            hookenv.log(f"not announced as a gateway: {error}")
            reactive.set_flag(DOWN)
            cluster.withdraw_ready()
        else:
            reactive.clear_flag(DOWN)
            cluster.announce_ready(socket.getfqdn())

    def watch(self, cluster: Any) -> None:
        """Tell the peers when this gateway has gone down, or serves again, with no hook's doing.

        What an action stopped that was killed before its end is started again.

        :param cluster: endpoint of the peers
        """
        down = bool(services.stopped(*services.MANAGED))
        if down and services.restart_needed() and not reactive.is_flag_set(PAUSED):
            self.reconfigure()
        elif down and not reactive.is_flag_set(DOWN):
            reactive.set_flag(DOWN)
            cluster.withdraw_ready()
        elif reactive.is_flag_set(DOWN) and not down:
            self.announce(cluster)

    def publish_access(self, admin_access: Any, cluster: Any) -> None:
        """Tell the API's clients where it is and how to log in.

        :param admin_access: endpoint of the clients
        :param cluster: endpoint of the peers, with the password
        """
        scheme = "https" if tls.enabled() else "http"
        admin_access.publish_gateway(
            socket.getfqdn(), API_USER, cluster.admin_password, scheme, API_PORT
        )

    # Pausing and leaving

    def pause(self, force: bool = True) -> None:
        """Move initiators to the other gateways and stop serving, over reboots, until resumed.

        :param force: also if initiators have no other path; an upgrade of the series does not ask
        :raises GatewayError: they have none, and nothing has changed; or a service does not stop,
            and the unit counts as paused all the same
        """
        if not force and (last := drain.last_paths()):
            what = "; ".join(f"{iqn}: {', '.join(names)}" for iqn, names in sorted(last.items()))
            raise GatewayError(
                f"initiators have no path over another gateway ({what}): bring one up first, or "
                "pause with force=true"
            )
        reactive.set_flag(PAUSED)
        if cluster := reactive.endpoint_from_flag("cluster.connected"):
            cluster.withdraw_ready()
            turns.give_back(cluster)
        # The flag is kept when the action ends: without it, daemons that are down start again.
        services.mark_restart()
        services.stop_all()

    def resume(self) -> None:
        """Serve again.

        :raises GatewayError: a service does not start, or the API does not answer
        """
        reactive.clear_flag(PAUSED)
        if not reactive.is_flag_set("config.rendered"):
            return
        services.run_all(check_ready=self.check_ready)
        if cluster := reactive.endpoint_from_flag("cluster.connected"):
            self.announce(cluster)

    def restart(self, force: bool) -> bool:
        """Restart the daemons at this unit's turn, or now.

        :param force: now, whosever turn it is and whoever else is down
        :returns: whether it was done, else this unit waits for its turn
        :raises GatewayError: paused, not configured yet, or not serving after the restart
        """
        if reactive.is_flag_set(PAUSED):
            raise GatewayError("the unit is paused; resume starts its services")
        if not reactive.is_flag_set("config.rendered"):
            raise GatewayError("the gateway is not configured yet; see the unit's status")
        services.mark_restart()
        self.reconfigure(force)
        if services.restart_needed():
            return False
        self.check_ready()
        return True

    @property
    def is_leaving(self) -> bool:
        """Whether this unit is being removed; its view of the peers shrinks then."""
        unit_gone = os.environ.get("JUJU_DEPARTING_UNIT") == hookenv.local_unit()
        return unit_gone or hookenv.hook_name() in ("stop", "remove")

    def retire(self) -> None:
        """On a unit that is being removed: stop serving, and take it out of all targets, once.

        What fails is tried again in the next hook, and then left to the leader.
        """
        if reactive.is_flag_set(RETIRED):
            return
        try:
            services.stop_all()
            departures.take_self_out(self.ceph_cluster)
            hosts.remove()
            reactive.set_flag(RETIRED)
        except GatewayError as error:
            hookenv.log(f"on leaving: {error}", hookenv.ERROR)

    # Status

    def custom_assess_status_check(self) -> Status:
        """What no operator can have meant comes first."""
        if self.invalid_option:
            return "blocked", f"Invalid configuration: {self.invalid_option}"
        if self.is_archive_unusable:
            return "blocked", "Invalid configuration: source, key: apt cannot use this archive"
        if self.is_in_container:
            return "blocked", "Charm cannot be deployed into a container"
        cluster = reactive.endpoint_from_name("cluster")
        count = cluster.unit_count if cluster else 1
        if count not in UNIT_COUNTS:
            return "blocked", f"{count} is an invalid unit count"
        return FINE

    def check_if_paused(self) -> Status:
        """Check whether the unit is paused, and that nothing serves there then."""
        if reactive.is_flag_set(PAUSED) and (running := services.running()):
            names = ", ".join(running)
            return "blocked", f"Services should be paused but these services running: {names}"
        return super().check_if_paused()

    def check_interfaces(self) -> Status:
        """Check that Ceph is related, has answered, and has done what was asked for."""
        status = super().check_interfaces()
        if status != FINE or reactive.is_flag_set("ceph-client.pools.available"):
            return status
        ceph = reactive.endpoint_from_name("ceph-client")
        if ceph.broker_error:
            return "blocked", f"Ceph refused the request: {ceph.broker_error}"
        if not reactive.is_flag_set("config.rendered"):
            return "waiting", "Incomplete relations: ceph-client"
        return FINE

    def check_services_running(self) -> Status:
        """Check the daemons, once they have something to run on."""
        if reactive.is_flag_set("config.rendered"):
            down = services.stopped(services.TCMU_RUNNER, *services.MANAGED)
            if down:
                return "blocked", f"Services not running that should be: {', '.join(down)}"
        return FINE

    def check_names(self) -> Status:
        """Check that the peers' names lead to them: the gateways know one another by name."""
        cluster = reactive.endpoint_from_name("cluster")
        try:
            problems = hosts.problems(_peers(cluster), socket.getfqdn()) if cluster else []
        except GatewayError as error:
            problems = [str(error)]
        if problems:
            return "blocked", f"Gateways' names do not lead to them: {'; '.join(problems)}"
        return FINE

    def check_turn(self) -> Status:
        """Check whether the daemons wait for their turn to restart, with what has changed."""
        if reactive.is_flag_set("cluster.restart.requested"):
            return "waiting", "Waiting for its turn to restart"
        return FINE

    def custom_assess_status_last_check(self) -> Status:
        """Check that there is a configuration, once nothing is in its way."""
        if not reactive.is_flag_set("config.rendered"):
            return "waiting", "Charm configuration in progress"
        return FINE


def _peers(cluster: Any) -> dict[str, hosts.Peer]:
    """The other gateways that have told their names, by unit."""
    return {unit: hosts.Peer(*told) for unit, told in cluster.host_names.items()}


def _despite_failure(change: Callable[[], None]) -> None:
    """Change the API's certificate; what is left to do after a failure, the next hook does."""
    try:
        change()
    except GatewayError as error:
        hookenv.log(f"TLS of the API: {error}", hookenv.ERROR)


def _related(endpoint: Any) -> bool:
    """Whether an endpoint has a relation; one that ends with this hook is none any more."""
    ending = hookenv.hook_name() == f"{endpoint.endpoint_name}-relation-broken"
    gone = hookenv.relation_id() if ending else None
    return any(name != gone for name in hookenv.relation_ids(endpoint.endpoint_name))
