"""The api-client companion: what it keeps of the relation."""

from api_client import access

BAG = {"name": "host-1.lab", "scheme": "https", "host": "10.0.0.1", "port": "5000"}
LOGIN = {"username": "admin", "password": "geheim"}


def test_a_gateway_counts_when_it_has_told_everything():
    units = {"gw/0": BAG, "gw/1": {"ingress-address": "10.0.0.2"}}
    assert access.from_relation(units, {}) == []
    assert access.from_relation(units, LOGIN) == [access.Access(**BAG, **LOGIN)]


def test_addresses_make_urls():
    gateway = access.Access(**BAG, **LOGIN)
    assert gateway.url == "https://10.0.0.1:5000/api/config"
    six = access.Access(**{**BAG, "host": "fd99::11"}, **LOGIN)
    assert six.url == "https://[fd99::11]:5000/api/config"


def test_what_is_kept_is_for_root_alone_and_read_again(tmp_path):
    store = tmp_path / "store"
    gateways = access.from_relation({"gw/0": BAG}, LOGIN)
    access.save([], store)
    access.save(gateways, store)
    assert access.load(store) == gateways
    assert store.stat().st_mode & 0o777 == 0o600


def test_the_password_is_not_shown():
    assert "geheim" not in repr(access.Access(**BAG, **LOGIN))
