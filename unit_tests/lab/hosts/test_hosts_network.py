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


def test_a_cut_disables_the_ports_forwarding():
    cut, plugged = network.link_argv("lab", 2, False), network.link_argv("lab", 2, True)
    assert cut == ["bridge", "-netns", "lab", "link", "set", "dev", "host2", "state", "0"]
    assert plugged == ["bridge", "-netns", "lab", "link", "set", "dev", "host2", "state", "3"]


def test_a_namespace_is_entered_for_its_network_alone():
    assert network.enter("lab") == ["nsenter", "--net=/run/netns/lab", "--"]
