"""The charm's classes for zaza, which run on Juju controllers, run here as well."""

import pytest
from harness import Model, zaza_classes


@pytest.mark.parametrize("name", zaza_classes())
def test_a_class_passes_and_leaves_the_model_as_it_was(disk: Model, name):
    before, pools = disk.stored(), disk.ceph("ceph", "osd", "pool", "ls")
    disk.zaza(name)
    assert disk.stored() == before
    assert disk.ceph("ceph", "osd", "pool", "ls") == pools
    disk.wait_paths(2)
