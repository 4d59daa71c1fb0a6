"""Gateways that leave: what keeps them out of the way of changes that go on."""

import contextlib
from types import SimpleNamespace

import pytest
from ceph_iscsi import departures, process
from ceph_iscsi.errors import GatewayError
from charmhelpers.core import hookenv


class Ceph:
    """A cluster whose lock on changes is ``held``, or free."""

    def __init__(self, held):
        self.held = held
        self.taken = []

    @contextlib.contextmanager
    def lock(self, holder, limit):
        if self.held:
            raise GatewayError(f"another change goes on, and did not end within {limit} s")
        self.taken.append(holder)
        yield
        self.taken.clear()


@pytest.fixture
def leaving(monkeypatch, tmp_path):
    """A unit that leaves; ``ran`` are the programs that it ran."""
    unit = SimpleNamespace(ran=[], ceph=Ceph(held=False))

    def run(argv, timeout):
        assert unit.ceph.taken == ["gw/0"], "no change goes on meanwhile"
        unit.ran.append(argv[2:])

    (tmp_path / "iscsi-gateway.cfg").touch()
    monkeypatch.setattr(departures, "GATEWAY_CFG", tmp_path / "iscsi-gateway.cfg")
    monkeypatch.setattr(departures.socket, "getfqdn", lambda: "a.lab")
    monkeypatch.setattr(hookenv, "charm_dir", lambda: "/charm")
    monkeypatch.setattr(hookenv, "local_unit", lambda: "gw/0")
    monkeypatch.setattr(process, "run", run)
    return unit


def test_a_unit_takes_itself_out_while_no_change_goes_on(leaving):
    departures.take_self_out(leaving.ceph)
    assert leaving.ran == [["/charm/files/forget_gateway.py", "a.lab"]]
    assert leaving.ceph.taken == []


def test_a_change_that_goes_on_holds_a_unit_that_leaves_for_half_a_minute(leaving):
    leaving.ceph.held = True
    with pytest.raises(GatewayError, match="did not end within 30 s"):
        departures.take_self_out(leaving.ceph)
    assert leaving.ran == []
