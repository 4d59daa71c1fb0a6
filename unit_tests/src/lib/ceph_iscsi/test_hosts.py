"""Names of gateways: /etc/hosts as a file for real, and a resolver that is told its answers."""

import pytest
from ceph_iscsi import hosts, process
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.hosts import BEGIN, END, Peer

SYSTEM = "127.0.0.1 localhost\n10.0.0.1 one.lab one\n"
OWN = Peer("one.lab", "10.0.0.1")
PEERS = {"gw/1": Peer("two.lab", "10.0.0.2"), "gw/2": Peer("three.lab", "10.0.0.3")}


@pytest.fixture
def host(monkeypatch, tmp_path):
    """A host: its hosts file, and ``names``, which its name server knows besides."""

    class Host:
        def __init__(self):
            self.names = {}
            self.path = tmp_path / "hosts"
            self.path.write_text(SYSTEM)

        def resolve(self, name):
            lines = [line.split() for line in self.path.read_text().splitlines()]
            found = [fields[0] for fields in lines if name in fields[1:] and fields[0] != "#"]
            return found + self.names.get(name, [])

        def keep(self, peers=PEERS, manage=True, own=OWN):
            hosts.keep(peers, own, manage=manage)
            return self.path.read_text()

    host = Host()
    monkeypatch.setattr(hosts, "ETC_HOSTS", host.path)
    monkeypatch.setattr(hosts, "resolve", host.resolve)
    return host


def block(*lines):
    return "\n".join([BEGIN, *lines, END]) + "\n"


def test_names_that_do_not_resolve_are_added_in_a_marked_block(host):
    host.names["three.lab"] = ["10.0.0.3"]
    assert host.keep() == SYSTEM + block("10.0.0.2 two.lab")
    assert oct(host.path.stat().st_mode & 0o777) == "0o644"


def test_a_name_in_the_block_stays_though_it_resolves_now(host):
    first = host.keep()
    assert first == SYSTEM + block("10.0.0.2 two.lab", "10.0.0.3 three.lab")
    written = host.path.stat().st_mtime_ns
    assert host.keep() == first
    assert host.path.stat().st_mtime_ns == written


def test_the_block_follows_the_peers(host):
    host.keep()
    moved = {"gw/1": Peer("two.lab", "10.0.0.22")}
    assert host.keep(moved) == SYSTEM + block("10.0.0.22 two.lab")
    assert host.keep({}) == SYSTEM


def test_a_name_that_others_have_added_meanwhile_leaves_the_block(host):
    host.keep()
    others = SYSTEM + "10.0.0.2 two.lab two # by hand\n#10.0.0.3 three.lab\n"
    host.path.write_text(others + block("10.0.0.2 two.lab", "10.0.0.3 three.lab"))
    assert host.keep() == others + block("10.0.0.3 three.lab")


def test_without_leave_there_is_no_block(host):
    host.keep()
    assert host.keep(manage=False) == SYSTEM
    hosts.remove()
    assert host.path.read_text() == SYSTEM


def test_a_name_with_an_address_of_the_other_family_only_is_added(host):
    host.names["two.lab"] = ["10.0.0.2"]
    peers = {"gw/1": Peer("two.lab", "fd00::2")}
    assert host.keep(peers) == SYSTEM + block("fd00::2 two.lab")


def test_so_is_this_hosts_own_name_which_its_own_daemons_use(host):
    own = Peer("one.lab", "fd00::1")
    assert host.keep({}, own=own) == SYSTEM + block("fd00::1 one.lab")


def test_a_name_that_resolves_to_something_else_is_left_to_the_operator(host):
    host.names |= {"two.lab": ["10.9.9.9"], "three.lab": ["10.0.0.3"]}
    assert host.keep() == SYSTEM


def test_what_others_wrote_stays_whatever_the_marks_look_like(host):
    host.path.write_text(f"{BEGIN}\n10.1.1.1 mine\n{block('10.0.0.9 old.lab')}10.1.1.2 yours")
    host.names["one.lab"] = ["10.0.0.1"]
    text = host.keep({"gw/1": PEERS["gw/1"]})
    assert text == f"{BEGIN}\n10.1.1.1 mine\n10.1.1.2 yours\n{block('10.0.0.2 two.lab')}"


def test_all_is_well_when_each_name_leads_to_its_peer(host):
    host.keep()
    assert hosts.problems(PEERS, "one.lab") == []


def test_a_name_that_leads_elsewhere_is_told_with_both_addresses(host):
    host.names |= {"two.lab": ["10.9.9.9", "10.0.0.2"]}
    assert hosts.problems(PEERS, "one.lab") == [
        "two.lab (gw/1) resolves to 10.9.9.9, not 10.0.0.2",
        "three.lab (gw/2) does not resolve",
    ]


def test_two_gateways_of_one_name_are_told(host):
    peers = {"gw/1": Peer("one.lab", "10.0.0.2"), "gw/2": PEERS["gw/2"], "gw/3": PEERS["gw/2"]}
    assert host.keep(peers) == SYSTEM + block("10.0.0.3 three.lab")
    assert hosts.problems(peers, "one.lab") == [
        "gw/1 and this unit are both called one.lab",
        "gw/3 and gw/2 are both called three.lab",
    ]


def test_names_are_resolved_as_all_programs_do(monkeypatch):
    answer = "fd00::2 STREAM two.lab\nfd00::2 DGRAM\n10.0.0.2 STREAM\n"
    asked = []
    monkeypatch.setattr(process, "run", lambda argv, timeout: asked.append(argv) or answer)
    assert hosts.resolve("two.lab") == ["fd00::2", "10.0.0.2"]
    assert asked == [["getent", "ahosts", "two.lab"]]


def test_a_name_that_is_not_known_has_no_address():
    assert hosts.resolve("localhost")
    assert hosts.resolve("no-such-name.invalid") == []


def test_a_resolver_that_fails_is_no_answer(monkeypatch):
    def fail(argv, timeout):
        raise process.CommandFailed("`getent` failed", 1, "")

    monkeypatch.setattr(process, "run", fail)
    with pytest.raises(GatewayError):
        hosts.resolve("two.lab")
