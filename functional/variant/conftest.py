"""A model in which all differs that can: the application's name, an older base, erasure-coded
pools, IPv6 in two networks, of which one is the initiators', and TLS from the start."""

import time

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


class Variant(Model):
    """The model, whose portals are in the initiators' network."""

    def portal(self, unit: str) -> str:
        """UNIT's portal, as a discovery writes it."""
        addresses = self.juju.status().machines[self.machine(unit)].ip_addresses
        (address,) = (each for each in addresses if each.startswith("fd86:"))
        return f"[{address}]:3260"


@pytest.fixture(scope="session")
def model_name() -> str:
    """What the model is called."""
    return NAME


@pytest.fixture(scope="session")
def images() -> list[str]:
    """What is to be prepared for the model's hosts: options of `lab prepare`."""
    return ["--base=ubuntu@24.04", "--base=ubuntu@22.04", "--upgrades"]


@pytest.fixture(scope="session")
def model(juju: jubilant.Juju, figures: dict[str, str]) -> Model:
    """Two gateways, Ceph, an authority and an initiator, all active."""
    model = Variant(juju, APPLICATION)
    if APPLICATION not in juju.status().apps:
        began = time.monotonic()
        for space, subnets in SPACES.items():
            juju.cli("add-space", space, *subnets)
        binding = {"": "internal", "public": "initiators"}
        model.deploy("ca", base="ubuntu@22.04", bind=binding, config=OPTIONS)
        figures["deploy to active"] = f"{time.monotonic() - began:.0f} s"
    return model
