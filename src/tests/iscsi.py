"""What users of the gateway rely on, each class on a model that is deployed and ready."""

import asyncio
import json
import tempfile

import zaza
import zaza.model
from zaza.utilities import generic

from tests.gateway import (
    CEPH,
    INITIATOR,
    PATIENCE,
    READY,
    Disk,
    DiskTest,
    GatewayTest,
    action,
    address,
    first_unit,
    run,
    settle,
    wait,
)

CONFIGURATION = "/etc/ceph/iscsi-gateway.cfg"
SERVICES = ["rbd-target-api", "rbd-target-gw"]
PAUSED = "Paused. Use 'resume' action to resume normal service."
UPGRADING = "Ready for do-release-upgrade and reboot. Set complete when finished."


class CreateTargetTest(DiskTest):
    """A target in the default pool: create, log in over all paths, write and read."""

    disk = Disk("iqn.2024-11.com.example:zaza-create", "zaza-create")

    def test_the_disk_is_in_the_pools_of_the_options(self):
        """The image is in the default pool; its data in the erasure-coded one if that is asked."""
        options = zaza.model.get_application_config(self.application)
        data = options["rbd-pool-name"]["value"] or self.application
        pool = data
        if options["pool-type"]["value"] == "erasure-coded":
            pool = options["ec-rbd-metadata-pool"]["value"] or f"{self.application}-metadata"
        shown = run(first_unit(CEPH), f"rbd info --format json {pool}/{self.disk.image}")
        self.assertEqual(json.loads(shown).get("data_pool", pool), data)

    def test_asking_again_on_any_gateway_succeeds(self):
        """create-target of what is there already gives the target's name and changes nothing."""
        for unit in self.gateways:
            self.assertEqual(self.disk.create(unit)["iqn"], self.disk.iqn)

    def test_contradictions_and_bad_credentials_are_refused(self):
        """A refusal names what is wrong."""
        with self.assertRaises(zaza.model.ActionFailed) as caught:
            self.disk.create(self.gateways[0], client_password="short")
        self.assertIn("password must be between 12 and 16 characters long", str(caught.exception))
        with self.assertRaises(zaza.model.ActionFailed):
            self.disk.create(self.gateways[0], image_size="2G")

    def test_data_is_there_after_logging_out_and_in(self):
        """The initiator reconnects and reads what it has written."""
        written = self.initiator.write()
        self.initiator.logout()
        self.assertEqual(self.initiator.disks(), [])
        self.initiator.login(reversed(self.portals))
        self.initiator.wait_paths(len(self.gateways))
        self.assertEqual(self.initiator.read(), written)


class ErasureCodedPoolTest(DiskTest):
    """A disk with its data in an erasure-coded pool that the class makes."""

    disk = Disk("iqn.2024-11.com.example:zaza-ec", "zaza-ec")
    data, metadata = "zaza-ec-data", "zaza-ec-metadata"

    @classmethod
    def create(cls) -> None:
        """Make the pools and create the target in them."""
        cls.ceph(
            "osd erasure-code-profile set zaza k=2 m=1 crush-failure-domain=osd",
            f"osd pool create {cls.data} 8 8 erasure zaza",
            f"osd pool set {cls.data} allow_ec_overwrites true",
            f"osd pool create {cls.metadata} 8",
            f"osd pool application enable {cls.data} rbd",
            f"osd pool application enable {cls.metadata} rbd",
        )
        cls.disk.create(cls.gateways[0], rbd_pool_name=cls.data, ec_rbd_metadata_pool=cls.metadata)

    @classmethod
    def delete(cls) -> None:
        """Delete the target with its disk, and the pools."""
        cls.disk.delete(cls.gateways[0], rbd_pool_name=cls.data, ec_rbd_metadata_pool=cls.metadata)
        sure = "--yes-i-really-really-mean-it"
        cls.ceph(
            "config set mon mon_allow_pool_delete true",
            f"osd pool delete {cls.data} {cls.data} {sure}",
            f"osd pool delete {cls.metadata} {cls.metadata} {sure}",
            "config rm mon mon_allow_pool_delete",
            f"osd crush rule rm {cls.data}",
            "osd erasure-code-profile rm zaza",
        )

    @classmethod
    def ceph(cls, *commands: str) -> None:
        """Run commands of Ceph's as its administrator."""
        run(first_unit(CEPH), " && ".join(f"ceph {command}" for command in commands))

    def test_the_data_is_in_the_erasure_coded_pool(self):
        """The image is in the replicated pool and names the other for its data."""
        shown = run(first_unit(CEPH), f"rbd info --format json {self.metadata}/{self.disk.image}")
        self.assertEqual(json.loads(shown)["data_pool"], self.data)

    def test_what_is_written_can_be_read(self):
        """Basic I/O."""
        self.assertEqual(self.initiator.write(), self.initiator.read())


class PauseResumeTest(DiskTest):
    """pause and resume, with an initiator that goes on over the other gateways."""

    disk = Disk("iqn.2024-11.com.example:zaza-pause", "zaza-pause")

    def test_a_gateway_pauses_and_resumes_and_the_initiator_reconnects(self):
        """Its services and its path go and come back; the disk works all the time."""
        unit, others = self.gateways[0], len(self.gateways) - 1
        action(unit, "pause")
        self.addCleanup(self.resume, unit)
        zaza.model.block_until_service_status(unit, SERVICES, "stopped", timeout=PATIENCE)
        zaza.model.block_until_unit_wl_status(unit, "maintenance", timeout=PATIENCE)
        self.assert_status(unit, "maintenance", PAUSED)
        self.initiator.wait_paths(others)
        written = self.initiator.write()
        self.resume(unit)
        zaza.model.block_until_service_status(unit, SERVICES, "running", timeout=PATIENCE)
        self.assert_status(unit, "active", READY)
        self.initiator.wait_paths(len(self.gateways))
        self.assertEqual(self.initiator.read(), written)

    def resume(self, unit: str) -> None:
        """Have the unit back; it may be so already."""
        action(unit, "resume")
        settle()


class UpdateStatusTest(GatewayTest):
    """What a gateway says without its relation, and with one that has not been answered."""

    def update_status(self) -> None:
        """Run the hook on all gateways, as Juju does every few minutes."""
        for unit in self.gateways:
            run(unit, "./hooks/update-status")

    def wait_told(self, status: str, message: str) -> None:
        """Wait until all gateways say so, and see that update-status leaves it."""
        for unit in self.gateways:
            zaza.model.block_until_unit_wl_message_match(unit, f"{message}$", timeout=PATIENCE)
        self.update_status()
        for unit in self.gateways:
            self.assert_status(unit, status, message)

    def test_missing_and_incomplete_relations_are_told(self):
        """First the relation is missing, then incomplete, then the gateways are ready again."""
        zaza.model.remove_relation(self.application, "ceph-client", f"{CEPH}:client")
        self.addCleanup(self.relate)
        self.wait_told("blocked", "Missing relations: ceph-client")
        zaza.sync_wrapper(self.relate_to_a_cluster_that_waits)()
        self.relate()
        for unit in self.gateways:
            self.assert_status(unit, "active", READY)

    def relate(self) -> None:
        """Have the relation; it may be there already."""
        zaza.model.add_relation(self.application, "ceph-client", f"{CEPH}:client")
        settle()

    async def relate_to_a_cluster_that_waits(self) -> None:
        """Relate while the cluster's units are kept from running hooks, so that none answers."""
        units = [unit.name for unit in await zaza.model.async_get_units(CEPH)]
        hold = "n=0; until [ -e /tmp/zaza-go-on ] || [ $((n += 1)) -gt 900 ]; do sleep 1; done"
        clean = "rm -f /tmp/zaza-go-on"
        for unit in units:
            await zaza.model.async_run_on_unit(unit, clean)
        held = asyncio.gather(*(zaza.model.async_run_on_unit(unit, hold) for unit in units))
        try:
            await zaza.model.async_wait_for_agent_status(timeout=PATIENCE)
            await zaza.model.async_add_relation(self.application, "ceph-client", f"{CEPH}:client")
            await self.incomplete()
        finally:
            with tempfile.NamedTemporaryFile() as nothing:
                for unit in units:
                    await zaza.model.async_scp_to_unit(unit, nothing.name, "/tmp/zaza-go-on")
            await held
            for unit in units:
                await zaza.model.async_run_on_unit(unit, clean)

    async def incomplete(self) -> None:
        """See that all gateways say so, and go on saying so after update-status."""
        told = "Incomplete relations: ceph-client"
        for unit in self.gateways:
            await zaza.model.async_block_until_unit_wl_message_match(
                unit, f"{told}$", timeout=PATIENCE
            )
            result = await zaza.model.async_run_on_unit(unit, "./hooks/update-status")
            self.assertEqual(result["Code"], "0", result["Stderr"])
            status = await zaza.model.async_get_status()
            shown = status.applications[self.application]["units"][unit]["workload-status"]
            self.assertEqual((shown["status"], shown["info"]), ("waiting", told))


class TrustedAddressesTest(GatewayTest):
    """add-trusted-ip and remove-trusted-ip: who may reach the gateways' API."""

    def code(self, unit: str) -> str:
        """The HTTP status that the initiator's host gets from a gateway's API without password."""
        scheme = "https" if "api_secure = true" in run(unit, f"cat {CONFIGURATION}") else "http"
        curl = "curl --silent --insecure --output /dev/null --write-out '%{http_code}'"
        return run(first_unit(INITIATOR), f"{curl} {scheme}://{address(unit)}:5000/api/config")

    def test_an_address_is_trusted_until_it_is_removed(self):
        """All gateways ask the initiator for a password then, and refuse it before and after."""
        leader = zaza.model.get_lead_unit_name(self.application)
        added = address(first_unit(INITIATOR))
        self.wait_code("403")
        action(leader, "add-trusted-ip", ips=added)
        self.addCleanup(zaza.model.run_action, leader, "remove-trusted-ip", None, {"ips": added})
        zaza.model.block_until_file_has_contents(
            self.application, CONFIGURATION, added, timeout=PATIENCE
        )
        self.wait_code("401")
        action(leader, "remove-trusted-ip", ips=added)
        self.wait_code("403")
        settle()

    def wait_code(self, code: str) -> None:
        """Wait until all gateways answer so."""
        for unit in self.gateways:
            wait(lambda unit=unit: self.code(unit) == code, f"{unit} answers {code}")

    def test_only_the_leader_takes_it_and_only_addresses(self):
        """Refusals tell why."""
        leader = zaza.model.get_lead_unit_name(self.application)
        other = next(unit for unit in self.gateways if unit != leader)
        self.assert_refused(
            "Action must be run on leader", other, "add-trusted-ip", ips="192.0.2.1"
        )
        self.assert_refused("192.0.2.256", leader, "add-trusted-ip", ips="192.0.2.256")


class SecurityChecklistTest(GatewayTest):
    """security-checklist: one result for each check."""

    def test_each_check_has_a_result(self):
        """PASS or FAIL with the reason; the action fails if a check does."""
        for unit in self.gateways:
            done = zaza.model.run_action(unit, "security-checklist")
            told = {
                key: value
                for key, value in done.data["results"].items()
                if value in ("PASS",) or str(value).startswith("FAIL")
            }
            self.assertIn("PASS", told.values())
            failed = any(value.startswith("FAIL") for value in told.values())
            self.assertEqual(done.data["status"], "failed" if failed else "completed", told)


class TLSTest(DiskTest):
    """The API with the certificates relation, over which the target is made, too."""

    disk = Disk("iqn.2024-11.com.example:zaza-tls", "zaza-tls")

    @classmethod
    def create(cls) -> None:
        """Create the target on the last gateway."""
        cls.disk.create(cls.gateways[-1])

    def test_the_api_speaks_tls_and_each_gateway_verifies_the_others(self):
        """By name, with the authority that the relation gave, and no longer without TLS."""
        for unit in self.gateways:
            name = run(unit, "hostname --fqdn").strip()
            for asking in self.gateways:
                said = run(asking, f"curl --silent --show-error https://{name}:5000/api/_ping")
                self.assertIn("Missing credentials", said)
            plain = f"curl --silent http://{address(unit)}:5000/api/_ping"
            self.assertNotEqual(zaza.model.run_on_unit(unit, plain)["Code"], "0")

    def test_the_gateways_have_the_same_configuration(self):
        """With TLS on."""
        contents = {run(unit, f"cat {CONFIGURATION}") for unit in self.gateways}
        self.assertEqual(len(contents), 1)
        self.assertIn("api_secure = true", contents.pop())

    def test_the_disk_works(self):
        """Basic I/O."""
        self.assertEqual(self.initiator.write(), self.initiator.read())


class SeriesUpgradeTest(DiskTest):
    """One gateway after the other moves from 22.04 to 24.04, while the initiator goes on.

    For a model with gateways on jammy; it is long. Those on noble stay as they are.
    """

    disk = Disk("iqn.2024-11.com.example:zaza-series", "zaza-series")

    def test_each_gateway_moves_and_the_disk_stays(self):
        """Paused meanwhile, back with its path at the end; the file is there all the time."""
        written = self.initiator.write()
        older = [unit for unit in self.gateways if self.series(unit) == "jammy"]
        self.assertTrue(older, "no gateway is on jammy")
        for unit in older:
            self.move(unit, written)
        self.assertEqual({self.series(unit) for unit in self.gateways}, {"noble"})

    def move(self, unit: str, written: str) -> None:
        """Have a gateway on the next series; WRITTEN can be read on the way and after it."""
        machine = zaza.model.get_unit_from_name(unit).machine.entity_id
        generic.set_dpkg_non_interactive_on_unit(unit)
        zaza.model.prepare_series_upgrade(machine, to_series="noble")
        zaza.model.block_until_unit_wl_message_match(unit, UPGRADING, timeout=PATIENCE)
        self.initiator.wait_paths(len(self.gateways) - 1)  # a prepared unit runs no commands
        self.assertEqual(self.initiator.read(), written)
        generic.do_release_upgrade(unit)
        generic.reboot(unit)
        zaza.model.complete_series_upgrade(machine)
        settle()
        self.initiator.wait_paths(len(self.gateways))
        self.assertEqual(self.initiator.read(), written)

    def series(self, unit: str) -> str:
        """The code name of the release that a unit's host has."""
        return run(unit, ". /etc/os-release; echo $VERSION_CODENAME").strip()
