"""Who asks for certificates, and what they are answered."""

import json
import os
from collections.abc import Callable, Mapping

from ca import juju
from ca.authority import Authority, Issued

ENDPOINT = "certificates"
REQUESTS = "application_cert_requests"


def serve(authority: Authority, issue: Callable[[str, list[str]], Issued | None]) -> None:
    """Answer all relations; only the leader, whose disk has the authority, does.

    :param issue: the certificate of an application for these names, None for no answer
    """
    if not juju.ask("is-leader"):
        return
    for relation_id in juju.ask("relation-ids", ENDPOINT):
        units = juju.ask("relation-list", "-r", relation_id)
        bags = {unit: juju.ask("relation-get", "-r", relation_id, "-", unit) for unit in units}
        asking = requests(bags)
        own = juju.ask("relation-get", "-r", relation_id, "-", os.environ["JUJU_UNIT_NAME"])
        wanted = {"ca": authority.root, "chain": authority.chain}
        if asking:
            application = units[0].partition("/")[0]
            wanted |= answers(asking, issue(application, names(asking)))
        # An empty value takes a key away: that of a unit that has left, or was not answered.
        gone = {key: "" for key in own if key.endswith("_requests") and key not in wanted}
        juju.set_relation(relation_id, {**gone, **wanted})


def requests(bags: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, list[str]]]:
    """What units ask for: by the name that they give themselves, SANs by common name."""
    asking = {}
    for unit, bag in bags.items():
        if bag.get(REQUESTS):
            name = bag.get("unit_name") or unit.replace("/", "_")
            asked = json.loads(bag[REQUESTS])
            asking[name] = {cn: request.get("sans") or [] for cn, request in asked.items()}
    return asking


def names(asking: Mapping[str, Mapping[str, list[str]]]) -> list[str]:
    """All names of an application's certificate: common names first, then the others; sorted."""
    commons = {cn for request in asking.values() for cn in request}
    others = {san for request in asking.values() for sans in request.values() for san in sans}
    return [*sorted(commons), *sorted(others - commons)]


def answers(asking: Mapping[str, object], issued: Issued | None) -> dict[str, str]:
    """One answer, the same, for each unit that asks; none if nothing was issued."""
    if issued is None:
        return {}
    answer = json.dumps({"app_data": {"cert": issued.cert, "key": issued.key}})
    return {f"{unit}.processed_application_requests": answer for unit in asking}
