"""admin-access: an application gets in at once, with what the relation tells, and out at once."""

import json
from collections.abc import Iterator

import jubilant
import pytest
from harness import COMPANIONS, GATEWAY, IQN, Model

CONSUMER = "api-client"
UNIT = "api-client/0"


@pytest.fixture(scope="module")
def consumer(target: Model) -> Iterator[Model]:
    """The model with a consumer of the API, without it again at the end."""
    if CONSUMER not in target.juju.status().apps:
        target.juju.deploy(COMPANIONS / CONSUMER, constraints={"virt-type": "container"})
        target.settle(CONSUMER)
    target.juju.integrate(f"{GATEWAY}:admin-access", CONSUMER)
    target.settle(GATEWAY, CONSUMER)
    yield target
    target.juju.remove_application(CONSUMER)


def trusted(model: Model, unit: str) -> list[str]:
    """The trusted_ip_list of a gateway."""
    line = model.run_on(unit, "grep", "^trusted_ip_list", "/etc/ceph/iscsi-gateway.cfg")
    return line.partition(" = ")[2].strip().split(",")


def test_the_relation_tells_where_each_gateway_is_and_how_to_log_in(consumer: Model):
    for unit in consumer.gateways():
        told = consumer.bag(unit, "admin-access", UNIT)
        address = consumer.address(unit)
        name = consumer.run_on(unit, "hostname", "--fqdn").strip()
        expected = {"name": name, "scheme": "http", "port": "5000", "host": address}
        assert {key: told[key] for key in expected} == expected
    shown = json.loads(consumer.juju.cli("show-unit", UNIT, "--format", "json"))[UNIT]
    login = shown["relation-info"][0]["application-data"]
    assert login["username"] == "admin"
    assert len(login["password"]) == 32


def test_the_consumer_is_let_in_by_all_gateways(consumer: Model):
    results = consumer.action(UNIT, "get-config")
    assert set(json.loads(results["codes"]).values()) == {200}
    assert len(json.loads(results["codes"])) == len(consumer.gateways())
    assert json.loads(results["targets"]) == [IQN]


def test_a_wrong_password_is_refused(consumer: Model):
    results = consumer.action(UNIT, "get-config", password="wrong")
    assert set(json.loads(results["codes"]).values()) == {401}


def test_all_others_are_refused_whatever_they_say(consumer: Model):
    for unit in consumer.gateways():
        assert consumer.api_code(unit, "initiator/0") == 403


def test_the_consumers_address_is_trusted_behind_the_gateways_own(consumer: Model):
    gateways = sorted(consumer.address(unit) for unit in consumer.gateways())
    for unit in consumer.gateways():
        assert trusted(consumer, unit) == [*gateways, consumer.address(UNIT)]


def test_a_consumer_that_leaves_is_shut_out_at_once(consumer: Model):
    for unit in consumer.gateways():
        assert consumer.api_code(unit, UNIT) == 401, "trusted, but without a password"
    consumer.juju.remove_relation(f"{GATEWAY}:admin-access", CONSUMER)
    consumer.wait(lambda status: CONSUMER not in _related(status))
    consumer.settle(GATEWAY, CONSUMER)
    for unit in consumer.gateways():
        assert consumer.api_code(unit, UNIT) == 403
        assert consumer.address(UNIT) not in trusted(consumer, unit)


def _related(status: jubilant.Status) -> list[str]:
    relations = status.apps[GATEWAY].relations.get("admin-access", [])
    return [relation.related_app for relation in relations]
