"""Spaces: machines in two networks, endpoints bound to one of them, what a charm gets to see."""

import json

import jubilant
import pytest
from juju_lab.errors import JujuError

METADATA = """\
name: toy
extra-bindings:
  public:
peers:
  peers:
    interface: toy-peer
requires:
  db:
    interface: db
"""
INTERNAL, STORAGE = ["10.85.0.0/24", "fd85::/64"], ["10.86.0.0/24", "fd86::/64"]


@pytest.fixture
def source(charm):
    return str(charm("toy", {}, metadata=METADATA))


@pytest.fixture
def spaced(lab, source):
    """A unit with `public` in one space and all else in another."""
    lab.api.add_space(None, "internal", INTERNAL)
    lab.api.add_space(None, "storage", STORAGE)
    lab.api.deploy(None, source, bind={"": "internal", "public": "storage"})
    lab.wait_idle("toy/0")
    return lab


def network(lab, binding, unit="toy/0"):
    return json.loads(lab.exec(unit, f"network-get {binding} --format=json")["stdout"])


def test_a_binding_has_the_addresses_of_its_space_ipv4_first(spaced):
    shown = network(spaced, "public")
    (bind,) = shown["bind-addresses"]
    assert bind["interface-name"] == "eth1"
    assert [(each["value"], each["cidr"]) for each in bind["addresses"]] == [
        ("10.86.0.11", "10.86.0.0/24"),
        ("fd86::11", "fd86::/64"),
    ]
    assert shown["ingress-addresses"] == ["10.86.0.11", "fd86::11"]
    assert shown["egress-subnets"] == ["10.86.0.11/32"]
    assert network(spaced, "peers")["ingress-addresses"] == ["10.85.0.11", "fd85::11"]
    said = spaced.exec("toy/0", "network-get public --ingress-address; unit-get private-address")
    assert said["stdout"] == "10.86.0.11\n10.85.0.11\n"


def test_alpha_is_the_preferred_address_alone(spaced, source):
    spaced.api.deploy(None, source, name="other")
    spaced.wait_idle("other/0")
    assert network(spaced, "public", "other/0")["ingress-addresses"] == ["10.85.0.12"]


def test_status_shows_bindings_interfaces_and_addresses(spaced):
    status = spaced.status()
    assert status["applications"]["toy"]["endpoint-bindings"] == {
        "": "internal",
        "db": "internal",
        "peers": "internal",
        "public": "storage",
    }
    machine = status["machines"]["0"]
    assert machine["dns-name"] == "10.85.0.11"
    assert machine["ip-addresses"] == ["10.85.0.11", "fd85::11", "10.86.0.11", "fd86::11"]
    spaces = {name: each["space"] for name, each in machine["network-interfaces"].items()}
    assert spaces == {"eth0": "internal", "eth1": "storage"}


def test_bind_moves_an_endpoint_runs_config_changed_and_refreshes_the_data_bag(spaced, trace):
    def bag():
        return spaced.exec("toy/0", "relation-get -r 0 ingress-address toy/0").get("stdout")

    assert bag() == "10.85.0.11\n"
    spaced.api.bind(None, "toy", {"peers": "storage"})
    spaced.wait(lambda: bag() == "10.86.0.11\n")
    bound = spaced.status()["applications"]["toy"]["endpoint-bindings"]
    assert (bound["peers"], bound["db"]) == ("storage", "internal")


def test_without_spaces_a_machine_has_one_network_and_none_of_a_later_space(lab, source):
    lab.api.deploy(None, source)
    lab.wait_idle("toy/0")
    assert lab.status()["machines"]["0"]["ip-addresses"] == ["127.0.0.1"]
    lab.api.add_space(None, "storage", STORAGE)
    with pytest.raises(JujuError, match='machine "0" has no devices in space "storage"'):
        lab.api.bind(None, "toy", {"public": "storage"})


@pytest.mark.parametrize(
    ("bind", "error"),
    [
        ({"public": "nowhere"}, 'space not found: "nowhere"'),
        ({"nothing": "alpha"}, 'endpoint "nothing" not found'),
    ],
)
def test_a_wrong_binding_is_refused_before_anything_is_made(lab, source, bind, error):
    with pytest.raises(JujuError, match=error):
        lab.api.deploy(None, source, bind=bind)
    assert not lab.status()["machines"]


def test_a_refreshed_charms_new_endpoint_gets_the_applications_default(spaced, charm):
    newer = charm("toy", {}, metadata=f"{METADATA}  web: {{interface: http}}\n")
    spaced.api.refresh(None, "toy", str(newer), False)
    bound = spaced.status()["applications"]["toy"]["endpoint-bindings"]
    assert (bound["web"], bound["public"]) == ("internal", "storage")


def test_the_command_and_jubilant_know_spaces(shared_lab, command, source):
    juju = jubilant.Juju(cli_binary=str(command))
    juju.cli("add-space", "storage", *STORAGE)
    with pytest.raises(jubilant.CLIError) as caught:
        juju.cli("add-space", "storage")
    assert (
        'ERROR cannot add space "storage": space "storage" already exists' in caught.value.stderr
    )
    listed = json.loads(juju.cli("spaces", "--format", "json"))["spaces"]
    assert [(each["name"], list(each["subnets"])) for each in listed] == [
        ("alpha", INTERNAL),
        ("storage", STORAGE),
    ]
    assert juju.cli("spaces").splitlines()[1].split() == ["alpha", "0", "10.85.0.0/24"]
    juju.deploy(source, bind={"public": "storage"})
    juju.wait(lambda status: jubilant.all_agents_idle(status, "toy"), timeout=30)
    bound = juju.status().apps["toy"].endpoint_bindings
    assert (bound["public"], bound["db"]) == ("storage", "alpha")
    juju.cli("bind", "toy", "storage")
    assert set(juju.status().apps["toy"].endpoint_bindings.values()) == {"storage"}
