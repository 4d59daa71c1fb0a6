import pytest
from ceph_iscsi import validation
from ceph_iscsi.errors import GatewayError


@pytest.mark.parametrize(
    "name",
    [
        "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw",
        "iqn.1994-05.com.redhat:rh7-client",
        "iqn.1991-05.com.microsoft:win-1.example.com",
        "iqn.2001-04.com.example",
    ],
)
def test_an_iqn_is_taken_as_it_is(name):
    assert validation.iqn("iqn", name) == name


def test_an_iqn_is_put_into_lower_case_as_the_gateway_does():
    assert validation.iqn("iqn", "iqn.2001-04.com.Example:A") == "iqn.2001-04.com.example:a"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "notaniqn",
        "iqn.2003-13.com.example:a",
        "iqn.203-01.com.example:a",
        "iqn.2003-01.com:a",
        "iqn.2003-01.com.example:a b",
        "iqn.2003-01.com.example:a_b",
        "iqn.2003-01.com.example:a/b",
        "iqn.2003-01.com.example:a\nexit",
        "iqn.2003-01.com.example:",
        "iqn.2003-01.com.example:" + "a" * 200,
        "eui.02004567A425678D",
    ],
)
def test_what_is_no_iqn_is_refused_with_parameter_value_and_rule(name):
    with pytest.raises(GatewayError) as error:
        validation.iqn("client-initiatorname", name)
    message = str(error.value)
    assert message.startswith(f"client-initiatorname: {name!r} is not valid; allowed: iqn.YYYY-MM")


@pytest.mark.parametrize(
    ("given", "normal", "bytes_"),
    [("10G", "10G", 10 << 30), ("64m", "64M", 64 << 20), ("2t", "2T", 2 << 40)],
)
def test_sizes(given, normal, bytes_):
    assert validation.size("image-size", given) == normal
    assert validation.size_in_bytes(normal) == bytes_


@pytest.mark.parametrize(
    "size", ["", "10", "0G", "-1G", "1.5G", "10GB", "G", "10K", "1 G", "10G\n"]
)
def test_what_is_no_size_is_refused(size):
    with pytest.raises(GatewayError, match=r"^image-size: .* allowed: a whole number"):
        validation.size("image-size", size)


@pytest.mark.parametrize("name", ["disk_1", "a", "A.b-c_9", "0", "x" * 96])
def test_names_of_images_and_pools(name):
    assert validation.name("image-name", name) == name


@pytest.mark.parametrize("name", ["", ".", "-x", "a/b", "a@snap", "a b", "ü", "x" * 97, "a\n"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(GatewayError, match=r"^image-name: .* allowed: letters, digits"):
        validation.name("image-name", name)


def test_good_credentials_pass():
    validation.credentials("user@host:1._-", "pass/word@12-")


@pytest.mark.parametrize(
    ("username", "password", "problem"),
    [
        ("user name", "password1234", "username can only contain: [A-Za-z0-9.@_:-]"),
        ("short", "password1234", "username must be between 8 and 64 characters long"),
        ("u" * 65, "password1234", "username must be between 8 and 64 characters long"),
        ("", "password1234", "username must be between 8 and 64 characters long"),
        ("username", "pass word 1234", "password can only contain: [A-Za-z0-9@_/-]"),
        ("username", "password123", "password must be between 12 and 16 characters long"),
        ("username", "p" * 17, "password must be between 12 and 16 characters long"),
        ("username\n", "password1234", "username can only contain: [A-Za-z0-9.@_:-]"),
    ],
)
def test_bad_credentials_are_refused_without_being_shown(username, password, problem):
    with pytest.raises(GatewayError) as error:
        validation.credentials(username, password)
    assert str(error.value) == f"invalid username or password: {problem}"


KNOWN = ["gw/0", "gw/1", "gw/2", "gw/10"]


def units(value, ready=("gw/0", "gw/1", "gw/10"), local="gw/1"):
    return validation.gateway_units(value, local=local, ready=ready, known=KNOWN)


@pytest.mark.parametrize("value", [None, ""])
def test_all_ready_gateways_by_default_the_local_one_first(value):
    assert units(value) == ["gw/1", "gw/0", "gw/10"]


def test_named_gateways_the_local_one_first():
    assert units("gw/10  gw/1") == ["gw/1", "gw/10"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            "gw/1 gw/7",
            "gateway-units: gw/7 not in this application; allowed: gw/0, gw/1, gw/2, gw/10",
        ),
        ("gw/1 gw/2", "gateway-units: gw/2 not ready; ready gateways: gw/0, gw/1, gw/10"),
        ("gw/0 gw/10", "gateway-units: gw/1 must be among them, since the action runs on it"),
        ("gw/1", "gateway-units: a target needs 2 gateways or more; ready gateways: gw/0, gw/1"),
    ],
)
def test_gateways_that_cannot_be_are_refused_by_their_whole_names(value, problem):
    with pytest.raises(GatewayError) as error:
        units(value)
    assert str(error.value).startswith(problem)


def test_a_unit_that_is_not_ready_itself_says_so():
    with pytest.raises(GatewayError, match="gw/2, which the action runs on, is not ready"):
        units(None, local="gw/2")


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("10.0.0.2 10.0.0.1", ["10.0.0.1", "10.0.0.2"]),
        ("FD00:0::A fd00::a", ["fd00::a"]),
        ("::ffff:10.0.0.1", ["10.0.0.1"]),
        ("fe80::1%eth0", ["fe80::1"]),
    ],
)
def test_addresses_are_taken_as_the_api_will_see_them(given, normal):
    assert validation.addresses("ips", given) == normal


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8", "gateway", "10.0.0", "010.0.0.1", "::", "224.0.0.1"]
)
def test_what_is_no_address_of_a_host_is_refused_by_name(text):
    with pytest.raises(
        GatewayError, match=r"^ips: .* allowed: IPv4 or IPv6 .* no networks"
    ) as told:
        validation.addresses("ips", f"10.0.0.1 {text}")
    assert repr(text) in str(told.value)


def test_no_address_at_all_is_refused():
    with pytest.raises(GatewayError, match="ips: no address given"):
        validation.addresses("ips", " ")


@pytest.mark.parametrize(
    ("size", "shown"),
    [(1 << 30, "1G"), (1536 << 20, "1536M"), (1 << 40, "1T"), (1000, "1000 bytes")],
)
def test_sizes_are_shown_in_whole_units(size, shown):
    assert validation.human_size(size) == shown
