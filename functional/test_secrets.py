"""No secret is where it does not belong, whatever actions and daemons have left until now."""

import json
import secrets
from collections.abc import Iterator

import pytest
from harness import FIRST, HERE, Model

PROGRAM = "/root/searcher.py"
NOTES = "/root/searcher"


@pytest.fixture(scope="module")
def searched(target: Model) -> Iterator[Model]:
    """The model with a program on each gateway that knows its secrets and looks for them."""
    for unit in target.gateways():
        target.juju.scp(HERE / "searcher.py", f"{unit}:searcher.py")
        target.run_on(unit, "install", "-m", "0700", "/home/ubuntu/searcher.py", PROGRAM)
        target.run_on(unit, PROGRAM, "remember")
    yield target
    for unit in target.gateways():
        target.run_on(unit, "rm", "-r", NOTES, PROGRAM, "/home/ubuntu/searcher.py")


def known(model: Model, unit: str) -> set[str]:
    """All secrets of a gateway."""
    found = set(model.run_on(unit, "cat", f"{NOTES}/known").splitlines())
    assert FIRST.password in found
    assert len(found) >= 4, "the API's password, a key to Ceph and a private key besides"
    return found


def search(model: Model, unit: str) -> list[str]:
    """Where on a gateway there is a secret and should be none."""
    return json.loads(model.run_on(unit, PROGRAM, "search"))


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
