#!/usr/bin/env python3
"""Ask gateways' APIs again and again, with the password that is known here now.

``asker.py clients NOTES``          as the api-client: those that it was told of
``asker.py gateways NOTES NAME...`` as a gateway: these, with the password of its own file

Until it is ended: then NOTES has how many answers of each HTTP status there were, as JSON.
"""

import base64
import collections
import configparser
import http.client
import json
import signal
import sys
import time
from pathlib import Path


def clients(_):
    """Host and password of each gateway, as the api-client has been told."""
    for gateway in json.loads(Path("/var/lib/api-client.json").read_text()):
        yield gateway["host"], gateway["password"]


def gateways(names):
    """Host and password of each of these gateways, as this one goes by them."""
    config = configparser.ConfigParser(interpolation=None)
    config.read("/etc/ceph/iscsi-gateway.cfg")
    for name in names:
        yield name, config["config"]["api_password"]


def ask(host, password):
    """The HTTP status of an answer, or why there is none."""
    token = base64.b64encode(f"admin:{password}".encode()).decode()
    connection = http.client.HTTPConnection(host, 5000, timeout=30)
    try:
        connection.request("GET", "/api/config", headers={"Authorization": f"Basic {token}"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def main(kind, notes, *names):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    seen = collections.Counter()
    try:
        while True:
            for host, password in {"clients": clients, "gateways": gateways}[kind](names):
                seen[ask(host, password)] += 1
            time.sleep(1)
    finally:
        Path(notes).write_text(json.dumps(seen))


main(*sys.argv[1:])
