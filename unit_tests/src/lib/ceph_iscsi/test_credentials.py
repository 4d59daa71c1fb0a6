"""Credentials that the charm makes: what they are like, and where they are kept."""

import json
import os
import stat
from pathlib import Path

import pytest
from ceph_iscsi import credentials, validation
from ceph_iscsi.errors import GatewayError

IQN, CLIENT = "iqn.2003-01.com.example:t", "iqn.2024-11.com.example:c"
VALUES = {"username": "client-abcdefgh", "password": "not-on-a-command"}

# Stands for all of Juju's tools for secrets: a directory with one secret, and what was called.
TOOL = """#!/bin/sh
echo "$(basename "$0") $*" >> {state}/calls
case "$(basename "$0")" in
secret-info-get) [ -e {state}/secret ] || { echo 'ERROR secret not found' >&2; exit 1; }
    echo '{"abc": {"revision": 1}}';;
secret-add) while [ "$1" != --file ]; do shift; done; cp "$2" {state}/secret; echo secret:abc;;
secret-set) cp "$3" {state}/secret;;
secret-remove) rm {state}/secret;;
esac
"""


@pytest.fixture
def juju(tmp_path, monkeypatch):
    """Juju 3's hook tools; returns the directory of their state."""
    tools, state = tmp_path / "tools", tmp_path / "state"
    tools.mkdir()
    state.mkdir()
    for name in ("secret-add", "secret-set", "secret-info-get", "secret-remove"):
        tool = tools / name
        tool.write_text(TOOL.replace("{state}", str(state)))
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return state


@pytest.fixture
def old_juju(tmp_path, monkeypatch):
    """A Juju without secrets."""
    monkeypatch.setenv("PATH", str(tmp_path))


def test_what_is_made_is_what_the_gateway_takes_and_never_the_same_twice():
    one, other = credentials.generate(), credentials.generate(mutual=True)
    validation.credentials(one["username"], one["password"])
    validation.credentials(other["mutual_username"], other["mutual_password"])
    assert set(one) == {"username", "password"}
    assert len({*one.values(), *other.values()}) == 6


def test_with_juju_3_they_are_a_secret_and_never_on_a_command_line(juju):
    assert credentials.keep(IQN, CLIENT, VALUES, leader=True) == {
        "credentials-secret": "secret:abc"
    }
    assert json.loads((juju / "secret").read_text()) == {
        **VALUES,
        "target": IQN,
        "client": CLIENT,
    }
    calls = (juju / "calls").read_text()
    assert "--owner application" in calls
    assert VALUES["password"] not in calls


def test_another_units_secret_is_its_own(juju):
    credentials.keep(IQN, CLIENT, VALUES, leader=False)
    assert "--owner unit" in (juju / "calls").read_text()


def test_new_ones_take_the_place_of_earlier_ones(juju):
    credentials.keep(IQN, CLIENT, VALUES, leader=True)
    new = VALUES | {"password": "another-password", "mutual_username": "target-abcdefgh"}
    assert credentials.keep(IQN, CLIENT, new, leader=True) == {"credentials-secret": "secret:abc"}
    kept = json.loads((juju / "secret").read_text())
    assert (kept["password"], kept["mutual-username"]) == ("another-password", "target-abcdefgh")
    assert (juju / "calls").read_text().count("secret-add") == 1


def test_nothing_of_a_removed_client_is_kept(juju, tmp_path):
    credentials.keep(IQN, CLIENT, VALUES, leader=True)
    credentials.forget(IQN, CLIENT, tmp_path)
    assert not (juju / "secret").exists()
    credentials.forget(IQN, CLIENT, tmp_path)


def test_a_failure_of_juju_is_told_in_its_words_without_the_secret(juju, tmp_path):
    tool = tmp_path / "tools" / "secret-add"
    tool.write_text("#!/bin/sh\necho 'ERROR no leader' >&2\nexit 1\n")
    with pytest.raises(GatewayError, match=r"^`secret-add` failed: ERROR no leader$"):
        credentials.keep(IQN, CLIENT, VALUES, leader=True)


def test_without_secrets_of_juju_they_are_a_file_for_root(old_juju, tmp_path):
    told = credentials.keep(IQN, CLIENT, VALUES, leader=True, directory=tmp_path / "c")
    path = Path(told["credentials-file"])
    assert path == tmp_path / "c" / IQN / CLIENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o700
    assert f"password: {VALUES['password']}\n" in path.read_text()
    credentials.forget(IQN, CLIENT, tmp_path / "c")
    assert not path.exists()
