"""Who may read and write which data bag, and when others get to see it."""

import json

import pytest
from lab_fakes import make_charm

WEB = "name: web\npeers: {peers: {interface: web-peer}}\nrequires: {db: {interface: sql}}\n"
DB = "name: db\nprovides: {site: {interface: sql}}\n"


@pytest.fixture(scope="module")
def related(shared_lab, tmp_path_factory):
    directory = tmp_path_factory.mktemp("charms")
    lab = shared_lab
    lab.api.deploy(None, str(make_charm(directory, "web", {}, metadata=WEB)), units=2)
    lab.api.deploy(None, str(make_charm(directory, "db", {}, metadata=DB)))
    lab.api.integrate(None, "web", "db")
    lab.wait_idle("web/0", "web/1", "db/0")
    lab.wait(lambda: members(lab))
    return lab


def members(lab):
    return all(
        lab.exec(unit, f"relation-list -r {number}").get("stdout")
        for unit, number in (("web/0", 0), ("web/1", 0), ("web/0", 1), ("web/1", 1), ("db/0", 1))
    )


def leader_and_other(lab):
    units = lab.status()["applications"]["web"]["units"]
    leader = next(name for name, unit in units.items() if unit.get("leader"))
    (other,) = set(units) - {leader}
    return leader, other


def run(lab, unit, command):
    results = lab.exec(unit, command)
    return results["return-code"], results.get("stdout", ""), results.get("stderr", "")


DENIED = (1, "", "ERROR permission denied\n")


def test_relation_list_has_the_remote_units(related):
    assert run(related, "db/0", "relation-list -r 1") == (0, "web/0\nweb/1\n", "")
    assert run(related, "web/0", "relation-list -r db:1") == (0, "db/0\n", "")
    assert run(related, "web/1", "relation-list -r peers:0") == (0, "web/0\n", "")


def test_unit_bags(related):
    assert run(related, "web/0", "relation-set -r 1 k=v")[0] == 0
    assert run(related, "db/0", "relation-get -r 1 k web/0") == (0, "v\n", "")
    assert run(related, "web/1", "relation-get -r 1 k web/0") == DENIED
    run(related, "web/0", "relation-set -r 0 p=q")
    assert run(related, "web/1", "relation-get -r 0 p web/0") == (0, "q\n", "")


def test_own_application_bag(related):
    leader, other = leader_and_other(related)
    assert run(related, leader, "relation-set -r 1 --app a=b") == (0, "", "")
    assert run(related, leader, "relation-get -r 1 --app a web") == (0, "b\n", "")
    assert run(related, other, "relation-get -r 1 --app a web") == DENIED
    assert run(related, "db/0", "relation-get -r 1 --app a web/0") == (0, "b\n", "")
    error = "ERROR cannot write relation settings\n"
    assert run(related, other, "relation-set -r 1 --app a=c") == (1, "", error)


def test_peer_application_bag(related):
    leader, other = leader_and_other(related)
    run(related, leader, "relation-set -r 0 --app shared=1")
    assert run(related, other, "relation-get -r 0 --app shared web") == (0, "1\n", "")


def test_leader_settings(related):
    leader, other = leader_and_other(related)
    run(related, leader, "leader-set word=abc")
    assert run(related, other, "leader-get word") == (0, "abc\n", "")
    assert run(related, other, "leader-set word=x") == (
        1,
        "",
        "ERROR cannot write leadership settings: cannot write settings: not the leader\n",
    )
    assert run(related, other, "status-set --application active")[0] == 1


def test_show_unit_has_the_data_of_the_other_side(related):
    run(related, "db/0", "relation-set -r 1 url=there; relation-set -r 1 --app port=5")
    info = related.api.show_unit(None, ["web/0"])["web/0"]["relation-info"]
    db = next(each for each in info if each["endpoint"] == "db")
    assert db["related-endpoint"] == "site"
    assert db["application-data"] == {"port": "5"}
    assert db["related-units"]["db/0"]["data"]["url"] == "there"
    assert "local-unit" not in db
    peers = next(each for each in info if each["endpoint"] == "peers")
    assert "web/0" not in peers["related-units"]
    assert peers["local-unit"]["in-scope"]


def test_goal_state_has_the_related_units(related):
    document = json.loads(run(related, "web/0", "goal-state --format=json")[1])
    assert set(document["units"]) == {"web/0", "web/1"}
    assert set(document["relations"]["db"]) == {"db", "db/0"}


def test_unchanged_value_wakes_nobody(lab, charm, trace):
    hooks = {"hooks/site-relation-changed": f"echo changed >> {trace}"}
    lab.api.deploy(None, str(charm("db", hooks, metadata=DB)))
    lab.api.deploy(None, str(charm("web", {}, metadata=WEB)))
    lab.api.integrate(None, "web", "db")
    lab.wait(lambda: trace.read_text() == "changed\n")
    lab.wait_idle("db/0", "web/0")
    number = lab.exec("web/0", "relation-ids db")["stdout"].strip()
    lab.exec("web/0", f"relation-set -r {number} a=1")
    lab.wait(lambda: trace.read_text() == "changed\n" * 2)
    lab.exec("web/0", f"relation-set -r {number} a=1")
    lab.wait_idle("db/0")
    lab.exec("db/0", "true")
    assert trace.read_text() == "changed\n" * 2


def test_failed_hook_writes_nothing_but_what_is_immediate(lab, charm):
    script = (
        "relation-set -r 0 a=1; state-set s=1; open-port 80; "
        "status-set blocked seen; leader-set kept=1; exit 1"
    )
    lab.api.set_model_config(None, {"automatically-retry-hooks": "false"}, [])
    lab.api.deploy(None, str(charm("web", {"hooks/config-changed": script}, metadata=WEB)))
    lab.wait(lambda: (lab.unit("web/0") or {}).get("workload-status", {})["current"] == "error")
    assert lab.unit("web/0")["workload-status"]["message"] == 'hook failed: "config-changed"'
    assert lab.unit("web/0")["juju-status"]["current"] == "idle"
    output = lab.exec(
        "web/0",
        "relation-get -r 0 a web/0; state-get s; opened-ports; leader-get kept; status-get",
    )
    assert output["stdout"] == "1\nblocked\n"


def test_app_data_written_before_joining_is_told_first(lab, charm, trace):
    say = f'echo "$JUJU_HOOK_NAME $JUJU_REMOTE_APP [$JUJU_REMOTE_UNIT]" >> {trace}'
    web = {f"hooks/db-relation-{kind}": say for kind in ("joined", "changed")}
    db = {"hooks/site-relation-created": "relation-set --app a=1"}
    lab.api.deploy(None, str(charm("db", db, metadata=DB)))
    lab.api.deploy(None, str(charm("web", {**web, "hooks/install": "sleep 0.5"}, metadata=WEB)))
    lab.api.integrate(None, "web", "db")
    lab.wait(lambda: trace.read_text().count("changed") == 2)
    assert trace.read_text().splitlines() == [
        "db-relation-changed db []",
        "db-relation-joined db [db/0]",
        "db-relation-changed db [db/0]",
    ]


def test_relation_that_ends_is_listed_until_its_last_unit_has_departed(lab, charm, trace):
    script = f'echo "[$(relation-ids db)] [$(relation-list)]" >> {trace}'
    lab.api.deploy(None, str(charm("db", {}, metadata=DB)))
    web = charm("web", {"hooks/db-relation-departed": script}, metadata=WEB)
    lab.api.deploy(None, str(web))
    lab.api.integrate(None, "web", "db")
    lab.wait_idle("web/0", "db/0")
    number = lab.exec("web/0", "relation-ids db")["stdout"].strip()
    lab.api.remove_relation(None, ["web", "db"], False)
    lab.wait(lambda: trace.read_text() == f"[{number}] []\n")


def test_relation_being_broken_is_not_listed_but_its_data_is_there(lab, charm, trace):
    script = f'echo "[$(relation-ids db)] $(relation-get k web/0)" >> {trace}'
    web = {"hooks/db-relation-broken": script}
    lab.api.deploy(None, str(charm("db", {}, metadata=DB)))
    lab.api.deploy(None, str(charm("web", web, metadata=WEB)))
    lab.api.integrate(None, "web", "db")
    lab.wait_idle("web/0", "db/0")
    number = lab.exec("web/0", "relation-ids db")["stdout"].strip()
    lab.exec("web/0", f"relation-set -r {number} k=v")
    lab.api.remove_relation(None, ["web", "db"], False)
    lab.wait(lambda: trace.read_text() == "[] v\n")
