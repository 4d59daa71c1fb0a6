"""What templates see."""

import types

import pytest
from charms_openstack import adapters
from charms_openstack.plugins import CephRelationAdapter


@pytest.fixture(autouse=True)
def no_registered_properties(monkeypatch):
    monkeypatch.setattr(adapters, "_adapter_properties", {})
    monkeypatch.setattr(adapters, "_config_properties", {})


@pytest.fixture
def ceph():
    return types.SimpleNamespace(
        endpoint_name="ceph-client", key="k", mon_hosts=lambda: ["10.0.0.2", "10.0.0.1"]
    )


class CephAdapters(adapters.OpenStackRelationAdapters):
    relation_adapters = {"ceph-client": CephRelationAdapter}  # noqa: RUF012


def test_options_and_endpoints_are_seen_by_their_names(unit, ceph):
    unit.update({"rbd-pool-name": "pool"})
    context = dict(adapters.OpenStackRelationAdapters([ceph]))
    assert set(context) == {"options", "ceph_client"}
    assert context["options"].rbd_pool_name == "pool"
    assert context["ceph_client"].key == "k"
    assert context["ceph_client"].relation_name == "ceph-client"


def test_an_endpoint_gets_the_adapter_that_is_meant_for_it(ceph):
    context = dict(CephAdapters([ceph]))
    assert context["ceph_client"].monitors == "10.0.0.1,10.0.0.2"


def test_an_option_that_does_not_exist_is_named(unit):
    with pytest.raises(AttributeError, match="no option rbd-pool-name"):
        _ = adapters.ConfigurationAdapter().rbd_pool_name


def test_computed_options_know_the_charm(unit):
    @adapters.config_property
    def client(options):
        return f"client.{options.charm_instance}"

    assert adapters.ConfigurationAdapter("gw").client == "client.gw"


def test_computed_properties_belong_to_one_endpoint(ceph):
    @adapters.adapter_property("ceph-client")
    def shout(adapter):
        return adapter.key.upper()

    other = types.SimpleNamespace(endpoint_name="cluster")
    context = dict(adapters.OpenStackRelationAdapters([ceph, other]))
    assert context["ceph_client"].shout == "K"
    assert not hasattr(context["cluster"], "shout")
