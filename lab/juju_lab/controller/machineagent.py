"""One machine: booting its host, watching it, taking note when it goes and when it is back."""

import ipaddress
import json
import logging
import threading
import time
from typing import Any

from juju_lab.controller import applications, leadership
from juju_lab.controller.guest import GuestPaths
from juju_lab.controller.runner import Runner
from juju_lab.controller.store import ALIVE, Machine, Unit, record_status, status_value
from juju_lab.controller.world import World
from juju_lab.hosts import HostError

_LOG = logging.getLogger(__name__)


class MachineAgent(threading.Thread):
    """Runs until its machine is removed.

    `ready` tells the agents of the units on it that they can work; `lock` is Juju's machine lock,
    held by whatever hook, action or command runs there.
    """

    def __init__(self, world: World, machine: Machine) -> None:
        super().__init__(name=f"machine-{machine.number}", daemon=True)
        self.machine_id = machine.id
        self.host = world.make_host(machine)
        self.paths: GuestPaths = world.guest_paths(self.host)
        self.runner = Runner(self.host, self.paths)
        self.lock = threading.Lock()
        self.ready = False
        self._world = world
        self._store = world.store
        self._poked = threading.Event()
        self._boot_wanted = True
        self._reboot_wanted = False
        self._removed = False
        self._missed = 0
        self._lost_since: float | None = None

    # -- what others ask for ----------------------------------------------------------------

    def poke(self) -> None:
        """Look at the machine's row and host now."""
        self._poked.set()

    def suspect(self) -> None:
        """Something on the host failed as if it were gone: look after it now."""
        self.ready = False
        self.poke()

    def kill(self) -> None:
        """End the agent with all that its units run on the host; it starts again."""
        self.suspect()
        self.runner.abandon()

    def reboot(self) -> None:
        """Have the host restarted in order."""
        self.ready = False
        self._reboot_wanted = True
        self.poke()

    def power_on(self) -> None:
        """Have the host started."""
        self._boot_wanted = True
        self.poke()

    def power_off(self) -> None:
        """Cut the host's power."""
        self.ready = False
        self.host.power_off()
        self.runner.abandon()
        self.poke()

    def remove(self) -> None:
        """Have the host removed, whatever runs on it."""
        if not self._removed:
            self._removed = True
            self.power_off()

    # -- the thread -------------------------------------------------------------------------

    def run(self) -> None:
        """Bring the host to what the machine's row wants, again and again."""
        while not self._world.stopping:
            try:
                if not self._step():
                    return
            except HostError as error:
                self._failed(error)
            except Exception:
                _LOG.exception("machine agent failed")
                self._sleep()

    def _step(self) -> bool:
        with self._store.read() as session:
            machine = session.get(Machine, self.machine_id)
            life, powered = machine.life, machine.powered
        if life != ALIVE:
            self._remove()
            return False
        if not powered:
            self._go_away("powered off")
            self._sleep()
        elif self._reboot_wanted:
            self._restart()
        elif self._boot_wanted:
            self._boot()
        elif not self._answers():
            self._miss()
            self._sleep()
        elif self.ready and not self._missed:
            self._sleep()
        else:
            # It is back, perhaps after a reboot of its own.
            self._boot()
        return True

    def _sleep(self) -> None:
        """Until somebody pokes or it is time for the next look."""
        self._mind_lease()
        self._poked.wait(self._world.timings.ping_interval)
        self._poked.clear()

    def _answers(self) -> bool:
        return self.host.running and self._world.reachable(self.host)

    # -- up ---------------------------------------------------------------------------------

    def _boot(self) -> None:
        self._boot_wanted = False
        if not self.host.running:
            self._set_instance("allocating", "starting")
        self.host.start()
        self.host.wait_ready(self._world.timings.boot)
        self._set_up()
        self._come_up(self.host.boot_id())

    def _restart(self) -> None:
        self._reboot_wanted = False
        with self._store.transaction(quiet=True) as session:
            machine = session.get(Machine, self.machine_id)
            for unit in machine.units:
                unit.agent_status = status_value("rebooting")
        self.host.shutdown()
        self.runner.abandon()
        self._boot_wanted = True

    def _set_up(self) -> None:
        """Put the guest's programs on the host."""
        with self._store.read() as session:
            machine = session.get(Machine, self.machine_id)
            number, secret, tools = machine.number, machine.secret, machine.tools
        address = self._world.controller_address
        wanted = f"{self._world.tools.name} {address}"
        if tools == wanted:
            return
        self.host.push_tree(self._world.tools, str(self.paths.tools))
        self.host.push_file(
            f"{address}\n{secret}\n".encode(), str(self.paths.tools / "agent.conf"), 0o600
        )
        link = self.paths.data / "tools" / f"machine-{number}"
        self.host.run(["ln", "-sfn", str(self.paths.tools), str(link)])
        network = self._find_interfaces()
        with self._store.transaction(quiet=True) as session:
            machine = session.get(Machine, self.machine_id)
            machine.tools = wanted
            machine.network = network

    def _find_interfaces(self) -> list[dict[str, Any]]:
        """Name, mac and addresses of the interfaces, the one with the host's address first."""
        found = []
        for interface in json.loads(self.host.run(["ip", "-j", "address"]).stdout):
            addresses = [
                {"address": each["local"], "cidr": _subnet(each["local"], each["prefixlen"])}
                for each in interface.get("addr_info", ())
                if each["local"] in self.host.addresses
            ]
            if addresses:
                name, mac = interface["ifname"], interface.get("address", "")
                found.append({"name": name, "mac": mac, "addresses": addresses})
        missing = {*self.host.addresses} - {
            each["address"] for interface in found for each in interface["addresses"]
        }
        if missing:
            raise HostError(f"on none of the host's interfaces: {', '.join(sorted(missing))}")
        return found

    def _come_up(self, boot_id: str) -> None:
        with self._store.transaction() as session:
            machine = session.get(Machine, self.machine_id)
            machine.boot_id = boot_id
            machine.agent_status = status_value("started")
            machine.instance_status = status_value("running", "running")
            for unit in machine.units:
                unit.lost = False
                if unit.agent:
                    leadership.claim(unit)
        self._lost_since = None
        self._missed = 0
        self.ready = True
        self._store.notify()

    # -- down -------------------------------------------------------------------------------

    def _miss(self) -> None:
        self._missed += 1
        if not self.host.running:
            self._go_away("the host is not running")
        elif self._missed >= self._world.timings.pings_missed:
            self._go_away("the host does not answer", certain=False)

    def _go_away(self, message: str, *, certain: bool = True) -> None:
        """Take note that the host is gone; if that is certain, what runs there is over."""
        self.ready = False
        if certain:
            self.runner.abandon()
        if self._lost_since is not None:
            return
        self._lost_since = time.monotonic()
        with self._store.transaction() as session:
            machine = session.get(Machine, self.machine_id)
            machine.agent_status = status_value(
                "down", "agent is not communicating with the server"
            )
            machine.instance_status = status_value("stopped" if certain else "running", message)
            for unit in machine.units:
                if unit.agent:
                    unit.lost = True
                    unit.agent_status = {**unit.agent_status, "since": time.time()}

    def _mind_lease(self) -> None:
        """Pass leadership on when a leader has been away for too long."""
        if self._lost_since is None:
            return
        if time.monotonic() - self._lost_since < self._world.timings.lease:
            return
        with self._store.read() as session:
            machine = session.get(Machine, self.machine_id)
            if machine.upgrade:
                # Leaders are pinned until the machine's upgrade is complete.
                return
            leads = [unit.id for unit in machine.units if leadership.is_leader(unit)]
        if leads:
            with self._store.transaction() as session:
                for unit_id in leads:
                    unit = session.get(Unit, unit_id)
                    if unit is not None:
                        leadership.hand_over(unit, even_to_nobody=True)

    def _failed(self, error: HostError) -> None:
        """Starting failed, or the host was switched off or removed meanwhile."""
        self.ready = False
        with self._store.read() as session:
            machine = session.get(Machine, self.machine_id)
            if machine.life != ALIVE or not machine.powered:
                return
            was_up = bool(machine.boot_id)
        _LOG.warning("host %s: %s", self.host.address, error)
        if was_up:
            self._go_away(str(error), certain=False)
        else:
            self._set_instance("provisioning error", str(error), agent="down")
        self._sleep()

    def _remove(self) -> None:
        self.ready = False
        self.host.destroy()
        self.runner.abandon()
        with self._store.transaction() as session:
            machine = session.get(Machine, self.machine_id)
            model = machine.model
            for unit in list(machine.units):
                applications.delete_unit(session, unit)
            model.machines.remove(machine)

    def _set_instance(self, current: str, message: str, *, agent: str = "") -> None:
        with self._store.transaction(quiet=True) as session:
            machine = session.get(Machine, self.machine_id)
            machine.instance_status = status_value(current, message)
            if agent:
                machine.agent_status = status_value(agent, message)
            record_status(
                session,
                machine.model_id,
                f"machine-{machine.number}",
                "machine",
                machine.instance_status,
            )


def _subnet(address: str, prefix: int) -> str:
    return str(ipaddress.ip_interface(f"{address}/{prefix}").network)
