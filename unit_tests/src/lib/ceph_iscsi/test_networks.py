import os

import pytest
from ceph_iscsi import networks


def network(*ingress, bound=()):
    """An answer of network-get."""
    addresses = [{"hostname": "", "value": value, "cidr": ""} for value in bound]
    return {
        "ingress-addresses": list(ingress),
        "bind-addresses": [{"interface-name": "eth0", "addresses": addresses}],
    }


@pytest.mark.parametrize(
    ("answer", "usual", "with_ipv6"),
    [
        (network("10.0.0.1", bound=["10.0.0.1"]), "10.0.0.1", "10.0.0.1"),
        (network("10.0.0.1", "fd00::1"), "10.0.0.1", "fd00::1"),
        (network("10.0.0.1", bound=["10.0.0.1", "fd00::1"]), "10.0.0.1", "fd00::1"),
        (network("fd00::1", "10.0.0.1"), "fd00::1", "fd00::1"),
        (network("10.0.0.1", bound=["fe80::1"]), "10.0.0.1", "10.0.0.1"),
        (network("192.0.2.7", bound=["10.0.0.1"]), "192.0.2.7", "192.0.2.7"),
        (network(), None, None),
        ({}, None, None),
    ],
)
def test_the_address_that_others_use(answer, usual, with_ipv6):
    assert networks.address(answer, prefer_ipv6=False) == usual
    assert networks.address(answer, prefer_ipv6=True) == with_ipv6


def test_juju_is_asked_for_the_network_of_a_binding(monkeypatch, tmp_path):
    tool = tmp_path / "network-get"
    tool.write_text("""#!/bin/sh\necho '{"ingress-addresses": ["'"$*"'"]}'\n""")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert networks.of("public") == {"ingress-addresses": ["public --format=json"]}
