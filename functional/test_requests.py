"""What the options ask of Ceph: carried out on a real cluster, changed, reverted, refused."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jubilant
import pytest
from harness import FIRST, GATEWAY, Model

MON = "ceph-mon/0"
KEYRING = f"/etc/ceph/iscsi/ceph.client.{GATEWAY}.keyring"
ERASURE_CODED = {"pool-type": "erasure-coded", "ec-profile-k": 2, "ec-profile-m": 1}
PLUGINS = {
    "jerasure": {"ec-profile-technique": "cauchy_good"},
    "isa": {"ec-profile-technique": "cauchy"},
    "lrc": {"ec-profile-locality": 3},
    "shec": {"ec-profile-durability-estimator": 1},
    "clay": {"ec-profile-m": 2, "ec-profile-helper-chunks": 3, "ec-profile-scalar-mds": "isa"},
}
#: What Ceph's profiles hold beyond plugin, k and m.
IN_PROFILE = {
    "jerasure": {"technique": "cauchy_good"},
    "isa": {"technique": "cauchy"},
    "lrc": {"l": "3"},
    "shec": {"c": "1"},
    "clay": {"m": "2", "d": "3", "scalar_mds": "isa"},
}


def ceph(model: Model, *command: str) -> Any:
    """What the cluster's administrator is told, decoded from JSON."""
    return json.loads(model.run_on(MON, "ceph", *command, "--format", "json"))


def pools(model: Model) -> dict[str, dict[str, Any]]:
    """The cluster's pools by name."""
    return {pool["pool_name"]: pool for pool in ceph(model, "osd", "pool", "ls", "detail")}


def profiles(model: Model) -> list[str]:
    """The cluster's erasure code profiles."""
    return ceph(model, "osd", "erasure-code-profile", "ls")


def requests(model: Model) -> list[str]:
    """The requests of all gateways, as they are in their data bags."""
    return [model.bag(unit, "client", MON)["broker_req"] for unit in model.gateways()]


def answered(model: Model, condition: Callable[[dict[str, Any]], bool]) -> None:
    """Wait until each gateway has sent a request for which CONDITION holds, and it is answered."""
    deadline = time.monotonic() + 300
    for unit in model.gateways():
        while True:
            request = json.loads(model.bag(unit, "client", MON)["broker_req"])
            told = model.bag(MON, "ceph-client", unit)[f"broker-rsp-{unit.replace('/', '-')}"]
            if condition(request) and json.loads(told)["request-id"] == request["request-id"]:
                break
            assert time.monotonic() < deadline, request
            time.sleep(1)
    model.settle()


def said(model: Model, beginning: str) -> str:
    """Wait until every gateway is blocked with a message of this beginning; return it."""

    def blocked(status: jubilant.Status) -> bool:
        units = status.apps[GATEWAY].units.values()
        return all(
            unit.workload_status.current == "blocked"
            and unit.workload_status.message.startswith(beginning)
            for unit in units
        )

    model.wait(blocked)
    units = model.juju.status().apps[GATEWAY].units.values()
    (message,) = {unit.workload_status.message for unit in units}
    return message


@pytest.fixture(scope="module")
def options(model: Model) -> Iterator[Callable[..., None]]:
    """A function that sets options, and those that it set before back. At the end all are as they
    were, and pools and profiles that were made meanwhile are gone."""
    first, changed = requests(model), set()
    pools_before, profiles_before = set(pools(model)), set(profiles(model))

    def change(values: dict[str, Any]) -> None:
        model.juju.config(GATEWAY, values, reset=sorted(changed.difference(values)))
        changed.clear()
        changed.update(values)

    yield change
    change({})
    answered(model, lambda request: request == json.loads(first[0]))
    assert requests(model) == first
    for pool in set(pools(model)) - pools_before:
        confirmed = (pool, "--yes-i-really-really-mean-it")
        model.run_on(MON, "ceph", "osd", "pool", "rm", pool, *confirmed)
    for profile in set(profiles(model)) - profiles_before:
        model.run_on(MON, "ceph", "osd", "erasure-code-profile", "rm", profile)


def test_compression_changes_and_reverts_reach_the_pool(model: Model, options):
    def has_mode(mode):
        return lambda request: request["ops"][1]["compression-mode"] == mode

    seen = []
    for mode in ("none", "force", "none"):
        options({"bluestore-compression-mode": mode})
        answered(model, has_mode(mode))
        seen.append(ceph(model, "osd", "pool", "get", GATEWAY, "compression_mode"))
    assert [answer["compression_mode"] for answer in seen] == ["none", "force", "none"]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_an_erasure_coded_pool_is_made_with_its_profile(model: Model, options, plugin):
    name = f"ec-{plugin}"
    wanted = ERASURE_CODED | {
        "ec-profile-plugin": plugin,
        "ec-profile-name": name,
        "rbd-pool-name": name,
        "ec-rbd-metadata-pool": f"{name}-metadata",
        "ceph-osd-replication-count": 2,
    }
    options(wanted | PLUGINS[plugin])
    answered(model, lambda request: request["ops"][1]["name"] == name)
    profile = ceph(model, "osd", "erasure-code-profile", "get", name)
    expected = {"plugin": plugin, "k": "2", "m": "1"} | IN_PROFILE[plugin]
    assert {key: profile[key] for key in expected} == expected
    data, metadata = pools(model)[name], pools(model)[f"{name}-metadata"]
    assert data["erasure_code_profile"] == name
    assert "ec_overwrites" in data["flags_names"]
    assert metadata["erasure_code_profile"] == ""
    assert metadata["size"] == 2
    for pool, share in ((data, 0.0495), (metadata, 0.0005)):
        assert list(pool["application_metadata"]) == ["rbd"]
        assert pool["options"]["target_size_ratio"] == pytest.approx(share)


def test_a_relation_that_is_added_again_finds_all_as_it_was(disk: Model):
    files = ("sha256sum", "/etc/ceph/iscsi-gateway.cfg", "/etc/ceph/iscsi/ceph.conf", KEYRING)

    def state() -> Any:
        rendered = [disk.run_on(unit, *files) for unit in disk.gateways()]
        return requests(disk), rendered, disk.stored(), disk.all_started_at()

    before = state()
    with disk.writing() as summary:
        disk.juju.remove_relation(f"{GATEWAY}:ceph-client", "ceph-mon:client")
        said(disk, "Missing relations: ceph-client")
        assert not any(disk.announced(unit) for unit in disk.gateways())
        disk.juju.integrate(f"{GATEWAY}:ceph-client", "ceph-mon:client")
        disk.settle()
    assert summary["errors"] == summary["lost"] == 0
    assert state() == before
    assert all(disk.announced(unit) for unit in disk.gateways())
    assert disk.create_target(FIRST)["changed"] == "false"


def test_what_ceph_refuses_is_in_the_status_and_goes_away(model: Model, options):
    options({"bluestore-compression-min-blob-size-hdd": 4096})
    message = said(model, "Ceph refused the request: ")
    assert "compression_min_blob_size_hdd" in message
    options({})
    model.settle()


def test_a_profile_that_fits_no_device_is_refused_with_cephs_words(model: Model, options):
    wanted = {
        "ec-profile-device-class": "nvme",
        "ec-profile-name": "none",
        "rbd-pool-name": "none",
    }
    options(ERASURE_CODED | wanted)
    assert "nvme" in said(model, "Ceph refused the request: ")
    assert "none" not in pools(model)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"pool-type": "mirror"}, "pool-type=mirror, allowed: replicated, erasure-coded"),
        (
            {"pool-type": "erasure-coded"},
            "ec-profile-k=1, allowed: 2 to 32 with pool-type=erasure-coded",
        ),
        (
            {"bluestore-compression-mode": "hard"},
            "bluestore-compression-mode=hard, allowed: none, passive, aggressive, force",
        ),
    ],
    ids=["pool-type", "ec-profile-k", "compression-mode"],
)
def test_an_invalid_option_is_named_and_nothing_is_sent(model: Model, options, values, told):
    before = requests(model)
    options(values)
    said(model, f"Invalid configuration: {told}")
    assert requests(model) == before


def test_the_key_may_do_what_a_gateway_does_and_no_more(model: Model):
    unit = model.gateways()[0]

    def outcome(*command: str) -> str:
        as_gateway = ("ceph", "--conf", "/etc/ceph/iscsi/ceph.conf", "--name", f"client.{GATEWAY}")
        try:
            model.run_on(unit, *as_gateway, *command)
        except jubilant.TaskError as error:
            return next(word for word in ("EACCES", "ENOENT") if word in error.task.stderr)
        return "done"

    assert outcome("osd", "blocklist", "ls") == "done"
    assert outcome("config-key", "get", "iscsi/client.iscsi/iscsi-gateway.crt") == "ENOENT"
    assert outcome("config-key", "get", "another/secret") == "EACCES"
    assert outcome("osd", "pool", "create", "mine") == "EACCES"
    assert outcome("auth", "get", "client.admin") == "EACCES"
