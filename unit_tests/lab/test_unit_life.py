"""Which hooks a unit runs, with which environment, from its deployment to its removal."""

import json

import pytest

RELATION_HOOKS = ("created", "joined", "changed", "departed", "broken")
UNIT_HOOKS = (
    "install",
    "leader-elected",
    "leader-settings-changed",
    "config-changed",
    "start",
    "stop",
    "remove",
    "upgrade-charm",
)
SAY = 'echo "$JUJU_UNIT_NAME: $JUJU_HOOK_NAME $JUJU_REMOTE_UNIT$JUJU_DEPARTING_UNIT" >> {trace}'
WEB = """\
name: web
peers: {peers: {interface: web-peer}}
requires: {db: {interface: sql}}
"""
DB = "name: db\nprovides: {site: {interface: sql}}\n"
CONFIG = "options: {color: {type: string, default: red}}\n"


@pytest.fixture
def telling(charm, trace):
    """Makes charms whose every hook appends a line to the trace; `extra` is more shell by hook."""

    def make(name, metadata, endpoints, extra=None, **files):
        extra = extra or {}
        hooks = [
            *UNIT_HOOKS,
            *(f"{end}-relation-{kind}" for end in endpoints for kind in RELATION_HOOKS),
        ]
        say = SAY.format(trace=trace)
        scripts = {f"hooks/{hook}": f"{say}\n{extra.get(hook, '')}" for hook in hooks}
        return str(charm(name, scripts, metadata=metadata, **files))

    return make


class Told:
    """The lines of the trace, by unit, since `forget`."""

    def __init__(self, trace):
        self._trace = trace
        self._seen = 0

    def __call__(self, unit):
        lines = self._trace.read_text().splitlines()[self._seen :]
        return [" ".join(line.split()[1:]) for line in lines if line.startswith(f"{unit}:")]

    def forget(self):
        self._seen = len(self._trace.read_text().splitlines())


@pytest.fixture
def told(trace):
    return Told(trace)


def test_first_hooks_come_in_order(lab, telling, told):
    lab.api.deploy(None, telling("web", WEB, ["peers", "db"]), units=1)
    lab.wait_idle("web/0")
    assert told("web/0") == [
        "install",
        "peers-relation-created",
        "leader-elected",
        "config-changed",
        "start",
    ]


def test_status_goes_from_waiting_to_unknown_when_the_charm_says_nothing(lab, charm):
    lab.api.deploy(None, str(charm("toy", {"hooks/install": "true"})))
    lab.wait_idle("toy/0")
    log = lab.api.status_log(None, "toy/0", "workload", 20, True)
    assert [(row["status"], row.get("message")) for row in log] == [
        ("waiting", "installing agent"),
        ("waiting", "agent initialising"),
        ("maintenance", "installing charm software"),
        ("unknown", ""),
    ]


def test_relation_hooks_with_data(lab, telling, told, trace):
    web = telling("web", WEB, ["peers", "db"])
    db = telling("db", DB, ["site"], {"site-relation-joined": "relation-set url=there"})
    lab.api.deploy(None, web)
    lab.api.deploy(None, db)
    lab.wait_idle("web/0", "db/0")
    told.forget()
    assert lab.api.integrate(None, "web", "db") == "web:db db:site"
    lab.wait_idle("web/0", "db/0")
    lab.wait(lambda: "site-relation-changed web/0" in told("db/0"))
    lab.wait(lambda: "db-relation-changed db/0" in told("web/0"))
    lab.wait_idle("web/0", "db/0")
    assert told("db/0") == [
        "site-relation-created",
        "site-relation-joined web/0",
        "site-relation-changed web/0",
    ]
    # Whether the data came before or after the first changed is open.
    assert list(dict.fromkeys(told("web/0"))) == [
        "db-relation-created",
        "db-relation-joined db/0",
        "db-relation-changed db/0",
    ]
    told.forget()
    lab.api.remove_relation(None, ["web", "db"], False)
    lab.wait(
        lambda: (
            not lab.api.status(None, [], True)["document"]["applications"]["db"].get("relations")
        )
    )
    lab.wait_idle("web/0", "db/0")
    assert told("web/0") == ["db-relation-departed db/0db/0", "db-relation-broken"]
    assert told("db/0") == ["site-relation-departed web/0web/0", "site-relation-broken"]


def test_removed_unit_leaves_its_peers_then_stops(lab, telling, told):
    lab.api.deploy(None, telling("web", WEB, ["peers", "db"]), units=2)
    lab.wait_idle("web/0", "web/1")
    told.forget()
    lab.api.remove_unit(None, "web/1", False, False)
    lab.wait(lambda: not lab.unit("web/1"))
    lab.wait(lambda: "peers-relation-departed web/1web/1" in told("web/0"))
    assert [line for line in told("web/1") if line != "leader-settings-changed"] == [
        "peers-relation-departed web/0web/1",
        "stop",
        "remove",
    ]
    lab.wait(lambda: "1" not in lab.status()["machines"])
    assert not lab.host_of(1).running


def test_unit_numbers_are_never_given_out_again(lab, charm):
    lab.api.deploy(None, str(charm("toy", {})), units=2)
    lab.wait_idle("toy/1")
    lab.api.remove_unit(None, "toy/1", False, False)
    lab.wait(lambda: not lab.unit("toy/1"))
    assert lab.api.add_unit(None, "toy", 1, []) == ["toy/2"]


def test_removed_application_breaks_its_relations(lab, telling, told):
    lab.api.deploy(None, telling("web", WEB, ["peers", "db"]))
    lab.api.deploy(None, telling("db", DB, ["site"]))
    lab.api.integrate(None, "web:db", "db:site")
    lab.wait_idle("web/0", "db/0")
    lab.wait(lambda: "site-relation-changed web/0" in told("db/0"))
    lab.wait_idle("web/0", "db/0")
    told.forget()
    lab.api.remove_application(None, "db", False, False)
    lab.wait(lambda: "db" not in lab.status()["applications"])
    assert told("db/0") == [
        "site-relation-departed web/0db/0",
        "site-relation-broken",
        "stop",
        "remove",
    ]
    lab.wait(lambda: "db-relation-broken" in told("web/0"))


def test_related_applications_that_are_removed_by_force_both_go(lab, telling):
    lab.api.deploy(None, telling("web", WEB, ["peers", "db"]))
    lab.api.deploy(None, telling("db", DB, ["site"]))
    lab.api.integrate(None, "web:db", "db:site")
    lab.wait_idle("web/0", "db/0")
    for name in ("web", "db"):
        lab.api.remove_application(None, name, True, True)
    lab.wait(lambda: not lab.status()["applications"])


def test_config_changed_runs_for_a_change_only(lab, telling, told):
    lab.api.deploy(None, telling("web", WEB, ["peers"], config=CONFIG))
    lab.wait_idle("web/0")
    told.forget()
    lab.api.set_config(None, "web", {"color": "blue"}, [])
    lab.wait(lambda: told("web/0") == ["config-changed"])
    lab.api.set_config(None, "web", {"color": "blue"}, [])
    lab.wait_idle("web/0")
    lab.exec("web/0", "true")
    assert told("web/0") == ["config-changed"]


def test_refresh_upgrades_then_changes_config(lab, charm, telling, told, trace):
    source = telling("web", WEB, ["peers"], config=CONFIG)
    lab.api.deploy(None, source)
    lab.wait_idle("web/0")
    told.forget()
    lab.exec("web/0", "touch made-by-charm")
    (charm("web", {}, metadata=WEB, config=CONFIG) / "added").touch()
    (charm("web", {}, metadata=WEB, config=CONFIG) / "hooks" / "stop").unlink()
    lab.api.refresh(None, "web", source, False)
    lab.wait(lambda: told("web/0") == ["upgrade-charm", "config-changed"])
    output = lab.exec("web/0", "ls . hooks; cat revision")["stdout"].split()
    assert "made-by-charm" in output and "added" in output and "stop" not in output
    assert output[-1] == "1"


def test_dispatch_runs_every_hook_and_action(lab, charm, trace):
    source = charm(
        "toy",
        {"dispatch": f'echo "$JUJU_DISPATCH_PATH" >> {trace}'},
        actions="act: {description: d}\n",
    )
    lab.api.deploy(None, str(source))
    lab.wait_idle("toy/0")
    lab.result(lab.api.run(None, ["toy/0"], "act", {}))
    assert trace.read_text().split() == [
        "hooks/install",
        "hooks/leader-elected",
        "hooks/config-changed",
        "hooks/start",
        "actions/act",
    ]


def test_install_sees_no_relation_and_relation_created_does(lab, charm, trace):
    list_them = f'echo "$JUJU_HOOK_NAME:$(relation-ids peers)" >> {trace}'
    hooks = {"hooks/install": list_them, "hooks/peers-relation-created": list_them}
    lab.api.deploy(None, str(charm("web", hooks, metadata=WEB)))
    lab.wait_idle("web/0")
    assert trace.read_text().split() == ["install:", "peers-relation-created:peers:0"]


def test_hooks_of_one_machine_never_run_together(lab, charm, trace):
    hook = f"echo begin >> {trace}; sleep 0.2; echo end >> {trace}"
    source = str(charm("toy", {"hooks/install": hook, "hooks/start": hook}))
    lab.api.deploy(None, source)
    lab.api.deploy(None, source, name="other", to=["0"])
    lab.wait_idle("toy/0", "other/0")
    assert trace.read_text().split() == ["begin", "end"] * 4


def test_output_that_a_background_process_holds_open_does_not_hold_the_hook(lab, charm):
    lab.api.deploy(None, str(charm("toy", {"hooks/install": "sleep 300 & echo begun"})))
    lab.wait_idle("toy/0")
    assert "DEBUG unit.toy/0.install begun" in lab.log()


def test_unit_data_bag_begins_with_the_addresses(lab, telling):
    lab.api.deploy(None, telling("web", WEB, ["peers"]), units=1)
    lab.wait_idle("web/0")
    found = lab.exec("web/0", "relation-get -r 0 - web/0 --format=json")["stdout"]
    assert json.loads(found) == {
        "egress-subnets": "127.0.0.1/32",
        "ingress-address": "127.0.0.1",
        "private-address": "127.0.0.1",
    }


def test_update_status_comes_after_its_interval(lab, charm, trace):
    lab.api.set_model_config(None, {"update-status-hook-interval": "200ms"}, [])
    hook = {"hooks/update-status": f"echo tick >> {trace}"}
    lab.api.deploy(None, str(charm("toy", hook)))
    lab.wait(lambda: trace.read_text().count("tick") >= 2)
    assert lab.unit("toy/0")["juju-status"]["current"] in ("idle", "executing")
