#!/usr/bin/python3
"""Take a gateway that has gone out of all targets in the stored configuration, and no more.

Usage: forget_gateway.py NAME

Run with the distribution's Python, for ceph-iscsi's own library. Its API does the same, but then
has each remaining gateway define the target anew at once: initiators wait for 6 s. A target keeps
its last gateway, without which its disks and clients would go as well.
"""

import logging
import sys

from ceph_iscsi_config import settings
from ceph_iscsi_config.common import Config
from ceph_iscsi_config.gateway import CephiSCSIGateway


def forget(name):
    """Take the gateway NAME out; print the targets that it is out of now."""
    settings.init()
    log = logging.getLogger("forget-gateway")
    config = Config(log)
    if config.error:
        sys.exit(config.error_msg)
    for iqn, target in list(config.config["targets"].items()):
        if name in target["portals"] and len(target["portals"]) > 1:
            CephiSCSIGateway(log, config, name).remove_from_config(iqn)
            print(iqn)


if __name__ == "__main__":
    forget(sys.argv[1])
