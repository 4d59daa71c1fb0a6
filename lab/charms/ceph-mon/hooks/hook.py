#!/usr/bin/env python3
"""Every hook of the ceph-mon companion: bring the cluster up, answer whoever asks."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from ceph_mon import broker, juju
from ceph_mon.cluster import GIB, Cluster, ClusterError, MonitorClient

ENDPOINT = "client"


def main() -> None:
    """Converge: the same work in every hook, as little as is needed."""
    if Path(sys.argv[0]).name == "install":
        juju.tell("status-set", "maintenance", "Bringing the cluster up")
    config = juju.ask("config-get")
    address = juju.ask("network-get", ENDPOINT, "--bind-address")
    cluster = Cluster(address, config["osd-count"], config["osd-size-gib"] * GIB)
    try:
        cluster.ensure_up()
    except ClusterError as error:
        juju.tell("status-set", "blocked", str(error))
        raise
    with MonitorClient() as monitor:
        juju.tell("application-version-set", monitor.ask("version")["version"].split()[2])
        addresses = [address, *config["further-addresses"].split()]
        for relation_id in juju.ask("relation-ids", ENDPOINT):
            serve(relation_id, monitor, addresses)
    juju.tell("status-set", "active", "Unit is ready and clustered")


def serve(relation_id: str, monitor: MonitorClient, addresses: list[str]) -> None:
    """Give the clients of one relation their key, the monitors' addresses, and their answers."""
    if juju.ask("is-leader"):
        told = {"ceph-mon-public-addresses": json.dumps(addresses)}
        juju.set_relation(relation_id, told, app=True)
    own = juju.ask("relation-get", "-r", relation_id, "-", os.environ["JUJU_UNIT_NAME"])
    answers = {key: value for key, value in own.items() if key.startswith("broker-rsp-")}
    for unit in juju.ask("relation-list", "-r", relation_id):
        remote = juju.ask("relation-get", "-r", relation_id, "-", unit)
        client = remote.get("application-name") or unit.partition("/")[0]
        access = {"auth": "cephx", "ceph-public-address": addresses[0]}
        juju.set_relation(relation_id, {**access, "key": monitor.client_key(client)})
        for command in broker.osd_settings(remote.get("osd-settings"), monitor.ask("config dump")):
            monitor.run(command)
        if "broker_req" in remote:
            key = broker.response_key(unit)
            answers[key] = answer(unit, remote["broker_req"], answers.values(), monitor)
            juju.set_relation(relation_id, {key: answers[key]})


def answer(unit: str, request: str, earlier: Iterable[str], monitor: MonitorClient) -> str:
    """Return the JSON response to UNIT's request, which is carried out unless it was before."""
    known = broker.known_answer(request, earlier)
    if known is not None:
        return known
    response = broker.answer(request, monitor.run, monitor.state)
    juju.log(f"{unit}: request {response}")
    return json.dumps(response)


if __name__ == "__main__":
    main()
