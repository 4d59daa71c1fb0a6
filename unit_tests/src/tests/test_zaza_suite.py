"""tests.yaml and the bundles, as zaza itself loads them, against what the charm has."""

from pathlib import Path

import jsonschema
import pytest
import yaml
import zaza_backend

zaza_backend.activate()

from zaza.charm_lifecycle import utils  # noqa: E402

SRC = Path(__file__).resolve().parents[3] / "src"
BUNDLES = sorted((SRC / "tests" / "bundles").glob("*.yaml"))
METADATA = yaml.safe_load((SRC / "metadata.yaml").read_text())
OPTIONS = yaml.safe_load((SRC / "config.yaml").read_text())["options"]
#: Endpoints of the other charms, as their metadata has them.
ENDPOINTS = {
    "ceph-mon": {"client", "osd"},
    "ceph-osd": {"mon"},
    "mysql-innodb-cluster": {"db-router"},
    "mysql-router": {"shared-db", "db-router"},
    "ubuntu": set(),
    "vault": {"certificates", "shared-db"},
}
#: Charms from the store with the tracks that have them for a series.
TRACKS = {
    ("ceph-mon", "jammy"): "quincy",
    ("ceph-mon", "noble"): "squid",
    ("ceph-osd", "jammy"): "quincy",
    ("ceph-osd", "noble"): "squid",
    ("mysql-innodb-cluster", "jammy"): "8.0",
    ("mysql-router", "jammy"): "8.0",
    ("ubuntu", "jammy"): "latest",
    ("ubuntu", "noble"): "latest",
    ("vault", "jammy"): "1.8",
}
#: The part of Juju's bundle format that is used here.
SCHEMA = {
    "type": "object",
    "required": ["series", "applications", "relations"],
    "additionalProperties": False,
    "properties": {
        "local_overlay_enabled": {"const": False},
        "series": {"enum": METADATA["series"]},
        "applications": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["charm"],
                "additionalProperties": False,
                "properties": {
                    "charm": {"type": "string"},
                    "channel": {"type": "string", "pattern": r"^[a-z0-9.]+/stable$"},
                    "series": {"enum": ["jammy", "noble"]},
                    "num_units": {"type": "integer", "minimum": 1},
                    "constraints": {"type": "string", "pattern": r"^\S+=\S+( \S+=\S+)*$"},
                    "options": {"type": "object"},
                    "storage": {"type": "object"},
                },
            },
        },
        "relations": {
            "type": "array",
            "items": {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "items": {"type": "string", "pattern": "^[a-z-]+:[a-z-]+$"},
            },
        },
    },
}


@pytest.fixture(autouse=True)
def suite(monkeypatch):
    """zaza looks into the suite's directory, and forgets it again."""
    monkeypatch.chdir(SRC)
    utils.set_base_test_dir(str(SRC / "tests"))
    yield
    utils.unset_base_test_dir()


@pytest.fixture(params=BUNDLES, ids=lambda path: path.stem)
def bundle(request):
    return yaml.safe_load(request.param.read_text())


def name_of(application: dict) -> str:
    """The name of an application's charm; that of a local charm is its directory's."""
    return application["charm"].rpartition("/")[2]


def test_a_bundle_has_the_form_that_juju_wants(bundle):
    jsonschema.validate(bundle, SCHEMA)


def test_charms_come_from_tracks_that_have_them_for_the_series(bundle):
    for application in bundle["applications"].values():
        if application["charm"].startswith("../"):
            assert "channel" not in application
            continue
        key = (name_of(application), application.get("series", bundle["series"]))
        assert application["channel"] == f"{TRACKS[key]}/stable"


def test_the_charm_is_the_one_that_the_build_makes(bundle):
    charm = bundle["applications"]["ceph-iscsi"]["charm"]
    assert (BUNDLES[0].parent / charm).resolve() == SRC.parent / "build" / METADATA["name"]


def test_options_of_the_charm_are_options_that_it_has(bundle):
    given = bundle["applications"]["ceph-iscsi"].get("options", {})
    types = {"int": int, "string": str, "boolean": bool}
    for name, value in given.items():
        assert isinstance(value, types[OPTIONS[name]["type"]])


def test_relations_join_endpoints_that_the_charms_have(bundle):
    ours = {*METADATA["requires"], *METADATA["provides"]}
    for relation in bundle["relations"]:
        for application, endpoint in (end.split(":") for end in relation):
            charm = name_of(bundle["applications"][application])
            assert endpoint in (ours if charm == METADATA["name"] else ENDPOINTS[charm])


def test_two_gateways_have_a_cluster(bundle):
    applications = bundle["applications"]
    assert applications["ceph-iscsi"]["num_units"] == 2
    options = applications["ceph-mon"]["options"]
    assert options["expected-osd-count"] == applications["ceph-osd"]["num_units"]
    assert ["ceph-iscsi:ceph-client", "ceph-mon:client"] in bundle["relations"]


@pytest.mark.parametrize("key", ["smoke_bundles", "gate_bundles", "dev_bundles"])
def test_zaza_finds_every_bundle_that_the_suite_names(key):
    for environment in utils.get_environment_deploys(key):
        for deploy in environment.model_deploys:
            assert (Path(utils.get_bundle_dir()) / f"{deploy.bundle}.yaml").is_file()
            assert utils.get_test_steps()[deploy.model_alias]
            assert utils.get_config_steps()[deploy.model_alias]


def test_every_bundle_is_in_the_gate():
    named = {
        deploy.bundle
        for environment in utils.get_environment_deploys("gate_bundles")
        for deploy in environment.model_deploys
    }
    assert named == {path.stem for path in BUNDLES}


def test_zaza_loads_every_class_and_every_preparation():
    for names in utils.get_test_steps().values():
        for name in names:
            cases = [each for each in dir(utils.get_class(name)) if each.startswith("test_")]
            assert cases, name
    for names in utils.get_config_steps().values():
        for name in names:
            assert callable(utils.get_class(name))


def test_every_class_is_part_of_the_suite():
    import tests.iscsi

    there = {
        f"tests.iscsi.{name}"
        for name in dir(tests.iscsi)
        if name.endswith("Test") and name not in ("GatewayTest", "DiskTest")
    }
    assert there == {name for names in utils.get_test_steps().values() for name in names}
