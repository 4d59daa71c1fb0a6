"""Changes of the gateways: what is asked for, against what is there; done whole or not at all.

Each kind of change says what contradicts it and what the state is to become. The rest is the same
for all: the commands follow from the difference, and undoing is the difference the other way.
"""

import contextlib
import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ceph_iscsi import gwcli, plan, services
from ceph_iscsi.api import REPLAY_TIMEOUTS, Api
from ceph_iscsi.ceph import Cluster, Lock
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.gwcli import Command
from ceph_iscsi.plan import State
from ceph_iscsi.validation import human_size

# Seconds that a change that failed waits for gateways that went down, before it gives up undoing.
RETURN_LIMIT = 150
# What is said of an image that isn't there.
GONE = "gone from the Ceph cluster"
UNDONE = ". What this call had done is undone"
# Seconds for a gateway to end what it was at when gwcli was killed.
AFTERMATH_LIMIT = 40


class NotDone(GatewayError):
    """gwcli reported success, and the state is another."""


@dataclass(frozen=True, kw_only=True)
class Change(ABC):
    """Something that is asked for.

    ``iqn`` is the target whose gateways have to be up; None for all gateways. ``disks`` are those
    (``pool/image``) whose images it is about. ``meant`` says that it may take a disk from a client
    that is logged in.
    """

    iqn: str | None = None
    disks: tuple[str, ...] = ()
    meant: bool = False
    # Whether the gateways let a disk be taken from a client that is logged in.
    forcible: ClassVar[bool] = True

    def contradictions(self, state: State) -> Iterator[str]:
        """How what is asked for contradicts what is there, a sentence each."""
        yield from ()

    def check_cluster(self, cluster: Cluster) -> None:  # noqa: B027 - most changes need nothing
        """Raise a GatewayError if the cluster lacks what it needs."""

    @abstractmethod
    def wish(self, state: State) -> None:
        """Make of a copy of the state what it is to be."""

    def taken(self, state: State) -> Collection[tuple[str, str]]:
        """Clients (IQN of the target, name) that would lose a disk; those not logged in, too."""
        return ()

    def orders(self) -> list[Command]:
        """Commands whose effect is no difference of states, to be given last."""
        return []

    @property
    def dead(self) -> frozenset[str]:
        """Names of gateways that are removed without asking them."""
        return frozenset()


def lacking_target(state: State, iqn: str) -> Iterator[str]:
    """That there is no such target, in words."""
    if iqn not in state["targets"]:
        there = ", ".join(sorted(state["targets"])) or "none"
        yield f"iqn: there is no target {iqn}; targets: {there}"


def lacking_client(state: State, iqn: str, name: str) -> Iterator[str]:
    """That there is no such target, or no such client of it, in words."""
    yield from lacking_target(state, iqn)
    clients = state["targets"].get(iqn, {"clients": {name}})["clients"]
    if name not in clients:
        there = ", ".join(sorted(clients)) or "none"
        yield f"client-initiatorname: {iqn} has no client {name}; clients: {there}"


@dataclass(frozen=True)
class Gateways:
    """The ways to the gateways and the cluster.

    ``unit`` is the name of the one that asks, ``units`` are names of units by those of gateways.
    """

    unit: str
    cluster: Cluster
    units: Mapping[str, str] = field(default_factory=dict)
    api_of: Callable[..., Api] = Api.of
    run: Callable[..., None] = gwcli.run

    def state(self, disks: Collection[str]) -> State:
        """The state as it is now, with these disks' images."""
        state = self.api_of().config(decrypted=True)
        images = self.cluster.images(disks) if disks else {}
        for name, image in images.items():
            if not image.get("problem", GONE).endswith(GONE):
                raise GatewayError(f"image {name} cannot be read: {image['problem']}")
        state["images"] = {name: image for name, image in images.items() if "size" in image}
        for image in state["images"].values():
            image["snapshots"] = [snapshot["name"] for snapshot in image["snapshots"]]
        return state

    def replay(self, iqn: str | None) -> dict[str, GatewayError]:
        """Have the LIO of all gateways agree with what is stored.

        :param iqn: the target in question; it may be in this gateway's LIO without being stored
        :returns: why not, by the names of those that could not be brought to it
        """
        failed = {}
        targets = self.api_of().config(decrypted=True)["targets"]
        if iqn and iqn not in targets:
            self.api_of().clear(iqn)
        for name, target in targets.items():
            for fqdn in target["portals"]:
                try:
                    self.api_of(fqdn, timeouts=REPLAY_TIMEOUTS).replay(name, target)
                except GatewayError as error:
                    failed[fqdn] = error
        return failed

    def check(self, names: Collection[str]) -> None:
        """Raise unless each of these gateways is up, knows its name, and is configured alike.

        One that is down would fail a change half-way, with the undoing of it as well.
        """
        local_hash = self.api_of().settings_hash()
        for fqdn in names:
            try:
                api = self.api_of(fqdn)
                api.ping()
                if (name := api.hostname()) != fqdn:
                    raise GatewayError(
                        f"it calls itself {name}; its own name and its address disagree"
                    )
                if api.settings_hash() != local_hash:
                    raise GatewayError(
                        "its iscsi-gateway.cfg differs from this unit's; "
                        "wait until all units are idle"
                    )
            except GatewayError as error:
                raise GatewayError(
                    f"gateway {self.label(fqdn)} is not usable, and a change needs all gateways: "
                    f"{error}"
                ) from error

    def require(self, names: Collection[str], behind: Mapping[str, GatewayError]) -> None:
        """Raise if one of these gateways is behind what is stored, as ``replay`` found."""
        for fqdn in names:
            if fqdn in behind:
                raise GatewayError(
                    f"a change was cut off, and gateway {self.label(fqdn)} may differ from what "
                    f"is stored: {behind[fqdn]}"
                ) from behind[fqdn]

    def label(self, fqdn: str) -> str:
        """A gateway's name, with that of its unit if it is known."""
        return f"{fqdn} ({self.units[fqdn]})" if fqdn in self.units else fqdn


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
        wanted = copy.deepcopy(before)
        change.wish(wanted)
        local = gateways.api_of().hostname()
        todo = [*plan.commands(before, wanted, local, change.dead), *change.orders()]
        needed = _needed(change, before, wanted)
        if not todo and not _images_to_remove(before, wanted):
            gateways.require(needed, behind)
            return cut_off
        gateways.check(needed)
        gateways.require(needed, behind)
        _check_local(change, before, wanted, local)
        _check_sessions(change, before, gateways)
        noted = lock.note
        lock.write(gateways.unit)
        try:
            _do(change, before, wanted, local, gateways)
        except GatewayError as error:
            rest = _undo(change, error, todo, before, wanted, local, needed, lock, gateways)
            if rest in ("", UNDONE):
                lock.write(noted)
            raise GatewayError(f"{error}{rest}") from error
        lock.write(noted)
    return True


def _needed(change: Change, before: State, wanted: State) -> list[str]:
    """Names of the gateways that a change is carried out on."""
    if change.iqn is None:
        names = [*before.get("gateways", {})]
    else:
        names = [
            fqdn
            for state in (wanted, before)
            for fqdn in state["targets"].get(change.iqn, {}).get("portals", {})
        ]
    return [fqdn for fqdn in dict.fromkeys(names) if fqdn not in change.dead]


def _check_local(change: Change, before: State, wanted: State, local: str) -> None:
    """Raise if the change is about a target that this gateway, which is asked, does not serve."""
    portals = wanted["targets"].get(change.iqn, {}).get("portals", {})
    portals = portals or before["targets"].get(change.iqn, {}).get("portals", {})
    if portals and local not in portals:
        raise GatewayError(
            f"{local}, which the action runs on, does not serve {change.iqn}; "
            f"run it on one of: {', '.join(sorted(portals))}"
        )


def _check_sessions(change: Change, before: State, gateways: Gateways) -> None:
    """Raise if a client that is logged in would lose a disk, unless that is meant."""
    if change.meant and change.forcible:
        return
    for iqn, client in change.taken(before):
        for fqdn in before["targets"][iqn]["portals"]:
            if gateways.api_of(fqdn).session(iqn, client)["state"] == "LOGGED_IN":
                way = ", or mean it: i-really-mean-it=true" if change.forcible else ""
                raise GatewayError(
                    f"{client} is logged in to {iqn} on {fqdn} and would lose a disk in use: "
                    f"log it out first{way}"
                )


def _images_to_remove(now: State, wanted: State) -> list[str]:
    """Images that no disk stands for any more, and that are not wanted."""
    return [
        disk for disk in now["images"] if disk not in wanted["images"] and disk not in now["disks"]
    ]


def _do(change: Change, before: State, wanted: State, local: str, gateways: Gateways) -> None:
    now = copy.deepcopy(before)
    for disk, image in wanted["images"].items():
        if disk not in now["images"] and image.get("data_pool"):
            size = human_size(image["size"])
            gateways.cluster.create_image(*disk.split("/"), size, image["data_pool"])
            now["images"][disk] = image
    todo = [*plan.commands(now, wanted, local, change.dead), *change.orders()]
    if todo:
        gateways.run(todo, secrets=plan.secrets(before, wanted))
    for disk in _images_to_remove(before, wanted):
        gateways.cluster.remove_image(*disk.split("/"))
    after = gateways.state(change.disks)
    missing = plan.related(plan.commands(after, wanted, local, change.dead), todo)
    if missing:
        purposes = ", ".join(command.purpose for command in missing)
        raise NotDone(f"gwcli reported success, but this is not so: {purposes}")


def _undo(
    change: Change,
    error: GatewayError,
    todo: list[Command],
    before: State,
    wanted: State,
    local: str,
    needed: list[str],
    lock: Lock,
    gateways: Gateways,
) -> str:
    """Take back what a failed call has done; what of it could not be, as the end of a message."""

    after: State = before
    back: list[Command] = []

    def look() -> None:
        nonlocal after, back
        after = gateways.state(change.disks)
        back = plan.related(plan.commands(after, before, local), todo)

    def ended() -> None:
        still = plan.commands(gateways.state(change.disks), wanted, local, change.dead)
        if plan.related(still, [error.command]):
            raise GatewayError("it is not done yet")

    try:
        services.wait_until(look, RETURN_LIMIT, pause=3)
        if isinstance(error, gwcli.Ended):
            with contextlib.suppress(GatewayError):  # it was not at work on it, then
                services.wait_until(ended, AFTERMATH_LIMIT, pause=2)
            look()
        unclear = isinstance(error, (gwcli.Ended, NotDone))
        if not back and not unclear and not _images_to_remove(after, before):
            return ""
        services.wait_until(lambda: gateways.check(needed), RETURN_LIMIT, pause=3)
        if unclear:
            lock.free_config()
            gateways.require(needed, gateways.replay(change.iqn))
        look()
        if not back and not _images_to_remove(after, before):
            return ""
        if back:
            gateways.run(back, secrets=plan.secrets(before, wanted))
            look()
        for disk in _images_to_remove(after, before):
            gateways.cluster.remove_image(*disk.split("/"))
    except GatewayError as problem:
        left = ", ".join(command.purpose for command in back) or "what is there of it"
        return f". Undoing this call failed as well ({problem}); still to do: {left}"
    if back:
        return f". Not undone: {', '.join(command.purpose for command in back)}"
    return UNDONE
