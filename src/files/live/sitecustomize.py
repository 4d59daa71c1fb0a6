"""Python's start in rbd-target-api, and in gwcli as the charm runs it.

rbd-target-api reads its file once, when it starts; a restart takes all paths of its gateway down.
Here it looks into the file again for what may change at any time: whom it trusts and the password.
It also takes a second password, while a new one comes into use on one gateway after the other.

ceph-iscsi stores an IPv6 portal's address without brackets, and reads it from the kernel with
them. So it does not find whose portal it is, and setting credentials of a target itself fails.
Here it looks it up without them.

What TLS needs besides is in a module beside this one while there is TLS.

All of it changes what is in the memory of these processes alone.
"""

import configparser
import contextlib
import os
import sys

CONFIG = "/etc/ceph/iscsi-gateway.cfg"


class File:
    """The section [config] of a file as it is now; of one that can't be read, as it was."""

    def __init__(self, path):
        self.path = path
        self._seen = None
        self._values = {}

    def get(self, name):
        """The value of a setting, None if the file has none."""
        with contextlib.suppress(OSError, configparser.Error):
            status = os.stat(self.path)
            now = (status.st_ino, status.st_mtime_ns, status.st_size)
            if now != self._seen:
                parser = configparser.ConfigParser(interpolation=None)
                with open(self.path) as file:
                    parser.read_file(file)
                self._values = dict(parser.items("config"))
                self._seen = now
        return self._values.get(name)


class Password(str):
    """The password that this gateway uses; another that it takes counts as equal."""

    other = None

    def __eq__(self, given):
        return str.__eq__(self, given) or (self.other is not None and self.other == given)

    def __ne__(self, given):
        return not self == given

    __hash__ = str.__hash__


def live(name, of):
    """A property in the place of the attribute ``name``: ``of`` makes its value, or tells None."""

    def get(settings):
        value = of()
        return vars(settings)[name] if value is None else value

    def put(settings, value):
        vars(settings)[name] = value

    return property(get, put)


def make_live(settings, path=CONFIG):
    """Have a class of settings take what may change from the file, each time it is asked."""
    file = File(path)

    def trusted():
        text = file.get("trusted_ip_list")
        if text is None:
            return None
        return [address.strip() for address in text.split(",")] if text else []

    def password():
        text = file.get("api_password")
        if text is None:
            return None
        value = Password(text)
        value.other = file.get("other_api_password") or None
        return value

    settings.trusted_ip_list = live("trusted_ip_list", trusted)
    settings.api_password = live("api_password", password)


def find_ipv6_portals(target):
    """Have a class of targets find the gateway of a portal by its address with brackets, too."""
    find = target._get_gateway_name
    target._get_gateway_name = lambda self, address: find(self, address.strip("[]"))


def main(program):
    """Do what ``program`` needs; nothing for any other."""
    if program not in ("gwcli", "rbd-target-api"):
        return
    if program == "rbd-target-api":
        from ceph_iscsi_config.settings import Settings

        make_live(Settings)
        from ceph_iscsi_config.target import GWTarget

        find_ipv6_portals(GWTarget)
    try:
        import ceph_iscsi_charm_tls
    except ModuleNotFoundError:
        return
    ceph_iscsi_charm_tls.main(program)


main(os.path.basename(sys.argv[0]) if sys.argv else "")
