"""Changes carried out: done whole or not at all, one at a time in the cluster.

The commands follow from the difference of two states, and undoing is the difference the other way.
"""

import contextlib
import copy

from ceph_iscsi import gwcli, plan, services
from ceph_iscsi.ceph import Lock
from ceph_iscsi.change import Change
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.gateways import Gateways
from ceph_iscsi.gwcli import Command
from ceph_iscsi.plan import State
from ceph_iscsi.validation import human_size

# Seconds that a change that failed waits for gateways that went down, before it gives up undoing.
RETURN_LIMIT = 150
# Seconds for a gateway to end what it was at when gwcli was killed.
AFTERMATH_LIMIT = 40


class NotDone(GatewayError):
    """gwcli reported success, and the state is another."""


class NotUndone(GatewayError):
    """Something of a call that failed is left."""


def make(change: Change, gateways: Gateways) -> bool:
    """Have what a change asks for; undo what was done of it if a part of it fails.

    :returns: whether anything had to be changed
    :raises GatewayError: refused or failed; the message says why, and what could not be undone
    """
    with gateways.cluster.lock(gateways.unit) as lock:
        # A change that was cut off left its note: gateways may lack what is stored, or have more.
        cut_off = bool(lock.note)
        behind = gateways.replay(change.iqn) if cut_off else {}
        if cut_off and not behind:
            lock.write("")
        before = gateways.state(change.disks)
        change.check_cluster(gateways.cluster)
        if found := list(change.contradictions(before)):
            raise GatewayError("; ".join(found))
        transaction = Transaction(change, before, gateways, lock)
        if not transaction.needed():
            gateways.require(transaction.served_by, behind)
            return cut_off
        gateways.check(transaction.served_by)
        gateways.require(transaction.served_by, behind)
        transaction.check()
        noted = lock.note
        lock.write(gateways.unit)
        try:
            transaction.do()
        except GatewayError as error:
            try:
                end = transaction.undo(error)
            except NotUndone as rest:
                raise GatewayError(f"{error}. {rest}") from error
            lock.write(noted)
            raise GatewayError(f"{error}{end}") from error
        lock.write(noted)
    return True


class Transaction:
    """The way from one state to another, and back.

    ``served_by`` are names of the gateways that it is carried out on.
    """

    def __init__(self, change: Change, before: State, gateways: Gateways, lock: Lock) -> None:
        self._change, self._gateways, self._lock = change, gateways, lock
        self._before, self._after = before, before
        self._wanted = copy.deepcopy(before)
        change.wish(self._wanted)
        self._local = gateways.api_of().hostname()
        self._todo = self._commands(before)
        self.served_by = self._served_by()

    def needed(self) -> bool:
        """Whether anything has to be changed."""
        return bool(self._todo or _images_to_remove(self._before, self._wanted))

    def check(self) -> None:
        """Raise if this gateway can't be asked for it, or a client would lose a disk in use."""
        self._check_local()
        self._check_sessions()

    def do(self) -> None:
        """Do all of it, and read the state back.

        :raises GatewayError: a part of it failed; what was done before is still there
        """
        cluster, now = self._gateways.cluster, copy.deepcopy(self._before)
        for disk, image in self._wanted["images"].items():
            if disk not in now["images"] and image.get("data_pool"):
                size = human_size(image["size"])
                cluster.create_image(*disk.split("/"), size, image["data_pool"])
                now["images"][disk] = image
        self._run(todo := self._commands(now))
        for disk in _images_to_remove(self._before, self._wanted):
            cluster.remove_image(*disk.split("/"))
        self._look()
        if missing := plan.related(self._rest(), todo):
            raise NotDone(f"gwcli reported success, but this is not so: {_purposes(missing)}")

    def undo(self, error: GatewayError) -> str:
        """Take back what was done before this error.

        :returns: how the message of the error ends
        :raises NotUndone: something of it is left; what, and why
        """
        unclear = isinstance(error, (gwcli.Ended, NotDone))
        try:
            services.wait_until(self._look, RETURN_LIMIT, pause=3)
            if isinstance(error, gwcli.Ended):
                self._wait_for_end(error.command)
                self._look()
            if not unclear and not self._left():
                return ""
            check = self._gateways.check
            services.wait_until(lambda: check(self.served_by), RETURN_LIMIT, pause=3)
            if unclear:
                self._lock.free_config()
                behind = self._gateways.replay(self._change.iqn)
                self._gateways.require(self.served_by, behind)
            self._look()
            if not self._left():
                return ""
            if back := self._back():
                self._run(back)
                self._look()
            for disk in _images_to_remove(self._after, self._before):
                self._gateways.cluster.remove_image(*disk.split("/"))
        except GatewayError as problem:
            raise NotUndone(
                f"Undoing this call failed as well ({problem}); "
                f"still to do: {_purposes(self._back()) or 'what is there of it'}"
            ) from problem
        if back := self._back():
            raise NotUndone(f"Not undone: {_purposes(back)}")
        return ". What this call had done is undone"

    def _commands(self, now: State) -> list[Command]:
        return [*self._rest(now), *self._change.orders()]

    def _rest(self, now: State | None = None) -> list[Command]:
        """The commands from a state, the last one seen by default, to what is wanted."""
        return plan.commands(now or self._after, self._wanted, self._local, self._change.dead)

    def _run(self, commands: list[Command]) -> None:
        if commands:
            self._gateways.run(commands, secrets=plan.secrets(self._before, self._wanted))

    def _look(self) -> None:
        self._after = self._gateways.state(self._change.disks)

    def _back(self) -> list[Command]:
        """The commands that take back what was there of it when it was last looked at."""
        back = plan.commands(self._after, self._before, self._local)
        return plan.related(back, self._todo)

    def _left(self) -> bool:
        """Whether anything of it was there when it was last looked at."""
        return bool(self._back() or _images_to_remove(self._after, self._before))

    def _wait_for_end(self, command: Command) -> None:
        """Wait until a gateway has done the command that gwcli was killed at, if it is at it."""

        def ended() -> None:
            self._look()
            if plan.related(self._rest(), [command]):
                raise GatewayError("it is not done yet")

        with contextlib.suppress(GatewayError):  # it was not at it, then
            services.wait_until(ended, AFTERMATH_LIMIT, pause=2)

    def _served_by(self) -> list[str]:
        iqn, dead = self._change.iqn, self._change.dead
        if iqn is None:
            names = [*self._before.get("gateways", {})]
        else:
            names = [
                fqdn
                for state in (self._wanted, self._before)
                for fqdn in state["targets"].get(iqn, {}).get("portals", {})
            ]
        return [fqdn for fqdn in dict.fromkeys(names) if fqdn not in dead]

    def _check_local(self) -> None:
        """Raise if it is about a target that this gateway, which is asked, does not serve."""
        iqn, local = self._change.iqn, self._local
        portals = self._wanted["targets"].get(iqn, {}).get("portals", {})
        portals = portals or self._before["targets"].get(iqn, {}).get("portals", {})
        if portals and local not in portals:
            raise GatewayError(
                f"{local}, which the action runs on, does not serve {iqn}; "
                f"run it on one of: {', '.join(sorted(portals))}"
            )

    def _check_sessions(self) -> None:
        """Raise if a client that is logged in would lose a disk, unless that is meant."""
        change = self._change
        if change.meant and change.forcible:
            return
        for iqn, client in change.taken(self._before):
            for fqdn in self._before["targets"][iqn]["portals"]:
                if self._gateways.api_of(fqdn).session(iqn, client)["state"] == "LOGGED_IN":
                    way = ", or mean it: i-really-mean-it=true" if change.forcible else ""
                    raise GatewayError(
                        f"{client} is logged in to {iqn} on {fqdn} and would lose a disk in use: "
                        f"log it out first{way}"
                    )


def _purposes(commands: list[Command]) -> str:
    return ", ".join(command.purpose for command in commands)


def _images_to_remove(now: State, wanted: State) -> list[str]:
    """Images that no disk stands for any more, and that are not wanted."""
    return [
        disk for disk in now["images"] if disk not in wanted["images"] and disk not in now["disks"]
    ]
