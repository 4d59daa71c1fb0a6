"""Who may reach the API: related applications, added addresses, with a password that changes."""

import contextlib
import json
from collections.abc import Iterator

import jubilant
import pytest
from harness import CONSUMER, GATEWAY, HERE, INITIATOR, IQN, Model

CONFIG = "/etc/ceph/iscsi-gateway.cfg"


@pytest.fixture(scope="module")
def consumer(target: Model) -> Model:
    """The model with a consumer of the API; it stays for the next module, unrelated."""
    target.relate_consumer()
    return target


def trusted(model: Model, unit: str) -> list[str]:
    """The trusted_ip_list of a gateway."""
    line = model.run_on(unit, "grep", "^trusted_ip_list", CONFIG)
    return line.partition(" = ")[2].strip().split(",")


def test_the_relation_tells_where_each_gateway_is_and_how_to_log_in(consumer: Model):
    for unit in consumer.gateways():
        told = consumer.bag(unit, "admin-access", consumer.consumer())
        address = consumer.address(unit)
        name = consumer.run_on(unit, "hostname", "--fqdn").strip()
        expected = {"name": name, "scheme": "http", "port": "5000", "host": address}
        assert {key: told[key] for key in expected} == expected
    shown = json.loads(consumer.juju.cli("show-unit", consumer.consumer(), "--format", "json"))[
        consumer.consumer()
    ]
    login = shown["relation-info"][0]["application-data"]
    assert login["username"] == "admin"
    assert len(login["password"]) == 32


def test_the_consumer_is_let_in_by_all_gateways(consumer: Model):
    results = consumer.action(consumer.consumer(), "get-config")
    assert set(json.loads(results["codes"]).values()) == {200}
    assert len(json.loads(results["codes"])) == len(consumer.gateways())
    assert json.loads(results["targets"]) == [IQN]


def test_a_wrong_password_is_refused(consumer: Model):
    results = consumer.action(consumer.consumer(), "get-config", password="wrong")
    assert set(json.loads(results["codes"]).values()) == {401}


def test_all_others_are_refused_whatever_they_say(consumer: Model):
    for unit in consumer.gateways():
        assert consumer.api_code(unit, INITIATOR) == 403


def test_the_consumers_address_is_trusted_behind_the_gateways_own(consumer: Model):
    gateways = sorted(consumer.address(unit) for unit in consumer.gateways())
    for unit in consumer.gateways():
        assert trusted(consumer, unit) == [*gateways, consumer.address(consumer.consumer())]


def daemons(model: Model) -> list[str]:
    """Process ids of the gateways' daemons, since when they run: what a restart changes."""
    show = ("systemctl", "show", "-P", "MainPID", "rbd-target-api", "rbd-target-gw")
    return [model.run_on(unit, *show) for unit in model.gateways()]


def test_addresses_are_trusted_as_soon_as_they_are_added_and_as_long(consumer: Model):
    before, address = daemons(consumer), consumer.address(INITIATOR)
    told = consumer.action(consumer.leader(), "add-trusted-ip", ips=f"{address} fd00:0::0a")
    assert told["trusted-ips"] == f"{address} fd00::a"
    consumer.settle(GATEWAY)
    for unit in consumer.gateways():
        assert consumer.api_code(unit, INITIATOR) == 401, "trusted, but without a password"
    consumer.action(consumer.leader(), "add-trusted-ip", ips="fd00::b", overwrite=True)
    consumer.settle(GATEWAY)
    for unit in consumer.gateways():
        assert consumer.api_code(unit, INITIATOR) == 403
        assert "fd00::a" not in trusted(consumer, unit)
        assert "fd00::b" in trusted(consumer, unit)
    consumer.action(consumer.leader(), "remove-trusted-ip", ips="FD00::B")
    consumer.settle(GATEWAY)
    assert not any("fd00::b" in trusted(consumer, unit) for unit in consumer.gateways())
    sums = {consumer.run_on(unit, "sha256sum", CONFIG) for unit in consumer.gateways()}
    assert len(sums) == 1
    assert daemons(consumer) == before, "no daemon has restarted"


@pytest.mark.parametrize("name", ["add-trusted-ip", "remove-trusted-ip", "rotate-admin-password"])
def test_only_the_leader_may_change_who_gets_in(consumer: Model, name):
    others = set(consumer.gateways()) - {consumer.leader()}
    parameters = {} if name.startswith("rotate") else {"ips": "192.0.2.1"}
    assert (
        consumer.failure(others.pop(), name, **parameters).message
        == "Action must be run on leader"
    )


@pytest.mark.parametrize("ips", ["192.0.2.0/24", "192.0.2.1 gateway"])
def test_what_is_no_address_is_refused_by_name_and_changes_nothing(consumer: Model, ips):
    before = trusted(consumer, consumer.leader())
    message = consumer.failure(consumer.leader(), "add-trusted-ip", ips=ips).message
    assert message.startswith(f"ips: {ips.split()[-1]!r} is not valid")
    assert trusted(consumer, consumer.leader()) == before


def test_what_a_relation_lets_in_is_not_said_to_be_removed(consumer: Model):
    for unit in (consumer.consumer(), *consumer.gateways()):
        address = consumer.address(unit)
        message = consumer.failure(consumer.leader(), "remove-trusted-ip", ips=address).message
        assert message.startswith(f"ips: {address} stays trusted")


#: Starts a program behind the scenes and ends it; the consumer's host has no systemd.
START = 'setsid "$0" "$@" < /dev/null > /dev/null 2>&1 & echo $! > /root/asker.pid'
STOP = """
read pid < /root/asker.pid
kill $pid; while kill -0 $pid 2> /dev/null; do sleep 0.2; done
"""


@contextlib.contextmanager
def asking(model: Model, unit: str, *arguments: str) -> Iterator[dict[str, int]]:
    """Have UNIT ask the APIs meanwhile; how often it got which answer is there at the end."""
    program, notes = "/root/asker.py", "/root/asker.json"
    model.juju.scp(HERE / "asker.py", f"{unit}:asker.py")
    model.run_on(unit, "install", "-m", "0700", "/home/ubuntu/asker.py", program)
    model.run_on(unit, "sh", "-c", START, program, arguments[0], notes, *arguments[1:])
    answers: dict[str, int] = {}
    try:
        yield answers
    finally:
        model.run_on(unit, "sh", "-c", STOP)
    answers |= json.loads(model.run_on(unit, "cat", notes))


def test_another_password_comes_into_use_and_nobody_is_locked_out_meanwhile(
    consumer: Model, figures
):
    names = [consumer.run_on(unit, "hostname", "--fqdn").strip() for unit in consumer.gateways()]
    old, before = consumer.api_passwords("ceph-iscsi/0"), daemons(consumer)
    with contextlib.ExitStack() as stack:
        seen = [stack.enter_context(asking(consumer, consumer.consumer(), "clients"))]
        for unit in consumer.gateways():
            seen.append(stack.enter_context(asking(consumer, unit, "gateways", *names)))
        told = consumer.action(consumer.leader(), "rotate-admin-password")
        assert told["outcome"].startswith("begun; waiting for ceph-iscsi/")
        consumer.wait(lambda status: consumer.rotated(old))
        consumer.settle(GATEWAY, CONSUMER)
    figures["asked while the password changes"] = str(seen)
    for answers in seen:
        assert set(answers) == {"200"}
    assert daemons(consumer) == before, "no daemon has restarted"
    assert len({consumer.run_on(u, "sha256sum", CONFIG) for u in consumer.gateways()}) == 1
    results = consumer.action(consumer.consumer(), "get-config")
    assert set(json.loads(results["codes"]).values()) == {200}
    former = old[0].partition(" = ")[2]
    results = consumer.action(consumer.consumer(), "get-config", password=former)
    assert set(json.loads(results["codes"]).values()) == {401}


def test_the_checklist_tells_what_is_not_as_it_should_be(consumer: Model):
    unit = "ceph-iscsi/1"
    shown = checklist(consumer, unit)
    assert shown.pop("tls").startswith("FAIL - the API speaks plain HTTP")
    assert set(shown.values()) == {"PASS"}
    consumer.run_on(
        unit, "sh", "-c", f"cp {CONFIG} /var/log/copy; chmod 644 /var/log/copy {CONFIG}"
    )
    shown = checklist(consumer, unit)
    consumer.run_on(unit, "sh", "-c", f"rm /var/log/copy; chmod 600 {CONFIG}")
    assert shown["file-permissions"] == f"FAIL - {CONFIG} has mode 0644, not 0600"
    assert f"{CONFIG} has a secret and can be read by every user" in shown["readable-secrets"]
    assert "/var/log/copy has a secret" in shown["readable-secrets"]


def checklist(model: Model, unit: str) -> dict[str, str]:
    """What security-checklist tells of a unit on which something is wrong."""
    task = model.failure(unit, "security-checklist")
    results = {name: said for name, said in task.results.items() if said[:4] in ("PASS", "FAIL")}
    failed = {name for name, said in results.items() if said != "PASS"}
    assert failed == set(task.message.removeprefix("failed: ").split(", "))
    return results


def test_a_consumer_that_leaves_is_shut_out_at_once(consumer: Model):
    for unit in consumer.gateways():
        assert consumer.api_code(unit, consumer.consumer()) == 401, (
            "trusted, but without a password"
        )
    consumer.juju.remove_relation(f"{GATEWAY}:admin-access", CONSUMER)
    consumer.wait(lambda status: CONSUMER not in _related(status))
    consumer.settle(GATEWAY, CONSUMER)
    for unit in consumer.gateways():
        assert consumer.api_code(unit, consumer.consumer()) == 403
        assert consumer.address(consumer.consumer()) not in trusted(consumer, unit)


def _related(status: jubilant.Status) -> list[str]:
    relations = status.apps[GATEWAY].relations.get("admin-access", [])
    return [relation.related_app for relation in relations]
