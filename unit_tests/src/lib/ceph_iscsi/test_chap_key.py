"""The pair that CHAP passwords are kept under, with a real openssl."""

import pytest
from ceph_iscsi import chap_key
from ceph_iscsi.errors import GatewayError
from cryptography.hazmat.primitives import serialization


@pytest.fixture
def pair(tmp_path):
    return tmp_path / "iscsi-gateway.key", tmp_path / "iscsi-gateway-pub.key"


def test_it_lies_where_the_daemons_look_and_not_where_the_certificate_is():
    assert str(chap_key.PRIVATE) == "/etc/ceph/iscsi/iscsi-gateway.key"
    assert str(chap_key.PUBLIC) == "/etc/ceph/iscsi/iscsi-gateway-pub.key"


def test_the_public_half_belongs_to_the_private_one_which_is_for_root_alone(pair, hook):
    private, public = pair
    chap_key.install(chap_key.generate(), private, public)
    key = serialization.load_pem_private_key(private.read_bytes(), None)
    assert serialization.load_pem_public_key(public.read_bytes()) == key.public_key()
    assert key.key_size == chap_key.BITS
    assert [path.stat().st_mode & 0o777 for path in pair] == [0o600, 0o644]


def test_a_half_that_is_missing_is_made_good_and_nothing_else_touched(pair):
    private, public = pair
    key = chap_key.generate()
    chap_key.install(key, private, public)
    before = private.stat().st_ino, public.stat().st_ino
    chap_key.install(key, private, public)
    assert (private.stat().st_ino, public.stat().st_ino) == before
    text = public.read_text()
    public.unlink()
    chap_key.install(key, private, public)
    assert public.read_text() == text


def test_what_is_no_key_is_not_told(pair):
    with pytest.raises(GatewayError) as caught:
        chap_key.install("not-a-key-but-secret", *pair)
    assert "secret" not in str(caught.value)
