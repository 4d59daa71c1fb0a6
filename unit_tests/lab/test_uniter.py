"""The order of operations, decided without running anything."""

from dataclasses import replace

import pytest
from juju_lab.controller.uniter import (
    Finish,
    Hook,
    Leave,
    Local,
    LocalRelation,
    Remote,
    RemoteRelation,
    Resign,
    RunTask,
    Skip,
    Unpack,
    begun,
    committed,
    failed,
    next_operation,
    pruned,
)

REMOTE = Remote(unit="a/0", charm=1, config="c1", boot_id="b1", leader=True, leader_settings=1)
SETTLED = Local(
    charm=1,
    installed=True,
    started=True,
    config="c1",
    leader=True,
    leader_settings=1,
    boot_id="b1",
)
PEERS = RemoteRelation(0, "peers", "a", peer=True)
DB = RemoteRelation(1, "db", "mysql")


def story(local: Local, remote: Remote, most: int = 30) -> list[str]:
    """Names of the operations, each carried out, until there is nothing to do."""
    told = []
    while (operation := next_operation(local, remote)) is not None:
        assert len(told) < most, told
        told.append(label(operation))
        if isinstance(operation, Finish):
            break
        if isinstance(operation, RunTask):
            remote = replace(remote, tasks=remote.tasks[1:])
        local = committed(local, operation, remote)
    return told


def label(operation) -> str:
    if isinstance(operation, Hook):
        return " ".join(filter(None, [operation.name, operation.remote_unit]))
    return type(operation).__name__


def relations(*each: RemoteRelation) -> dict[int, RemoteRelation]:
    return {relation.number: relation for relation in each}


def test_settled_unit_has_nothing_to_do():
    assert next_operation(SETTLED, REMOTE) is None


def test_first_deployment_of_a_leader():
    remote = replace(REMOTE, relations=relations(PEERS, DB))
    assert story(Local(), remote) == [
        "Unpack",
        "install",
        "db-relation-created",
        "peers-relation-created",
        "leader-elected",
        "config-changed",
        "start",
    ]


def test_first_deployment_of_another_unit():
    remote = replace(REMOTE, leader=False)
    assert story(Local(), remote) == [
        "Unpack",
        "install",
        "leader-settings-changed",
        "config-changed",
        "start",
    ]


def test_nothing_but_a_task_comes_between_the_first_config_changed_and_start():
    local = replace(SETTLED, started=False, leader=False)
    remote = replace(REMOTE, tasks=(7,), relations=relations(DB))
    assert story(local, remote)[:3] == ["RunTask", "start", "db-relation-created"]


def test_task_of_an_early_action_runs_after_install():
    remote = replace(REMOTE, tasks=(2,), leader=False, leader_settings=0)
    local = Local(charm=1, installed=True, leader_settings=0)
    assert story(local, remote) == ["RunTask", "config-changed", "start"]


def test_joined_is_followed_by_changed_even_without_data():
    remote = replace(REMOTE, relations=relations(replace(DB, members={"mysql/0": 1})))
    local = replace(SETTLED, relations={1: LocalRelation()})
    assert story(local, remote) == ["db-relation-joined mysql/0", "db-relation-changed mysql/0"]


def test_application_data_comes_before_the_first_joined():
    relation = replace(DB, members={"mysql/0": 1}, app_version=3)
    local = replace(SETTLED, relations={1: LocalRelation()})
    assert story(local, replace(REMOTE, relations=relations(relation))) == [
        "db-relation-changed",
        "db-relation-joined mysql/0",
        "db-relation-changed mysql/0",
    ]


def test_departed_comes_before_joined():
    relation = replace(DB, members={"mysql/2": 1})
    local = replace(SETTLED, relations={1: LocalRelation(members={"mysql/1": 1, "mysql/0": 1})})
    assert story(local, replace(REMOTE, relations=relations(relation))) == [
        "db-relation-departed mysql/0",
        "db-relation-departed mysql/1",
        "db-relation-joined mysql/2",
        "db-relation-changed mysql/2",
    ]


def test_changed_that_is_owed_comes_before_departed():
    relation = replace(DB, members={})
    known = LocalRelation(members={"mysql/0": 1}, changed_owed_to="mysql/0")
    local = replace(SETTLED, relations={1: known})
    assert story(local, replace(REMOTE, relations=relations(relation))) == [
        "db-relation-changed mysql/0",
        "db-relation-departed mysql/0",
    ]


def test_many_writes_give_one_changed():
    relation = replace(DB, members={"mysql/0": 17})
    local = replace(SETTLED, relations={1: LocalRelation(members={"mysql/0": 2})})
    assert story(local, replace(REMOTE, relations=relations(relation))) == [
        "db-relation-changed mysql/0"
    ]


def test_leader_is_not_told_of_its_own_application_data():
    relation = replace(PEERS, app_version=2)
    local = replace(SETTLED, relations={0: LocalRelation()})
    assert story(local, replace(REMOTE, relations=relations(relation))) == []
    follower = replace(local, leader=False)
    assert story(follower, replace(REMOTE, leader=False, relations=relations(relation))) == [
        "peers-relation-changed"
    ]


def test_removed_relation_departs_then_breaks():
    relation = replace(DB, members={"mysql/0": 1}, dying=True)
    local = replace(SETTLED, relations={1: LocalRelation(members={"mysql/0": 1})})
    operation = next_operation(local, replace(REMOTE, relations=relations(relation)))
    assert operation.departing_unit == "mysql/0"
    assert story(local, replace(REMOTE, relations=relations(relation))) == [
        "db-relation-departed mysql/0",
        "db-relation-broken",
    ]


def test_relation_removed_before_it_was_created_gives_no_hooks():
    remote = replace(REMOTE, relations=relations(replace(DB, dying=True)))
    assert story(SETTLED, remote) == []


def test_removal_of_a_unit():
    remote = replace(
        REMOTE,
        dying=True,
        relations=relations(
            replace(PEERS, members={"a/1": 1}), replace(DB, members={"mysql/0": 1})
        ),
    )
    local = replace(
        SETTLED,
        relations={
            0: LocalRelation(members={"a/1": 1}),
            1: LocalRelation(members={"mysql/0": 1}),
        },
    )
    assert next_operation(local, remote).departing_unit == "a/0"
    assert story(local, remote) == [
        "db-relation-departed mysql/0",
        "db-relation-broken",
        "peers-relation-departed a/1",
        "Leave",
        "stop",
        "remove",
        "Finish",
    ]


def test_unit_removed_before_install_runs_no_hooks():
    assert story(Local(charm=1), replace(REMOTE, dying=True)) == ["Finish"]


def test_refresh_runs_upgrade_charm_and_config_changed():
    assert story(SETTLED, replace(REMOTE, charm=2)) == [
        "Unpack",
        "upgrade-charm",
        "config-changed",
    ]
    follower = replace(SETTLED, leader=False)
    assert story(follower, replace(REMOTE, charm=2, leader=False)) == [
        "Unpack",
        "upgrade-charm",
        "leader-settings-changed",
        "config-changed",
    ]


def test_new_leader_and_old_leader():
    assert story(replace(SETTLED, leader=False), REMOTE) == ["leader-elected"]
    remote = replace(REMOTE, leader=False, leader_settings=2)
    assert next_operation(SETTLED, remote) == Resign()
    assert story(SETTLED, remote) == ["Resign"]


def test_reboot_runs_start_and_nothing_else():
    remote = replace(REMOTE, boot_id="b2")
    assert story(SETTLED, remote) == ["start"]
    assert story(replace(SETTLED, started=False), remote) == ["start"]


def test_reboot_start_comes_before_the_hook_that_was_cut_short():
    local = begun(SETTLED, Hook("config-changed"))
    remote = replace(REMOTE, boot_id="b2")
    first = next_operation(local, remote)
    assert first == Hook("start", rebooted=True)
    assert next_operation(committed(local, first, remote), remote) == Hook("config-changed")


def test_update_status_comes_only_when_nothing_else_waits():
    due = replace(REMOTE, update_status_due=True)
    assert next_operation(SETTLED, due) == Hook("update-status")
    assert next_operation(SETTLED, replace(due, config="c2")) == Hook("config-changed")


class TestError:
    HOOK = Hook("config-changed")
    LOCAL = failed(replace(SETTLED, config="c0"), HOOK, REMOTE)

    def test_everything_but_tasks_waits(self):
        remote = replace(REMOTE, charm=2, config="c3", dying=True, update_status_due=True)
        assert next_operation(self.LOCAL, remote) is None
        assert next_operation(self.LOCAL, replace(remote, tasks=(4,))) == RunTask(4)

    @pytest.mark.parametrize("change", [{"retry_due": True}, {"resolved": "retry"}])
    def test_same_hook_is_run_again(self, change):
        assert next_operation(self.LOCAL, replace(REMOTE, **change)) == self.HOOK

    def test_no_retry_takes_the_hook_as_done(self):
        remote = replace(REMOTE, resolved="no-retry")
        assert next_operation(self.LOCAL, remote) == Skip(self.HOOK)
        after = committed(self.LOCAL, Skip(self.HOOK), remote)
        assert next_operation(after, replace(remote, resolved="")) is None

    def test_skipped_joined_still_leads_to_changed(self):
        remote = replace(REMOTE, relations=relations(replace(DB, members={"mysql/0": 1})))
        local = replace(SETTLED, relations={1: LocalRelation()})
        hook = next_operation(local, remote)
        after = committed(failed(local, hook, remote), Skip(hook), remote)
        assert story(after, remote) == ["db-relation-changed mysql/0"]

    def test_charm_is_upgraded_only_by_force_and_without_upgrade_charm(self):
        remote = replace(REMOTE, charm=2, retry_due=True)
        assert next_operation(self.LOCAL, remote) == self.HOOK
        forced = replace(remote, force_charm=True)
        assert next_operation(self.LOCAL, forced) == Unpack(2, hooked=False)
        after = committed(self.LOCAL, Unpack(2, hooked=False), forced)
        assert after.failed
        assert next_operation(after, forced) == self.HOOK

    def test_reboot_runs_start_all_the_same(self):
        remote = replace(REMOTE, boot_id="b2")
        assert next_operation(self.LOCAL, remote) == Hook("start", rebooted=True)

    def test_failed_start_after_a_reboot_is_not_repeated_at_once(self):
        remote = replace(REMOTE, boot_id="b2")
        local = failed(SETTLED, Hook("start", rebooted=True), remote)
        assert next_operation(local, remote) is None
        assert next_operation(local, replace(remote, retry_due=True)) == Hook("start")

    def test_attempts_are_counted_until_it_goes_well(self):
        again = failed(self.LOCAL, self.HOOK, REMOTE)
        assert again.attempts == 2
        assert committed(again, self.HOOK, REMOTE).attempts == 0


def test_interrupted_hook_is_run_again_but_after_tasks():
    local = begun(SETTLED, Hook("update-status"))
    assert next_operation(local, REMOTE) == Hook("update-status")
    assert next_operation(local, replace(REMOTE, tasks=(1,))) == RunTask(1)


def test_leader_elected_is_dropped_when_leadership_is_gone():
    hook = Hook("leader-elected")
    local = begun(replace(SETTLED, leader=False), hook)
    remote = replace(REMOTE, leader=False)
    assert next_operation(local, remote) == Skip(hook)


def test_relation_taken_away_by_force_is_forgotten_with_its_hook():
    hook = Hook("relation-changed", 1, "db", "mysql/0", "mysql")
    local = failed(replace(SETTLED, relations={1: LocalRelation()}), hook, REMOTE)
    after = pruned(local, REMOTE)
    assert after.relations == {} and not after.failed


def test_leaving_a_peer_relation_forgets_it():
    local = replace(SETTLED, relations={0: LocalRelation()})
    assert committed(local, Leave(0), REMOTE).relations == {}


def test_memory_survives_being_stored():
    hook = Hook("relation-changed", 1, "db", "mysql/0", "mysql")
    relation = LocalRelation({"mysql/0": 3}, 2, "mysql/0")
    local = begun(replace(SETTLED, relations={1: relation}), hook)
    assert Local.from_json(local.to_json()) == local
