"""Each host has a port on the lab's bridge; a cut closes the port and leaves the device."""

from juju_lab.hosts import network


def test_a_tap_is_a_port_of_the_bridge():
    assert network.tap_commands(3) == [
        "tuntap add host3 mode tap",
        "link set host3 master br0 up",
    ]


def test_a_container_gets_the_other_end_of_its_port_with_its_own_mac():
    plugged, port = network.veth_commands(2, "lab.2")
    assert plugged == (
        "link add host2 type veth peer name eth0 address 02:85:00:00:00:0c netns lab.2"
    )
    assert port == "link set host2 master br0 up"


def test_a_second_network_has_a_bridge_and_ports_of_its_own():
    assert network.tap_commands(3, 1) == [
        "tuntap add host3.1 mode tap",
        "link set host3.1 master br1 up",
    ]
    plugged, _ = network.veth_commands(2, "lab.2", 1)
    assert plugged == (
        "link add host2.1 type veth peer name eth1 address 02:86:00:00:00:0c netns lab.2"
    )


def test_an_ipv6_address_is_usable_at_once():
    assert network.address_commands("eth1", ["10.86.0.12/24", "fd86::12/64"]) == [
        "address add 10.86.0.12/24 dev eth1",
        "address add fd86::12/64 dev eth1 nodad",
        "link set eth1 up",
    ]


def test_a_cut_disables_the_ports_forwarding():
    cut, plugged = (network.link_argv("lab", "host2", up) for up in (False, True))
    assert cut == ["bridge", "-netns", "lab", "link", "set", "dev", "host2", "state", "0"]
    assert plugged == ["bridge", "-netns", "lab", "link", "set", "dev", "host2", "state", "3"]


def test_a_namespace_is_entered_for_its_network_alone():
    assert network.enter("lab") == ["nsenter", "--net=/run/netns/lab", "--"]
