"""A model in which all differs that can: the application's name, an older base, erasure-coded
pools, and IPv6 in two networks, of which one is the initiators'."""

import jubilant
import pytest
from harness import Model

NAME = "variant"
APPLICATION = "storage-gw"
OPTIONS = {
    "prefer-ipv6": True,
    "pool-type": "erasure-coded",
    "ec-profile-k": 2,
    "ec-profile-m": 1,
    "ceph-osd-replication-count": 2,
}
SPACES = {
    "internal": ("10.85.0.0/24", "fd85::/64"),
    "initiators": ("10.86.0.0/24", "fd86::/64"),
}


@pytest.fixture(scope="session")
def model_name() -> str:
    """What the model is called."""
    return NAME


@pytest.fixture(scope="session")
def model(juju: jubilant.Juju) -> Model:
    """Two gateways, Ceph and an initiator, all active."""
    model = Model(juju, APPLICATION)
    if APPLICATION not in juju.status().apps:
        for space, subnets in SPACES.items():
            juju.cli("add-space", space, *subnets)
        binding = {"": "internal", "public": "initiators"}
        model.deploy(base="ubuntu@22.04", bind=binding, config=OPTIONS)
    return model
