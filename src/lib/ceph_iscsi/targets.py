"""Targets: what is asked for, against what is there, and the commands that make up the difference.

The state is the document of ``GET /api/config``: ``targets`` by IQN, each with ``portals`` (by
gateway name), ``disks`` (by ``pool/image``) and ``clients`` (by initiator name); and ``disks``.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ceph_iscsi import gwcli, process, validation
from ceph_iscsi.api import Api
from ceph_iscsi.ceph import Cluster
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.gwcli import Command

# ceph-iscsi's library waits for its lock on the stored configuration.
FORGET_TIME_LIMIT = 120

State = dict[str, Any]


@dataclass(frozen=True)
class Gateway:
    """A unit as a gateway: its name in the state, and the address of its portal in new targets.

    Where it has a portal in a target already, that stays: initiators know it.
    """

    unit: str
    fqdn: str
    ip: str


@dataclass(frozen=True)
class TargetRequest:
    """A target with one disk for one client.

    ``gateways`` begins with the local one; ``gateways_only`` says that the target must have no
    others. ``size`` is as ``10G``. ``data_pool`` is the erasure-coded pool that holds the data of
    an image in ``pool``, or None where ``pool`` holds all.
    """

    iqn: str
    gateways: tuple[Gateway, ...]
    gateways_only: bool
    pool: str
    data_pool: str | None
    image: str
    size: str
    initiator: str
    username: str
    password: str = field(repr=False)

    @property
    def disk(self) -> str:
        """The disk's name in the state."""
        return f"{self.pool}/{self.image}"


def create(
    request: TargetRequest,
    cluster: Cluster,
    api_of: Callable[..., Api] = Api.of,
    run: Callable[..., None] = gwcli.run,
) -> bool:
    """Make a target so that it has what is asked for.

    Asked again, it changes nothing. What contradicts the state is refused, and what this call did
    is undone if a part of it fails.

    :returns: whether anything had to be changed
    :raises GatewayError: refused or failed; the message says why, and what could not be undone
    """
    api = api_of()
    before = api.config(decrypted=True)
    check_gateways(before, request, api_of)
    check_pools(request, cluster.pools())
    image_size = cluster.image_size(request.pool, request.image)
    if found := list(contradictions(before, request, image_size)):
        raise GatewayError("; ".join(found))
    commands = difference(before, request)
    if not commands:
        return False
    try:
        if request.data_pool and image_size is None:
            cluster.create_image(request.pool, request.image, request.size, request.data_pool)
        run(commands, secrets=(request.password,))
        if missing := difference(api.config(decrypted=True), request):
            purposes = ", ".join(command.purpose for command in missing)
            raise GatewayError(f"gwcli reported success, but this is not so: {purposes}")
    except GatewayError as error:
        rest = _undo(request, before, image_size is not None, api, cluster, run)
        raise GatewayError(f"{error}{rest}") from error
    return True


def check_gateways(state: State, request: TargetRequest, api_of: Callable[..., Api]) -> None:
    """Raise unless every gateway of the target is up, knows its name, and is configured alike.

    One that is down would fail each change half-way, with the undoing of it as well.
    """
    units = {gateway.fqdn: gateway.unit for gateway in request.gateways}
    present = state["targets"].get(request.iqn, {}).get("portals", {})
    local_hash = api_of().settings_hash()
    for fqdn in [*units, *(name for name in present if name not in units)]:
        label = f"{fqdn} ({units[fqdn]})" if fqdn in units else fqdn
        api = api_of(fqdn)
        try:
            api.ping()
            if (name := api.hostname()) != fqdn:
                raise GatewayError(
                    f"it calls itself {name}; its own name and its address disagree"
                )
            if api.settings_hash() != local_hash:
                raise GatewayError(
                    "its iscsi-gateway.cfg differs from this unit's; wait until all units are idle"
                )
        except GatewayError as error:
            raise GatewayError(
                f"gateway {label} is not usable, and a change needs all gateways: {error}"
            ) from error


def check_pools(request: TargetRequest, pools: dict[str, str]) -> None:
    """Raise unless the request's pools are there and of the right kind.

    :param pools: kind (``replicated`` or ``erasure``) by name
    """
    if request.data_pool:
        expected = [
            ("ec-rbd-metadata-pool", request.pool, "replicated"),
            ("rbd-pool-name", request.data_pool, "erasure"),
        ]
    else:
        expected = [("rbd-pool-name", request.pool, "replicated")]
    for parameter, pool, kind in expected:
        if pool not in pools:
            fitting = sorted(name for name in pools if pools[name] == kind)
            raise GatewayError(
                f"{parameter}: there is no pool {pool!r} in the Ceph cluster; "
                f"{kind} pools: {', '.join(fitting) or 'none'}"
            )
        if pools[pool] != kind:
            raise GatewayError(f"{parameter}: pool {pool!r} is {pools[pool]}, not {kind}")


def contradictions(state: State, request: TargetRequest, image_size: int | None) -> Iterator[str]:
    """How the request differs from what is there already, a sentence each.

    :param image_size: bytes of the image in the cluster, None if it isn't there
    """
    target = state["targets"].get(request.iqn, {})
    portals = target.get("portals", {})
    wanted = {gateway.fqdn for gateway in request.gateways}
    if request.gateways_only and (others := sorted(set(portals) - wanted)):
        yield f"gateway-units: {request.iqn} is on {', '.join(others)} as well"
    if request.disk in state["disks"] and image_size is None:
        yield f"disk {request.disk} is defined, but its image is gone from the Ceph cluster"
    if image_size is not None and image_size != validation.size_in_bytes(request.size):
        yield (
            f"image-size: {request.disk} is there already with {human_size(image_size)}, "
            f"not {request.size}"
        )
    for iqn, other in state["targets"].items():
        if iqn != request.iqn and request.disk in other["disks"]:
            yield f"image-name: disk {request.disk} belongs to target {iqn}"
    auth = target.get("clients", {}).get(request.initiator, {}).get("auth", {})
    if auth.get("username"):
        if auth["username"] != request.username:
            yield f"client-username: {request.initiator} has another CHAP user name already"
        if auth["password"] != request.password:
            yield f"client-password: {request.initiator} has another CHAP password already"


def difference(state: State, request: TargetRequest) -> list[Command]:
    """The commands that lead from a state to what is asked for; none if it is so already."""
    target = state["targets"].get(request.iqn)
    path = f"/iscsi-targets/{request.iqn}"
    commands = []
    if target is None:
        target = {"portals": {}, "disks": {}, "clients": {}}
        commands.append(Command(f"/iscsi-targets create {request.iqn}", "create the target"))
    for gateway in request.gateways:
        if gateway.fqdn not in target["portals"]:
            commands.append(
                Command(
                    f"{path}/gateways create {gateway.fqdn} {gateway.ip} skipchecks=true",
                    f"add the gateway {gateway.fqdn}",
                )
            )
    if request.disk not in state["disks"]:
        commands.append(
            Command(
                f"/disks create pool={request.pool} image={request.image} size={request.size}",
                f"create the disk {request.disk}",
            )
        )
    if request.disk not in target["disks"]:
        commands.append(
            Command(f"{path}/disks add {request.disk}", f"add {request.disk} to the target")
        )
    client = target["clients"].get(request.initiator)
    if client is None:
        client = {"auth": {"username": ""}, "luns": {}}
        commands.append(
            Command(f"{path}/hosts create {request.initiator}", f"add client {request.initiator}")
        )
    if client["auth"]["username"] != request.username:
        commands.append(
            Command(
                f"{path}/hosts/{request.initiator} auth "
                f"username={request.username} password={request.password}",
                "set the client's CHAP credentials",
            )
        )
    if request.disk not in client["luns"]:
        commands.append(
            Command(
                f"{path}/hosts/{request.initiator} disk add {request.disk}",
                f"map {request.disk} to the client",
            )
        )
    return commands


def reversal(
    before: State, after: State, request: TargetRequest, *, keep_image: bool
) -> list[Command]:
    """The commands that take back what of a request is in ``after`` and was not in ``before``.

    :param keep_image: the disk's image was there before the request and must survive
    """
    empty: State = {"portals": {}, "disks": {}, "clients": {}}
    path = f"/iscsi-targets/{request.iqn}"
    was, now = (state["targets"].get(request.iqn, empty) for state in (before, after))
    old = was["clients"].get(request.initiator)
    new = now["clients"].get(request.initiator)
    commands = []
    if new is not None and old is None:
        commands.append(
            Command(f"{path}/hosts delete {request.initiator}", f"client {request.initiator}")
        )
    elif new is not None and old is not None:
        if request.disk in new["luns"] and request.disk not in old["luns"]:
            commands.append(
                Command(
                    f"{path}/hosts/{request.initiator} disk remove {request.disk}",
                    f"map of {request.disk} to {request.initiator}",
                )
            )
        if new["auth"]["username"] and not old["auth"]["username"]:
            commands.append(
                Command(
                    f"{path}/hosts/{request.initiator} auth nochap",
                    f"CHAP credentials of {request.initiator}",
                )
            )
    if request.disk in now["disks"] and request.disk not in was["disks"]:
        commands.append(
            Command(f"{path}/disks delete {request.disk}", f"{request.disk} in the target")
        )
    if request.disk in after["disks"] and request.disk not in before["disks"]:
        verb = "detach" if keep_image else "delete"
        commands.append(Command(f"/disks {verb} {request.disk}", f"disk {request.disk}"))
    if request.iqn in after["targets"] and request.iqn not in before["targets"]:
        commands.append(Command(f"/iscsi-targets delete {request.iqn}", f"target {request.iqn}"))
    else:
        # The local one last: only there does confirm=true, which the last one of a target needs,
        # not mean that the gateway is dead and left alone.
        local = request.gateways[0].fqdn
        added = [fqdn for fqdn in now["portals"] if fqdn not in was["portals"]]
        for fqdn in sorted(added, key=lambda fqdn: fqdn == local):
            confirm = " confirm=true" if fqdn == local else ""
            text = f"{path}/gateways delete {fqdn}{confirm}"
            commands.append(Command(text, f"gateway {fqdn}", says_ok=False))
    return commands


def portals_at(state: State, addresses: Collection[str]) -> list[tuple[str, str]]:
    """Targets and gateways (IQN, fqdn) whose portal has one of these addresses."""
    return [
        (iqn, fqdn)
        for iqn, target in sorted(state["targets"].items())
        for fqdn, portal in sorted(target["portals"].items())
        if not set(portal["portal_ip_addresses"]).isdisjoint(addresses)
    ]


def forget_gateways(
    addresses: Collection[str], program: Path, api_of: Callable[..., Api] = Api.of
) -> None:
    """Take gateways that have left the application out of all targets, as far as these are stored.

    The remaining gateways have them in LIO until they restart. A target keeps its last gateway.

    :param addresses: of the portals of the gateways that have left
    :param program: files/forget_gateway.py
    :raises GatewayError: not all could be taken out; it may be tried again
    """
    for fqdn in sorted({fqdn for _, fqdn in portals_at(api_of().config(), addresses)}):
        process.run(["/usr/bin/python3", "-I", str(program), fqdn], timeout=FORGET_TIME_LIMIT)


def _undo(
    request: TargetRequest,
    before: State,
    keep_image: bool,
    api: Api,
    cluster: Cluster,
    run: Callable[..., None],
) -> str:
    """Take back what a failed call has done; what of it could not be, as the end of a message."""
    commands: list[Command] = []
    try:
        commands = todo = reversal(before, api.config(), request, keep_image=keep_image)
        if todo:
            run(todo, secrets=(request.password,))
            commands = reversal(before, api.config(), request, keep_image=keep_image)
        if not keep_image and cluster.image_size(request.pool, request.image) is not None:
            cluster.remove_image(request.pool, request.image)
    except GatewayError as error:
        left = ", ".join(command.purpose for command in commands) or f"image {request.disk}"
        return f". Undoing this call failed as well ({error}); to be checked: {left}"
    if commands:
        return f". Not undone: {', '.join(command.purpose for command in commands)}"
    return ". What this call had done is undone" if todo else ""


def human_size(size: int) -> str:
    """Bytes in the largest unit that they are a whole number of, as ``10G``."""
    for unit in "TGM":
        if size % validation.UNITS[unit] == 0:
            return f"{size // validation.UNITS[unit]}{unit}"
    return f"{size} bytes"
