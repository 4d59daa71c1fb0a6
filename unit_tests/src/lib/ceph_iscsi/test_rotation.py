"""Another password: who takes which at every step, with the peers as the endpoint shows them."""

import pytest
from ceph_iscsi import rotation
from ceph_iscsi.api import Api
from charmhelpers.core import hookenv


class Application:
    """The application's data bag and those of its units."""

    def __init__(self, *units):
        self.used, self.following, self.previous = "first", None, None
        self.seen = dict.fromkeys(units, "")


class Peers:
    """The endpoint as one unit has it."""

    def __init__(self, application, unit):
        self.application, self.unit = application, unit

    admin_password = property(lambda self: self.application.used)
    next_admin_password = property(lambda self: self.application.following)
    other_admin_password = property(
        lambda self: self.application.following or self.application.previous
    )

    def set_admin_passwords(self, used, following=None, previous=None):
        self.application.used = used
        self.application.following, self.application.previous = following, previous

    def set_admin_passwords_seen(self, fingerprint):
        self.application.seen[self.unit] = fingerprint

    @property
    def admin_passwords_seen(self):
        return {unit: (seen, unit) for unit, seen in self.application.seen.items()}


@pytest.fixture
def gateways(hook, monkeypatch):
    """Three gateways; ``takes`` tells the passwords that each goes by: used, other."""

    class Gateways(dict):
        def hook(self, unit):
            """What happens in a hook of a unit."""
            monkeypatch.setattr(hookenv, "is_leader", lambda: unit == "a")
            peers = Peers(self.application, unit)
            while True:
                self[unit] = (peers.admin_password, rotation.other_password(peers))
                rotation.acknowledge(peers)
                if not rotation.advance(peers):
                    return

    gateways = Gateways.fromkeys("abc", ("first", None))
    gateways.application = Application("a", "b", "c")
    gateways.down = set()
    monkeypatch.setattr(Api, "of", lambda host: Api(host, 5000, "admin", "x"))
    monkeypatch.setattr(Api, "listens", lambda self: self.host not in gateways.down)
    return gateways


def nobody_is_locked_out(gateways, clients):
    for used, _ in gateways.values():
        assert all(used in takes for takes in gateways.values())
    assert all(clients in takes for takes in gateways.values())


def test_at_no_moment_does_a_gateway_refuse_another_or_a_client(gateways):
    application = gateways.application
    application.following = "second"
    clients = "first"
    for unit in "abcabcabcabc":
        gateways.hook(unit)
        nobody_is_locked_out(gateways, clients)
        clients = application.used  # a client's hook comes after the leader's
        nobody_is_locked_out(gateways, clients)
    assert set(gateways.values()) == {("second", None)}
    assert set(application.seen.values()) == {""}


def test_as_long_as_one_gateway_lags_behind_nothing_goes_on(gateways):
    gateways.application.following = "second"
    for unit in "abababa":
        gateways.hook(unit)
    assert gateways["a"] == ("first", "second")
    assert rotation.waiting_for(Peers(gateways.application, "a")) == ["c"]


def test_a_gateway_that_is_down_is_not_waited_for(gateways):
    gateways.application.following = "second"
    gateways.down = {"c"}
    for unit in "ababab":
        gateways.hook(unit)
    assert gateways["a"] == gateways["b"] == ("second", None)


def test_only_the_leader_goes_on(gateways):
    gateways.application.following = "second"
    for unit in "bcbc":
        gateways.hook(unit)
    assert gateways.application.used == "first"


def test_where_there_is_one_password_nothing_is_told(gateways):
    gateways.hook("a")
    assert gateways.application.seen["a"] == ""


def test_no_fingerprint_holds_a_password(gateways):
    gateways.application.following = "second"
    gateways.hook("b")
    told = gateways.application.seen["b"]
    assert told
    assert not {"first", "second"} & {told}


def test_on_the_communitys_interface_there_is_one_password_alone():
    class Community:
        admin_password = "x"

    assert not rotation.in_progress(Community())
    rotation.acknowledge(Community())
    assert not rotation.advance(Community())


def test_a_password_has_32_letters_and_digits():
    made = {rotation.password() for _ in range(20)}
    assert len(made) == 20
    assert all(len(password) == 32 and password.isalnum() for password in made)
