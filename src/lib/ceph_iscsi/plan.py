"""The way from one state of the gateways to another, as gwcli commands; undoing is the way back.

A state is the document of ``GET /api/config`` with passwords in clear: ``targets`` by IQN, each
with ``portals`` (by gateway name), ``disks`` (by ``pool/image``), ``clients`` (by initiator name)
and ``groups``; ``disks``; ``discovery_auth``. To it belong the images that a change is about:
``images`` by disk, each with ``size`` in bytes and ``snapshots``, a list of names.
"""

from collections.abc import Collection, Iterator
from typing import Any

from ceph_iscsi.gwcli import Command
from ceph_iscsi.validation import human_size

State = dict[str, Any]

NO_AUTH = {"username": "", "password": "", "mutual_username": "", "mutual_password": ""}
# Settings of a disk, as the gateways call them: least, most, default.
CONTROLS = {
    "max_data_area_mb": (1, 2048, 8),
    "qfull_timeout": (0, 600, 5),
    "osd_op_timeout": (0, 600, 30),
    "hw_max_sectors": (1, 8192, 1024),
}


def new_target() -> State:
    """A target as it is when it has just been made."""
    return {
        "portals": {},
        "disks": {},
        "clients": {},
        "groups": {},
        "auth": dict(NO_AUTH),
        "acl_enabled": True,
    }


def new_client() -> State:
    """A client as it is when it has just been made."""
    return {"auth": dict(NO_AUTH), "luns": {}, "group_name": ""}


def credentials(auth: State | None) -> State:
    """The four parts of what someone logs in with; the gateways say what is encrypted besides."""
    return {key: (auth or {}).get(key) or "" for key in NO_AUTH}


def control(disk: State, name: str) -> int:
    """A setting of a disk, as it is in force."""
    return int(disk.get("controls", {}).get(name, CONTROLS[name][2]))


def secrets(*states: State) -> set[str]:
    """All passwords in states."""
    auths = []
    for state in states:
        auths.append(state.get("discovery_auth"))
        for target in state["targets"].values():
            auths.append(target.get("auth"))
            auths.extend(client["auth"] for client in target["clients"].values())
    found = (credentials(auth) for auth in auths)
    return {auth[key] for auth in found for key in ("password", "mutual_password")} - {""}


def commands(
    now: State, wanted: State, local: str, dead: Collection[str] = frozenset()
) -> list[Command]:
    """The commands that lead from a state to another; none if they are alike.

    :param local: name of the gateway that the commands are given on
    :param dead: names of gateways that are to be removed without asking them
    """
    return [
        *_group_removals(now, wanted),
        *_client_removals(now, wanted),
        *_disk_removals(now, wanted),
        *_target_removals(now, wanted, local, dead),
        *_target_additions(now, wanted, local),
        *_disk_additions(now, wanted),
        *_auth_changes(now, wanted),
        *_client_additions(now, wanted),
        *_group_additions(now, wanted),
        *_disk_changes(now, wanted),
    ]


def related(found: Collection[Command], done: Collection[Command]) -> list[Command]:
    """Those of the found commands that are about what other commands, or a part of them, were.

    What somebody else changes meanwhile, with gwcli or a dashboard, is no business of ours.
    """
    subjects = {command.about for command in done}
    return [
        command
        for command in found
        if any(command.about[:length] in subjects for length in range(1, len(command.about) + 1))
    ]


def _path(iqn: str) -> str:
    return f"/iscsi-targets/{iqn}"


def _pairs(now: State, wanted: State) -> Iterator[tuple[str, State, State]]:
    """Targets of either state, as they are and as they shall be."""
    for iqn in dict.fromkeys([*now["targets"], *wanted["targets"]]):
        yield iqn, now["targets"].get(iqn, new_target()), wanted["targets"].get(iqn, new_target())


def _groups(target: State) -> State:
    return target.get("groups", {})


def _group_removals(now: State, wanted: State) -> Iterator[Command]:
    for iqn, old, new in _pairs(now, wanted):
        for name, group in _groups(old).items():
            kept = _groups(new).get(name, {"members": [], "disks": {}})
            path = f"{_path(iqn)}/host-groups"
            for client in group["members"]:
                if client not in kept["members"]:
                    yield Command(
                        f"{path}/{name} host remove {client}",
                        f"take {client} out of {name}",
                        about=(iqn, "client", client),
                    )
            if name not in _groups(new):
                text = f"{path} delete {name}"
                yield Command(text, f"delete host group {name}", about=(iqn, "group", name))
                continue
            for disk in group["disks"]:
                if disk not in kept["disks"]:
                    yield Command(
                        f"{path}/{name} disk remove {disk}",
                        f"take {disk} out of {name}",
                        about=(iqn, "group", name, "disk", disk),
                    )


def _client_removals(now: State, wanted: State) -> Iterator[Command]:
    for iqn, old, new in _pairs(now, wanted):
        path = f"{_path(iqn)}/hosts"
        for name, client in old["clients"].items():
            about = (iqn, "client", name)
            if name not in new["clients"]:
                yield Command(f"{path} delete {name}", f"delete client {name}", about=about)
                continue
            kept = new["clients"][name]
            group = kept.get("group_name")
            if group and group == client.get("group_name"):
                continue  # its disks come and go with the group's
            for disk in client["luns"]:
                if group or disk not in kept["luns"]:  # who joins a group must have none
                    yield Command(
                        f"{path}/{name} disk remove {disk}",
                        f"detach {disk} from {name}",
                        about=(*about, "lun", disk),
                    )


def _disk_removals(now: State, wanted: State) -> Iterator[Command]:
    for iqn, old, new in _pairs(now, wanted):
        for disk in old["disks"]:
            if disk not in new["disks"]:
                yield Command(
                    f"{_path(iqn)}/disks delete {disk}",
                    f"take {disk} out of the target",
                    about=(iqn, "disk", disk),
                )
    for disk in now["disks"]:
        if disk not in wanted["disks"]:
            verb = "detach" if disk in wanted.get("images", {}) else "delete"
            yield Command(f"/disks {verb} {disk}", f"delete disk {disk}", about=("disk", disk))


def _target_removals(
    now: State, wanted: State, local: str, dead: Collection[str]
) -> Iterator[Command]:
    for iqn, old, new in _pairs(now, wanted):
        if iqn not in wanted["targets"]:
            yield Command(f"/iscsi-targets delete {iqn}", f"delete target {iqn}", about=(iqn,))
            continue
        # The local one last: only there does confirm=true, which the last one of a target needs,
        # not mean that the gateway is dead and left alone.
        removed = [fqdn for fqdn in old["portals"] if fqdn not in new["portals"]]
        for fqdn in sorted(removed, key=lambda fqdn: fqdn == local):
            last = fqdn == local and not new["portals"]
            confirm = " confirm=true" if last or fqdn in dead else ""
            yield Command(
                f"{_path(iqn)}/gateways delete {fqdn}{confirm}",
                f"take {fqdn} out of {iqn}",
                says_ok=False,
                about=(iqn, "gateway", fqdn),
            )


def _target_additions(now: State, wanted: State, local: str) -> Iterator[Command]:
    for iqn, old, new in _pairs(now, wanted):
        if iqn not in now["targets"]:
            yield Command(f"/iscsi-targets create {iqn}", "create the target", about=(iqn,))
        # The API takes the local one as the first only.
        for fqdn in sorted(new["portals"], key=lambda fqdn: fqdn != local):
            if fqdn not in old["portals"]:
                addresses = ",".join(new["portals"][fqdn]["portal_ip_addresses"])
                yield Command(
                    f"{_path(iqn)}/gateways create {fqdn} {addresses} skipchecks=true",
                    f"add the gateway {fqdn}",
                    about=(iqn, "gateway", fqdn),
                )


def _disk_additions(now: State, wanted: State) -> Iterator[Command]:
    for disk in wanted["disks"]:
        if disk not in now["disks"]:
            pool, _, image = disk.partition("/")
            # Under this number initiators know a disk: one that is restored keeps it.
            wwn = wanted["disks"][disk].get("wwn")
            wwn = f" wwn={wwn}" if wwn else ""
            text = f"/disks attach pool={pool} image={image}{wwn}"
            if disk not in now.get("images", {}):
                size = human_size(wanted["images"][disk]["size"])
                text = f"/disks create pool={pool} image={image} size={size}{wwn}"
            yield Command(text, f"create the disk {disk}", about=("disk", disk))
    for iqn, old, new in _pairs(now, wanted):
        for disk in new["disks"]:
            if disk not in old["disks"]:
                yield Command(
                    f"{_path(iqn)}/disks add {disk}",
                    f"add {disk} to the target",
                    about=(iqn, "disk", disk),
                )


def _auth_changes(now: State, wanted: State) -> Iterator[Command]:
    old_auth, new_auth = (credentials(state.get("discovery_auth")) for state in (now, wanted))
    if old_auth != new_auth:
        command = "/iscsi-targets discovery_auth"
        yield _auth(command, new_auth, "set the credentials for discovery", ("discovery",))
    for iqn, old, new in _pairs(now, wanted):
        if iqn not in wanted["targets"]:
            continue
        lists = new.get("acl_enabled", True)
        changes = []
        if old.get("acl_enabled", True) != lists:
            changes.append(
                Command(
                    f"{_path(iqn)}/hosts auth {'enable' if lists else 'disable'}_acl",
                    f"{'ask' if lists else 'do not ask'} for the names of clients",
                    about=(iqn, "acl"),
                )
            )
        if credentials(old.get("auth")) != credentials(new.get("auth")):
            purpose = "set the target's credentials"
            auth = credentials(new.get("auth"))
            changes.append(_auth(f"{_path(iqn)} auth", auth, purpose, (iqn, "auth")))
        # The target's own credentials and a list of clients exclude each other at any moment.
        yield from reversed(changes) if lists else changes


def _client_additions(now: State, wanted: State) -> Iterator[Command]:
    for iqn, old, new in _pairs(now, wanted):
        path = f"{_path(iqn)}/hosts"
        for name, client in new["clients"].items():
            about = (iqn, "client", name)
            was = old["clients"].get(name, new_client())
            if name not in old["clients"]:
                yield Command(f"{path} create {name}", f"add client {name}", about=about)
            auth = credentials(client["auth"])
            if credentials(was["auth"]) != auth:
                purpose = "set the client's CHAP credentials"
                yield _auth(f"{path}/{name} auth", auth, purpose, (*about, "auth"))
            if client.get("group_name"):
                continue
            for disk in client["luns"]:
                if disk not in was["luns"]:
                    yield Command(
                        f"{path}/{name} disk add {disk}",
                        f"map {disk} to the client",
                        about=(*about, "lun", disk),
                    )


def _group_additions(now: State, wanted: State) -> Iterator[Command]:
    for iqn, old, new in _pairs(now, wanted):
        path = f"{_path(iqn)}/host-groups"
        for name, group in _groups(new).items():
            was = _groups(old).get(name, {"members": [], "disks": {}})
            about = (iqn, "group", name)
            if name not in _groups(old):
                yield Command(f"{path} create {name}", f"create host group {name}", about=about)
            for client in group["members"]:
                if client not in was["members"]:
                    yield Command(
                        f"{path}/{name} host add {client}",
                        f"add {client} to {name}",
                        about=(iqn, "client", client),
                    )
            for disk in group["disks"]:
                if disk not in was["disks"]:
                    yield Command(
                        f"{path}/{name} disk add {disk}",
                        f"add {disk} to {name}",
                        about=(*about, "disk", disk),
                    )


def _disk_changes(now: State, wanted: State) -> Iterator[Command]:
    for disk, new in wanted["disks"].items():
        old = now["disks"].get(disk, {})
        for name in CONTROLS:
            value = control(new, name)
            if control(old, name) != value:
                yield Command(
                    f"/disks reconfigure {disk} {name} {value}",
                    f"set {name.replace('_', '-')} of {disk}",
                    about=("disk", disk, name),
                )
        is_now, shall_be = (state.get("images", {}).get(disk) for state in (now, wanted))
        if not (is_now and shall_be):
            continue
        if shall_be["size"] > is_now["size"]:
            size = human_size(shall_be["size"])
            text = f"/disks resize {disk} {size}"
            yield Command(text, f"resize {disk} to {size}", about=("disk", disk, "size"))
        for verb, less, more in (("create", is_now, shall_be), ("delete", shall_be, is_now)):
            for name in more.get("snapshots", ()):
                if name not in less.get("snapshots", ()):
                    yield Command(
                        f"/disks/{disk} snapshot {verb} {name}",
                        f"{verb} the snapshot {name} of {disk}",
                        about=("disk", disk, "snapshot", name),
                    )


def _auth(command: str, auth: State, purpose: str, about: tuple[str, ...]) -> Command:
    parts = [f"{key}={auth[key]}" for key in NO_AUTH if auth[key]] or ["nochap"]
    return Command(f"{command} {' '.join(parts)}", purpose, about=about)
