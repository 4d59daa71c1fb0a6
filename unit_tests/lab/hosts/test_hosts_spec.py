"""A host's slot gives its names and addresses; what is no host is refused."""

import re

import pytest
from juju_lab.hosts import HostSpec, Lab, Settings, spec


def test_a_slot_gives_name_and_addresses():
    host = Lab(Settings()).host(HostSpec(slot=7))
    assert (host.hostname, host.fqdn, host.address) == ("host-7", "host-7.lab", "10.85.0.17")
    assert spec.mac(7) == "02:85:00:00:00:11"


def test_slots_have_addresses_and_macs_of_their_own():
    assert len({spec.address(slot) for slot in spec.SLOTS}) == len(spec.SLOTS) == 60
    assert len({spec.mac(slot) for slot in spec.SLOTS}) == 60


def test_every_host_resolves_to_its_full_name_first():
    lines = spec.etc_hosts().splitlines()
    assert "10.85.0.11 host-1.lab host-1" in lines
    assert "10.85.0.70 host-60.lab host-60" in lines
    assert not [line for line in lines if re.match(r"127\..*host-", line)]


def test_describing_a_host_makes_nothing(tmp_path):
    lab = Lab(Settings(state_parent=tmp_path / "state", cache_dir=tmp_path / "cache"))
    host = lab.host(HostSpec(slot=1, kind="container"))
    assert not host.running
    host.power_off()
    host.destroy()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"slot": 0}, "slot 0"),
        ({"slot": 61}, "slot 61"),
        ({"slot": 1, "kind": "lxd"}, "kind lxd"),
        ({"slot": 1, "base": "ubuntu@18.04"}, "base ubuntu@18.04"),
        ({"slot": 1, "kind": "container", "base": "ubuntu@22.04"}, "containers have ubuntu@24.04"),
        ({"slot": 1, "memory_mib": 64}, "memory 64 MiB"),
    ],
)
def test_what_is_no_host_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        HostSpec(**arguments)
