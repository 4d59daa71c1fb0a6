"""The charm's own zaza classes that need nothing but Juju, on charms that answer as it does."""

import unittest
from pathlib import Path

import pytest
from lab_fakes import make_charm
from zaza.charm_lifecycle import utils

from tests import gateway, iscsi

SRC = Path(__file__).resolve().parents[3] / "src"
GATEWAY = """\
name: ceph-iscsi
requires: {ceph-client: {interface: ceph-client}}
"""
CEPH = """\
name: ceph-mon
provides: {client: {interface: ceph-client}}
"""
#: Tells what is missing, what is awaited, or that it is ready.
TELL = """\
case $JUJU_HOOK_NAME in *-broken) ids= ;; *) ids=$(relation-ids ceph-client) ;; esac
[ -n "$ids" ] || { status-set blocked "Missing relations: ceph-client"; exit; }
for unit in $(relation-list -r $ids); do
    [ -z "$(relation-get -r $ids key $unit)" ] || { status-set active "Unit is ready"; exit; }
done
status-set waiting "Incomplete relations: ceph-client"
"""
HOOKS = (
    "config-changed",
    "update-status",
    "ceph-client-relation-created",
    "ceph-client-relation-changed",
    "ceph-client-relation-broken",
)


@pytest.fixture
def gateways(model, deploy, tmp_path, monkeypatch):
    """Two gateways and a cluster that answers once it gets to run its hooks."""
    tell = {f"hooks/{name}": TELL for name in HOOKS}
    answer = {
        "hooks/config-changed": "status-set active 'Unit is ready and clustered'",
        "hooks/client-relation-joined": "relation-set key=abc",
    }
    deploy(make_charm(tmp_path, "ceph-iscsi", tell, metadata=GATEWAY), "ceph-iscsi", num_units=2)
    deploy(make_charm(tmp_path, "ceph-mon", answer, metadata=CEPH), "ceph-mon")
    model.add_relation("ceph-iscsi", "ceph-client", "ceph-mon:client")

    monkeypatch.setattr(gateway, "PATIENCE", 60)
    utils.set_base_test_dir(str(SRC / "tests"))
    yield
    utils.unset_base_test_dir()


def test_missing_and_incomplete_relations_are_seen(gateways):
    loaded = unittest.defaultTestLoader.loadTestsFromTestCase(iscsi.UpdateStatusTest)
    result = unittest.TestResult()
    loaded.run(result)
    assert not result.errors + result.failures
    assert result.testsRun == 1
