"""No secret is where it does not belong, whatever actions and daemons have left until now."""

import contextlib
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from harness import FIRST, HERE, IQN, Client, Model

PROGRAM = "/root/searcher.py"
NOTES = "/root/searcher"
GUEST = Client("iqn.2024-11.com.example.lab:guest", "guest-user", "guests-Secret-1", "none")
NO_DISK = {"image_name": None, "image_size": None}


@pytest.fixture(scope="module")
def searched(target: Model) -> Iterator[Model]:
    """The model with a program on each gateway that knows its secrets and looks for them."""
    for unit in target.gateways():
        target.juju.scp(HERE / "searcher.py", f"{unit}:searcher.py")
        target.run_on(unit, "install", "-m", "0700", "/home/ubuntu/searcher.py", PROGRAM)
    remember(target)
    yield target
    for unit in target.gateways():
        target.run_on(unit, "rm", "-r", NOTES, PROGRAM, "/home/ubuntu/searcher.py")


def remember(model: Model) -> None:
    """Have the program on each gateway know the secrets that there are now, and all before."""
    for unit in model.gateways():
        model.run_on(unit, PROGRAM, "remember")


def known(model: Model, unit: str) -> set[str]:
    """All secrets of a gateway."""
    found = set(model.run_on(unit, "cat", f"{NOTES}/known").splitlines())
    assert FIRST.password in found
    assert len(found) >= 4, "the API's password, a key to Ceph and a private key besides"
    return found


def search(model: Model, unit: str) -> list[str]:
    """Where on a gateway there is a secret and should be none."""
    return json.loads(model.run_on(unit, PROGRAM, "search"))


#: What a careless program would do with a secret, $1, for a short time.
LEAK = """
umask 077; printf %s "$1" > /root/searcher/decoy
sleep 0.5 | grep "$1"
sleep 0.5 | LEAKED="$1" cat
"""


@dataclass
class Watched:
    """What was seen while actions were at work with secrets."""

    #: by unit, what processes showed: which were seen, and where a secret was found
    processes: dict[str, dict[str, list]]
    #: the fingerprint of the one secret that a process shows on purpose
    decoy: str
    #: results of the actions
    results: str


@contextlib.contextmanager
def watching(model: Model) -> Iterator[dict[str, dict[str, list]]]:
    """Watch the gateways' processes meanwhile; what they showed is there, by unit, at the end."""
    start = ("systemd-run", "--quiet", "--unit=watcher", "--collect", PROGRAM, "watch")
    processes: dict[str, dict[str, list]] = {}
    for unit in model.gateways():
        model.run_on(unit, *start)
    try:
        yield processes
    finally:
        for unit in model.gateways():
            model.run_on(unit, "systemctl", "stop", "watcher")
    for unit in model.gateways():
        processes[unit] = json.loads(model.run_on(unit, "cat", f"{NOTES}/watched"))


@pytest.fixture(scope="module")
def watched(searched: Model) -> Watched:
    """The gateways' processes, watched while secrets are set, changed and exported."""
    model, leader, decoy = searched, searched.leader(), f"decoy-{secrets.token_hex(8)}"
    client = {"iqn": IQN, "client_initiatorname": GUEST.name}
    changed = {"method": "chap", "username": GUEST.username, "password": "guests-Secret-2"}
    before = model.api_passwords(leader)
    with watching(model) as processes:
        told = [model.action(leader, "create-target", **GUEST.parameters(**NO_DISK))]
        remember(model)
        told.append(model.action(leader, "set-client-auth", **client, **changed))
        told.append(model.action(leader, "export-config"))
        told.append(model.action(leader, "rotate-admin-password"))
        model.wait(lambda status: model.rotated(before))
        model.run_on(leader, "sh", "-c", LEAK, "leak", decoy)
    model.run_on(leader, "rm", f"{NOTES}/decoy", told[2]["file"])
    remember(model)
    model.action(leader, "remove-client", **client)
    return Watched(processes, hashlib.sha256(decoy.encode()).hexdigest()[:16], json.dumps(told))


@pytest.mark.parametrize("number", [0, 1])
def test_no_process_shows_one_while_actions_set_and_change_them(searched: Model, watched, number):
    found = watched.processes[searched.gateways()[number]]["found"]
    assert [where for where in found if where[-1] != watched.decoy] == []


def test_gwcli_and_hook_tools_were_among_the_processes_that_were_seen(searched: Model, watched):
    assert "gwcli" in watched.processes[searched.leader()]["seen"]
    for unit in searched.gateways():
        assert "relation-set" in watched.processes[unit]["seen"]


def test_a_process_that_shows_a_secret_for_half_a_second_is_caught(searched: Model, watched):
    found = watched.processes[searched.leader()]["found"]
    assert ["a common user", "grep", "cmdline", watched.decoy] in found
    assert ["root", "cat", "environ", watched.decoy] in found


def test_no_action_tells_one_in_its_results(searched: Model, watched):
    assert json.loads(watched.results)[0]["iqn"] == IQN
    secrets_there = known(searched, searched.leader())
    assert GUEST.password in secrets_there
    assert not [secret for secret in secrets_there if secret in watched.results]


@pytest.mark.parametrize("number", [0, 1])
def test_no_file_log_journal_or_process_of_a_gateway_has_one(searched: Model, number):
    assert search(searched, searched.gateways()[number]) == []


def test_neither_the_models_log_nor_its_status_has_one(searched: Model):
    log = searched.juju.debug_log(limit=0)
    status = searched.juju.cli("status", "--format", "json")
    assert "config-changed" in log
    for unit in searched.gateways():
        assert not [secret for secret in known(searched, unit) if secret in log + status]


#: Leaves a text that counts as a secret in each of the places: $1 is what the search knows of it.
PLANT = """
umask 077; printf %s "$1" > /root/searcher/decoy
echo "x $1 y" > /var/log/planted.log
echo "x $1 y" > /home/planted; chmod 644 /home/planted
echo "planted $1" | systemd-cat
systemd-run --quiet --unit=planted --collect sh -c "sleep 600; : $1"
"""
CLEAR = "systemctl stop planted; rm /var/log/planted.log /home/planted /root/searcher/decoy"


def test_a_secret_in_any_of_these_places_would_be_found(searched: Model):
    unit, decoy = "ceph-iscsi/0", f"decoy-{secrets.token_hex(8)}"
    searched.run_on(unit, "sh", "-c", PLANT, "plant", decoy)
    found = search(searched, unit)
    searched.run_on(unit, "sh", "-c", CLEAR)
    for place in (
        "root: /var/log/planted.log",
        "root: journalctl",
        "a common user: /home/planted",
    ):
        assert place in found
    assert any(place.startswith("a common user: /proc/") for place in found)
