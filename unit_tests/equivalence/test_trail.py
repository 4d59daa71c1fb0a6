"""What a reader is told beside the verdicts: steps, data bags, statuses, commands."""

import json
from types import SimpleNamespace

import pytest

from equivalence import scenarios, trail
from equivalence.model import Model
from equivalence.names import Names
from equivalence.record import Scene


def unit(address: str, message: str = "Unit is ready") -> SimpleNamespace:
    said = SimpleNamespace(current="active", message=message)
    return SimpleNamespace(public_address=address, workload_status=said)


def application(life: str = "", **units: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(
        life=life, units={name.replace("_", "/"): about for name, about in units.items()}
    )


class Juju:
    """A controller whose status and data bags are given."""

    def __init__(self) -> None:
        self.apps = {
            "gw": application(gw_10=unit("10.85.0.9"), gw_2=unit("10.85.0.1")),
            "ceph-mon": application(**{"ceph-mon_0": unit("10.85.0.3")}),
            "leaving": application(life="dying", leaving_0=unit("10.85.0.4")),
        }
        mon, gw = {"key": "secret", "auth": "cephx"}, {"broker_req": "{}"}
        peer = {"relation-id": 0, "endpoint": "cluster", "application-data": {"shared": "yes"}}
        self.shown = {
            "gw/2": [
                peer | {"local-unit": {"data": {"a": "1"}}},
                {
                    "relation-id": 1,
                    "endpoint": "ceph-client",
                    "application-data": {},
                    "related-units": {"ceph-mon/0": {"data": mon}},
                },
            ],
            "gw/10": [peer | {"local-unit": {"data": {"a": "2"}}}],
            "ceph-mon/0": [
                {
                    "relation-id": 1,
                    "endpoint": "client",
                    "application-data": {"of": "gw"},
                    "related-units": {"gw/2": {"data": gw}},
                },
                {"relation-id": 5, "endpoint": "mon", "related-units": {"x/0": {"data": {}}}},
            ],
        }

    def status(self) -> SimpleNamespace:
        return SimpleNamespace(apps=self.apps)

    def cli(self, command: str, *words: str) -> str:
        if command == "show-status-log":
            return json.dumps(
                [{"type": "workload", "status": "active", "message": "Unit is ready"}]
            )
        assert words == ("gw/10", "gw/2", "ceph-mon/0", "--format", "json")
        return json.dumps({name: {"relation-info": info} for name, info in self.shown.items()})


@pytest.fixture
def model(monkeypatch, tmp_path) -> Model:
    """A model with two gateways whose hosts have names."""
    model = Model(Juju(), tmp_path, staged=True)
    model.application = "gw"
    monkeypatch.setattr(model, "host", lambda unit: (f"{unit}.lab", unit.replace("/", "-")))
    return model


def test_data_bags_are_told_by_endpoint_and_owner_whoever_sees_them(model):
    assert model.bags() == {
        "cluster": {"gw/2": {"a": "1"}, "gw/10": {"a": "2"}, "gw": {"shared": "yes"}},
        "ceph-client": {
            "ceph-mon/0": {"key": "secret", "auth": "cephx"},
            "ceph-mon": {},
            "gw/2": {"broker_req": "{}"},
            "gw": {"of": "gw"},
        },
    }


def test_a_step_tells_statuses_how_long_it_took_and_only_the_bags_that_it_changed(
    model, monkeypatch
):
    scene = Scene()
    clock = iter([100.0, 103.2, 104.0, 120.0, 121.0, 121.2, 122.0])
    monkeypatch.setattr(trail.time, "monotonic", lambda: next(clock))
    notes = trail.Trail(model, scene)
    notes.step("begin")
    model.juju.shown["gw/10"][0]["local-unit"]["data"] = {"a": "10.85.0.9"}
    notes.step("config a=10.85.0.9")
    del model.juju.shown["gw/2"][1], model.juju.shown["ceph-mon/0"][0]
    notes.step("end a relation")
    first, second, third = scene.steps
    assert first["bags"]["ceph-client"]["ceph-mon/0"] == {"key": "<key>", "auth": "cephx"}
    assert second == {
        "did": "config a=<gateway 2>",
        "statuses": {"<unit 1>": "active: Unit is ready", "<unit 2>": "active: Unit is ready"},
        "bags": {"cluster": {"<unit 2>": {"a": "<gateway 2>"}}},
        "seconds": 16,
    }
    assert third["gone"] == ["ceph-client"]


def test_keys_are_told_by_their_kind_alone_and_json_as_what_it_says():
    text = "-----BEGIN PRIVATE KEY-----\nMIIG\n-----END PRIVATE KEY-----\n"
    assert trail.readable({"a": [f"one {text}", 2]}) == {"a": ["one <private key>", 2]}
    asked = {"broker_req": '{"ops": [{"op": "create-pool", "weight": null}]}', "broken": "{"}
    assert trail.readable(asked) == {
        "broker_req": {"ops": [{"op": "create-pool"}]},
        "broken": "{",
    }


def test_what_has_reached_a_gateway_is_told_once(model):
    assert model.new_commands("gw/2", {"commands": ["a", "b"]}) == ["a", "b"]
    assert model.new_commands("gw/2", {"commands": ["a", "b", "c"]}) == ["c"]
    assert model.new_commands("gw/2", {"commands": ["d"]}) == ["d"]  # another log was begun


IQN = "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw"


@pytest.mark.parametrize(
    "noted",
    [
        [
            "systemctl restart rbd-target-api",
            f"gwcli /iscsi-targets create {IQN}",
            f"gwcli /iscsi-targets/{IQN}/gateways create host-1.lab 10.85.0.1 skipchecks=true",
            "gwcli /disks create pool=p image=i size=1G",
            f"gwcli /iscsi-targets/{IQN}/hosts create iqn.client",
            f"gwcli /iscsi-targets/{IQN}/hosts/iqn.client auth username=u password=***",
            f"gwcli /iscsi-targets/{IQN}/hosts/iqn.client disk add p/i",
        ],
        [
            f"PUT /api/_target/{IQN}",
            f"PUT /api/target/{IQN}",
            f"PUT /api/gateway/{IQN}/host-1.lab",
            "PUT /api/_disk/p/i",
            "PUT /api/disk/p/i",
            f"PUT /api/client/{IQN}/iqn.client",
            f"PUT /api/clientauth/{IQN}/iqn.client",
            f"PUT /api/clientlun/{IQN}/iqn.client",
        ],
    ],
)
def test_commands_of_gwcli_and_calls_of_the_api_are_told_alike(noted):
    told = ["target", "gateway host-1.lab", "disk", "client", "auth", "map"]
    assert scenarios.commands(noted) == told


def test_names_have_placeholders(model):
    assert isinstance(model.names(), Names)
    assert model.names().tidy("gw/2 gw/10.lab 10.85.0.3") == "<unit 1> <fqdn 2> <monitor>"
