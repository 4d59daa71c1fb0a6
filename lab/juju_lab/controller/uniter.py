"""Which operation a unit's agent runs next, and what it remembers afterwards. Decisions only.

`Local` is what the agent has done, `Remote` what the controller wants; `next_operation` compares
them, `committed` gives the new `Local` after an operation went well. Nothing here touches a host
or a database.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

CREATED, JOINED, CHANGED = "relation-created", "relation-joined", "relation-changed"
DEPARTED, BROKEN = "relation-departed", "relation-broken"
RETRY, NO_RETRY = "retry", "no-retry"
PRE_UPGRADE, POST_UPGRADE = "pre-series-upgrade", "post-series-upgrade"
PREPARE, COMPLETE = "prepare", "complete"


@dataclass(frozen=True)
class Hook:
    """A hook to run; `kind` is its name, or for relation hooks the part after the endpoint."""

    kind: str
    relation: int | None = None
    endpoint: str = ""
    remote_unit: str = ""
    remote_app: str = ""
    departing_unit: str = ""
    rebooted: bool = False

    @property
    def name(self) -> str:
        """The file's name in `hooks/`."""
        return f"{self.endpoint}-{self.kind}" if self.relation is not None else self.kind


@dataclass(frozen=True)
class Unpack:
    """Put a charm revision on the host; `hooked` when install or upgrade-charm follows."""

    revision: int
    hooked: bool = True


@dataclass(frozen=True)
class RunTask:
    """Run an action or command by its task number."""

    number: int


@dataclass(frozen=True)
class Skip:
    """Take a failed hook as done, as `resolved --no-retry` asks."""

    hook: Hook


@dataclass(frozen=True)
class Resign:
    """Take note that the unit is no longer leader."""


@dataclass(frozen=True)
class Leave:
    """Leave a peer relation, which has no relation-broken."""

    relation: int


@dataclass(frozen=True)
class Finish:
    """Nothing is left of the unit but its removal."""


Operation = Hook | Unpack | RunTask | Skip | Resign | Leave | Finish


@dataclass(frozen=True)
class LocalRelation:
    """What a unit's hooks know of a relation: versions of the units' and the app's data bags."""

    members: Mapping[str, int] = field(default_factory=dict)
    app_version: int = 0
    changed_owed_to: str = ""


@dataclass(frozen=True)
class Local:
    """The agent's memory. `pending` is the hook that was begun, `failed` that it failed.

    `charm` is the unpacked revision, None before the first; `config` the hash config-changed last
    saw, None to have it run; `leader_settings` the version leader-settings-changed last saw.
    `prepared` says that its machine's upgrade may begin, or goes on; `relations` holds those whose
    relation-created has run.
    """

    charm: int | None = None
    installed: bool = False
    started: bool = False
    stopped: bool = False
    removed: bool = False
    pending: Hook | None = None
    failed: bool = False
    attempts: int = 0
    config: str | None = None
    leader: bool = False
    leader_settings: int | None = None
    boot_id: str = ""
    prepared: bool = False
    status_set: bool = False
    relations: Mapping[int, LocalRelation] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A map that `from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Local":
        """The memory of an agent; an empty map is one that has done nothing."""
        values = dict(document)
        if values.get("pending"):
            values["pending"] = Hook(**values["pending"])
        values["relations"] = {
            int(number): LocalRelation(**relation)
            for number, relation in values.get("relations", {}).items()
        }
        return cls(**values)


@dataclass(frozen=True)
class RemoteRelation:
    """A relation as the controller has it: who is in scope now, and the versions of their bags."""

    number: int
    endpoint: str
    remote_app: str
    peer: bool = False
    dying: bool = False
    members: Mapping[str, int] = field(default_factory=dict)
    app_version: int = 0


@dataclass(frozen=True)
class Remote:
    """What the controller wants of a unit at one moment.

    `upgrade` is the phase of its machine's upgrade to another base, PREPARE or COMPLETE, empty
    without one.
    """

    unit: str
    charm: int
    config: str
    boot_id: str
    dying: bool = False
    force_charm: bool = False
    leader: bool = False
    leader_settings: int = 0
    relations: Mapping[int, RemoteRelation] = field(default_factory=dict)
    tasks: tuple[int, ...] = ()
    resolved: str = ""
    upgrade: str = ""
    retry_due: bool = False
    update_status_due: bool = False


def next_operation(local: Local, remote: Remote) -> Operation | None:
    """What the agent does next, None when there is nothing to do."""
    if local.removed:
        return Finish()
    if local.installed and not local.pending and (remote.upgrade or local.prepared):
        if local.prepared and remote.upgrade == PREPARE:
            return None
        if not local.prepared and remote.upgrade == PREPARE:
            return Hook(PRE_UPGRADE)
        if local.prepared:
            return Hook(POST_UPGRADE)
    if local.started and not local.stopped and remote.boot_id != local.boot_id:
        return Hook("start", rebooted=True)
    if local.failed:
        return _in_error(local, remote)
    if local.pending:
        return (local.installed and _task(remote)) or _again(local.pending, remote)
    if not local.installed:
        if remote.dying:
            return Finish()
        if local.charm is None:
            return Unpack(remote.charm)
        return Hook("install")
    if local.config is not None and not local.started:
        return _task(remote) or Hook("start")
    return (
        _relation_created(local, remote)
        or _leadership(local, remote)
        or _task(remote)
        or (_dying(local, remote) if remote.dying else _ordinary(local, remote))
    )


def committed(local: Local, operation: Operation, remote: Remote) -> Local:
    """The memory after `operation`, chosen with `remote` in sight, was carried out."""
    match operation:
        case Hook() | Skip():
            hook = operation.hook if isinstance(operation, Skip) else operation
            after = _after_hook(local, hook, remote)
            if hook.rebooted:
                return after
            return replace(after, pending=None, failed=False, attempts=0)
        case Unpack(revision, hooked):
            after = replace(local, charm=revision, config=None, leader_settings=None)
            if hooked and local.installed:
                after = replace(after, pending=Hook("upgrade-charm"))
            return after
        case Resign():
            return replace(local, leader=False, leader_settings=remote.leader_settings)
        case Leave(number):
            return replace(local, relations=_without(local.relations, number))
    return local


def begun(local: Local, hook: Hook) -> Local:
    """The memory while `hook` runs: one that is cut short is run again."""
    return local if hook.rebooted else replace(local, pending=hook, failed=False)


def failed(local: Local, hook: Hook, remote: Remote) -> Local:
    """The memory after `hook`, chosen with `remote` in sight, failed.

    A `start` after a reboot takes the place of a hook that the reboot cut short: what that was
    about is found again by comparing.
    """
    if hook.rebooted:
        local = replace(local, boot_id=remote.boot_id, attempts=0)
        hook = replace(hook, rebooted=False)
    return replace(local, pending=hook, failed=True, attempts=local.attempts + 1)


def pruned(local: Local, remote: Remote) -> Local:
    """The memory without relations that the controller took away by force."""
    gone = [number for number in local.relations if number not in remote.relations]
    if not gone:
        return local
    relations = {
        number: relation for number, relation in local.relations.items() if number not in gone
    }
    if local.pending and local.pending.relation in gone:
        return replace(local, relations=relations, pending=None, failed=False, attempts=0)
    return replace(local, relations=relations)


def _in_error(local: Local, remote: Remote) -> Operation | None:
    task = _task(remote)
    if task:
        return task
    if remote.charm != local.charm and remote.force_charm:
        return Unpack(remote.charm, hooked=False)
    if remote.resolved == NO_RETRY:
        return Skip(local.pending)
    if remote.resolved == RETRY or remote.retry_due:
        return _again(local.pending, remote)
    return None


def _again(hook: Hook, remote: Remote) -> Hook | Skip:
    if hook.kind == "leader-elected" and not remote.leader:
        return Skip(hook)
    return hook


def _task(remote: Remote) -> RunTask | None:
    return RunTask(remote.tasks[0]) if remote.tasks else None


def _relation_created(local: Local, remote: Remote) -> Hook | None:
    if remote.dying:
        return None
    for relation in _in_order(remote):
        if relation.number not in local.relations and not relation.dying:
            return _relation_hook(CREATED, relation)
    return None


def _leadership(local: Local, remote: Remote) -> Operation | None:
    if local.leader and not remote.leader:
        return Resign()
    if remote.dying:
        return None
    if remote.leader and not local.leader:
        return Hook("leader-elected")
    if not remote.leader and local.leader_settings != remote.leader_settings:
        return Hook("leader-settings-changed")
    return None


def _ordinary(local: Local, remote: Remote) -> Operation | None:
    if local.charm != remote.charm:
        return Unpack(remote.charm)
    if local.config != remote.config:
        return Hook("config-changed")
    hook = _relation_operation(local, remote)
    if hook:
        return hook
    return Hook("update-status") if remote.update_status_due else None


def _dying(local: Local, remote: Remote) -> Operation:
    operation = _relation_operation(local, remote)
    if operation:
        return operation
    if local.started and not local.stopped:
        return Hook("stop")
    return Hook("remove")


def _relation_operation(local: Local, remote: Remote) -> Operation | None:
    for relation in _in_order(remote):
        known = local.relations.get(relation.number)
        operation = _in_relation(known, relation, remote) if known else None
        if operation:
            return operation
    return None


def _in_relation(
    known: LocalRelation, relation: RemoteRelation, remote: Remote
) -> Operation | None:
    if known.changed_owed_to:
        return _relation_hook(CHANGED, relation, known.changed_owed_to)
    closing = relation.dying or remote.dying
    for unit in sorted(known.members):
        if closing or unit not in relation.members:
            departing = remote.unit if remote.dying else unit
            return _relation_hook(DEPARTED, relation, unit, departing)
    if closing:
        return Leave(relation.number) if relation.peer else _relation_hook(BROKEN, relation)
    told_by_itself = relation.peer and remote.leader
    if relation.app_version not in (0, known.app_version) and not told_by_itself:
        return _relation_hook(CHANGED, relation)
    for unit in sorted(relation.members):
        if unit not in known.members:
            return _relation_hook(JOINED, relation, unit)
    for unit, version in sorted(relation.members.items()):
        if known.members[unit] != version:
            return _relation_hook(CHANGED, relation, unit)
    return None


def _relation_hook(
    kind: str, relation: RemoteRelation, unit: str = "", departing: str = ""
) -> Hook:
    return Hook(kind, relation.number, relation.endpoint, unit, relation.remote_app, departing)


def _in_order(remote: Remote) -> Iterator[RemoteRelation]:
    """Peer relations last: at a unit's removal its peers are the last to go."""
    yield from sorted(remote.relations.values(), key=lambda each: (each.peer, each.number))


def _after_hook(local: Local, hook: Hook, remote: Remote) -> Local:
    match hook.kind:
        case "install":
            return replace(local, installed=True, boot_id=remote.boot_id)
        case "start":
            return replace(local, started=True, boot_id=remote.boot_id)
        case "config-changed":
            return replace(local, config=remote.config)
        case "leader-elected":
            return replace(local, leader=True, leader_settings=remote.leader_settings)
        case "leader-settings-changed":
            return replace(local, leader_settings=remote.leader_settings)
        case "stop":
            return replace(local, stopped=True)
        case "remove":
            return replace(local, removed=True)
        case "pre-series-upgrade" | "post-series-upgrade":
            return replace(local, prepared=hook.kind == PRE_UPGRADE)
    if hook.relation is None or hook.relation not in remote.relations:
        return local
    if hook.kind == BROKEN:
        return replace(local, relations=_without(local.relations, hook.relation))
    known = _after_relation_hook(
        local.relations.get(hook.relation, LocalRelation()), hook, remote.relations[hook.relation]
    )
    return replace(local, relations={**local.relations, hook.relation: known})


def _after_relation_hook(
    known: LocalRelation, hook: Hook, relation: RemoteRelation
) -> LocalRelation:
    unit = hook.remote_unit
    seen = relation.members.get(unit, known.members.get(unit, 0))
    if hook.kind == JOINED:
        return replace(known, members={**known.members, unit: seen}, changed_owed_to=unit)
    if hook.kind == DEPARTED:
        return replace(known, members=_without(known.members, unit), changed_owed_to="")
    if hook.kind == CHANGED and unit:
        return replace(known, members={**known.members, unit: seen}, changed_owed_to="")
    if hook.kind == CHANGED:
        return replace(known, app_version=relation.app_version)
    return known


def _without(mapping: Mapping[Any, Any], key: Any) -> dict[Any, Any]:
    return {each: value for each, value in mapping.items() if each != key}
