"""What a user may ask for: checks of single action parameters, before anything is touched.

Each function returns the value in its normal form or raises a GatewayError that names the
parameter, the value (unless it is a secret) and what is allowed.
"""

import ipaddress
import re
from collections.abc import Collection

from ceph_iscsi.errors import GatewayError

# RFC 3720, 3.2.6.3.1. No underscore: rtslib, which defines the target, refuses it.
_IQN = re.compile(r"iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[a-z0-9-]+(\.[a-z0-9-]+)+(:[a-z0-9.:-]+)?")
_IQN_RULE = "iqn.YYYY-MM.REVERSED.DOMAIN[:NAME] of letters, digits, '.', ':' and '-', up to 223"
_SIZE = re.compile(r"[1-9][0-9]{0,9}[MGT]")
_SIZE_RULE = "a whole number followed by M, G or T, such as 10G"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_NAME_RULE = "letters, digits, '.', '_' and '-', first a letter or digit, up to 96"
_ADDRESS_RULE = "IPv4 or IPv6 addresses of single hosts, with blanks between them; no networks"
_GROUP = re.compile(r"[A-Za-z0-9_@-]{1,32}")
_GROUP_RULE = "letters, digits, '_', '-' and '@', up to 32"
_IN_USERNAME = "[A-Za-z0-9.@_:-]"
_IN_CREDENTIAL = "[A-Za-z0-9@_/-]"

UNITS = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def _refuse(parameter: str, value: str, rule: str) -> GatewayError:
    return GatewayError(f"{parameter}: {value!r} is not valid; allowed: {rule}")


def iqn(parameter: str, value: str) -> str:
    """An iSCSI qualified name, in lower case as the gateway stores it."""
    name = value.lower()
    if len(name) > 223 or not _IQN.fullmatch(name):
        raise _refuse(parameter, value, _IQN_RULE)
    return name


def size(parameter: str, value: str) -> str:
    """The size of a disk as ``<number><M|G|T>``, powers of 1024."""
    if not _SIZE.fullmatch(value.upper()):
        raise _refuse(parameter, value, _SIZE_RULE)
    return value.upper()


def size_in_bytes(value: str) -> int:
    """Bytes of a size in its normal form."""
    return int(value[:-1]) * UNITS[value[-1]]


def human_size(size: int) -> str:
    """Bytes in the largest unit that they are a whole number of, as ``10G``."""
    for unit in "TGM":
        if size % UNITS[unit] == 0:
            return f"{size // UNITS[unit]}{unit}"
    return f"{size} bytes"


def name(parameter: str, value: str) -> str:
    """The name of an image or a pool."""
    if not _NAME.fullmatch(value):
        raise _refuse(parameter, value, _NAME_RULE)
    return value


def addresses(parameter: str, value: str) -> list[str]:
    """IP addresses with blanks between them, each as the API compares it, sorted.

    Networks are refused: ceph-iscsi compares whole addresses.
    """
    found = {_address(parameter, text) for text in value.split()}
    if not found:
        raise GatewayError(f"{parameter}: no address given; allowed: {_ADDRESS_RULE}")
    return sorted(found)


def _address(parameter: str, text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise _refuse(parameter, text, _ADDRESS_RULE) from None
    if isinstance(address, ipaddress.IPv6Address):
        # The API sees an IPv4 client without ::ffff:, and no interface after an address.
        address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    if address.is_unspecified or address.is_multicast:
        raise _refuse(parameter, text, _ADDRESS_RULE)
    return str(address)


def group(parameter: str, value: str) -> str:
    """The name of a host group."""
    if not _GROUP.fullmatch(value):
        raise _refuse(parameter, value, _GROUP_RULE)
    return value


def whole_number(parameter: str, value: int | str, least: int, most: int) -> int:
    """A whole number in a range."""
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise _refuse(parameter, text, f"a whole number from {least} to {most}")
    return int(text)


def credentials(username: str, password: str, whose: str = "") -> None:
    """CHAP user name and password, by the rules of the gateway and of the initiators.

    :param whose: goes before the words, as ``mutual ``
    """
    problem = None
    if not re.fullmatch(f"{_IN_USERNAME}*", username):
        problem = f"username can only contain: {_IN_USERNAME}"
    elif not 8 <= len(username) <= 64:
        problem = "username must be between 8 and 64 characters long"
    elif not re.fullmatch(f"{_IN_CREDENTIAL}*", password):
        problem = f"password can only contain: {_IN_CREDENTIAL}"
    elif not 12 <= len(password) <= 16:
        problem = "password must be between 12 and 16 characters long"
    if problem:
        raise GatewayError(f"invalid {whose}username or password: {problem}")


def _sorted(units: Collection[str]) -> list[str]:
    return sorted(
        units, key=lambda unit: (unit.partition("/")[0], int(unit.partition("/")[2] or 0))
    )


def gateway_units(
    value: str | None, *, local: str, ready: Collection[str], known: Collection[str]
) -> list[str]:
    """Units that shall serve a target, the local one first (the API wants it so).

    :param value: unit names with blanks between them; None or empty for all that are ready
    :param local: the unit that runs the action
    :param ready: units whose gateway has announced itself
    :param known: all units of the application
    """
    wanted = more_gateway_units(value, local=local, ready=ready, known=known)
    if local not in wanted:
        raise GatewayError(
            f"gateway-units: {local} must be among them, since the action runs on it"
        )
    if len(wanted) < 2:
        listed = ", ".join(_sorted(ready)) or "none"
        raise GatewayError(
            f"gateway-units: a target needs 2 gateways or more; ready gateways: {listed}"
        )
    return [local, *(unit for unit in wanted if unit != local)]


def more_gateway_units(
    value: str | None, *, local: str, ready: Collection[str], known: Collection[str]
) -> list[str]:
    """Units that shall serve a target that is there; parameters as for gateway_units."""
    wanted = set((value or " ".join(ready)).split())
    listed = ", ".join(_sorted(ready)) or "none"
    if local not in ready:
        raise GatewayError(
            f"the gateway on {local}, which the action runs on, is not ready; "
            f"ready gateways: {listed}"
        )
    if unknown := _sorted(wanted - set(known)):
        raise GatewayError(
            f"gateway-units: {', '.join(unknown)} not in this application; "
            f"allowed: {', '.join(_sorted(known))}"
        )
    if unready := _sorted(wanted - set(ready)):
        raise GatewayError(
            f"gateway-units: {', '.join(unready)} not ready; ready gateways: {listed}"
        )
    return _sorted(wanted)
