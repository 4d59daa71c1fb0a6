"""The text of open-iscsi's node records and settings: ``key = value`` lines, `#` comments."""

import re
from collections.abc import Mapping


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return TEXT with each of VALUES set once: in the place where it stood, or before the
    closing comment of a record, or at the end."""
    left = dict(values)
    lines = []
    for line in text.splitlines():
        key = line.partition("=")[0].strip()
        if line.startswith("# END RECORD"):
            lines += [f"{key} = {left.pop(key)}" for key in list(left)]
        if key in values:
            if key in left:
                lines.append(f"{key} = {left.pop(key)}")
        else:
            lines.append(line)
    lines += [f"{key} = {value}" for key, value in left.items()]
    return "\n".join(lines) + "\n"


def values(text: str) -> dict[str, str]:
    """Return the settings in TEXT, comments left out."""
    lines = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {key.strip(): value.strip() for key, equals, value in lines if equals}


def chap(username: str, password: str) -> dict[str, str]:
    """Return the node record settings that make the initiator identify itself by CHAP.

    Raises ValueError for what would break out of its line.
    """
    for what, value in (("username", username), ("password", password)):
        if not value or re.search(r"\s", value):
            raise ValueError(f"{what} must be a word without blanks")
    return {
        "node.session.auth.authmethod": "CHAP",
        "node.session.auth.username": username,
        "node.session.auth.password": password,
    }


def portals(discovered: str, iqn: str) -> list[str]:
    """Return the portals (``address:port``) of IQN in the output of a sendtargets discovery:
    lines of ``address:port,group iqn``."""
    words = [line.split() for line in discovered.splitlines()]
    return [portal.rpartition(",")[0] for portal, name in words if name == iqn]
