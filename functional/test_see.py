"""What there is, told while all is well and while it isn't; made credentials; a configuration
that is put back."""

import json
from pathlib import Path
from typing import Any

import jubilant
import pytest
from harness import FIRST, GATEWAY, INITIATOR, IQN, Client, Model

DISK = f"{GATEWAY}/{FIRST.image}"
ADVISED = Path(__file__).resolve().parent.parent / "src" / "files" / "initiator"


def listed(model: Model, unit: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What list-targets tells on UNIT: all of it, the one target, the tree."""
    results = model.action(unit, "list-targets")
    assert FIRST.password not in json.dumps(results)
    document = json.loads(results["targets"])
    (target,) = (target for target in document["targets"] if target["iqn"] == IQN)
    return document, target, results["tree"]


def first_client(target: dict[str, Any]) -> dict[str, Any]:
    return next(client for client in target["clients"] if client["name"] == FIRST.name)


@pytest.fixture(scope="module")
def seen(disk: Model) -> Model:
    """The initiator logged in over both paths, nothing amiss."""
    disk.wait_paths(2)
    return disk


@pytest.mark.parametrize("unit", ["ceph-iscsi/0", "ceph-iscsi/1"])
def test_any_unit_tells_all_of_a_target(seen: Model, unit):
    document, target, tree = listed(seen, unit)
    assert {gateway["unit"]: gateway["state"] for gateway in target["gateways"]} == {
        "ceph-iscsi/0": "up",
        "ceph-iscsi/1": "up",
    }
    (disk,) = (disk for disk in target["disks"] if disk["name"] == DISK)
    assert (disk["size"], disk["snapshots"]) == (1 << 30, [])
    assert disk["owner"] in [gateway["name"] for gateway in target["gateways"]]
    client = first_client(target)
    assert client["auth"] == "chap"
    assert set(client["sessions"].values()) == {"logged-in"}
    assert client["luns"] == {DISK: 0}
    assert document["problems"] == []
    assert f"{DISK}  1G  owner {disk['owner']}" in tree


def test_a_gateway_that_is_down_is_told_on_itself_and_on_the_other(seen: Model):
    seen.run_on("ceph-iscsi/1", "systemctl", "stop", "rbd-target-api")
    try:
        for unit in ("ceph-iscsi/0", "ceph-iscsi/1"):
            document, target, tree = listed(seen, unit)
            states = {gateway["unit"]: gateway["state"] for gateway in target["gateways"]}
            assert states == {"ceph-iscsi/0": "up", "ceph-iscsi/1": "down"}
            sessions = sorted(first_client(target)["sessions"].values())
            assert sessions == ["logged-in", "unknown"]
            assert target["disks"][0]["size"]
            assert "does not answer: Connection refused" in " ".join(document["problems"])
            assert "problems" in tree
    finally:
        seen.serve_again("ceph-iscsi/1")
    seen.wait_paths(2)


def test_the_initiators_settings_are_those_that_the_charm_tells(seen: Model):
    told = seen.action("ceph-iscsi/1", "initiator-config")
    assert told["multipath-conf"].strip() == (ADVISED / "multipath.conf").read_text().strip()
    on_host = seen.run_on(INITIATOR, "cat", "/etc/multipath.conf")
    assert on_host.strip() == told["multipath-conf"].strip()
    settings = seen.run_on(INITIATOR, "cat", "/etc/iscsi/iscsid.conf")
    wanted = [line for line in told["iscsid-conf"].splitlines() if line.startswith("node.")]
    assert len(wanted) == 5
    for line in wanted:
        assert line in settings


def test_made_credentials_are_a_juju_secret_and_let_the_client_in(seen: Model):
    # The initiator has one name: it gets other credentials for it, then the first ones again.
    parameters = {"iqn": IQN, "client_initiatorname": FIRST.name}
    results = seen.action(
        "ceph-iscsi/0",
        "set-client-auth",
        **parameters,
        method="mutual-chap",
        generate_credentials=True,
    )
    try:
        secret = seen.juju.show_secret(results["credentials-secret"], reveal=True)
        made = secret.content
        assert made["client"] == FIRST.name
        assert made["mutual-password"] not in ("", made["password"])
        assert made["password"] not in json.dumps(results)
        assert listed_auth(seen) == "mutual"
        seen.action(
            "ceph-iscsi/0",
            "set-client-auth",
            **parameters,
            method="chap",
            username=made["username"],
            password=made["password"],
        )
        seen.logout()
        with pytest.raises(jubilant.TaskError):
            seen.login()
        seen.logout()
        seen.login(Client(FIRST.name, made["username"], made["password"], FIRST.image))
        seen.wait_paths(2)
    finally:
        seen.action(
            "ceph-iscsi/0",
            "set-client-auth",
            **parameters,
            method="chap",
            username=FIRST.username,
            password=FIRST.password,
        )
    with pytest.raises(jubilant.CLIError, match="not found"):
        seen.juju.show_secret(results["credentials-secret"])
    seen.logout()
    seen.login()


def listed_auth(model: Model) -> str:
    _, target, _ = listed(model, "ceph-iscsi/1")
    return first_client(target)["auth"]


@pytest.fixture(scope="module")
def key(seen: Model) -> str:
    """A key pair on a unit: its private half is a file there; the public one."""
    seen.run_on("ceph-iscsi/0", "openssl", "genrsa", "-out", "/root/backup.pem", "2048")
    return seen.run_on("ceph-iscsi/0", "openssl", "pkey", "-in", "/root/backup.pem", "-pubout")


def test_what_was_exported_is_restored_onto_gateways_that_have_nothing(seen: Model, key):
    unit = "ceph-iscsi/0"
    exported = seen.action(unit, "export-config", public_key=key)
    assert exported["passwords"] == "sealed"
    text = seen.run_on(unit, "cat", exported["file"])
    assert FIRST.password not in text
    mode = seen.run_on(unit, "stat", "--format=%a %U", exported["file"])
    assert mode.strip() == "600 root"
    _, before, _ = listed(seen, unit)
    with seen.writing() as summary:
        pass
    assert (summary["errors"], summary["lost"]) == (0, 0)
    path = seen.device_path()
    content = seen.run_on(INITIATOR, "sh", "-c", f"head -c 1M {path} | sha256sum")
    wwid = seen.device()["wwid"]
    seen.logout()

    with pytest.raises(jubilant.TaskError, match="no password to be read in the file"):
        seen.action(unit, "restore-config", file=exported["file"])
    clear(seen, unit)
    assert json.loads(seen.action(unit, "list-targets")["targets"])["targets"] == []

    results = seen.action(
        unit, "restore-config", file=exported["file"], private_key_file="/root/backup.pem"
    )
    assert results["changed"] == "true"
    _, after, _ = listed(seen, unit)
    for target in (before, after):
        for client in target["clients"]:
            del client["sessions"]
        for disk in target["disks"]:
            del disk["owner"]  # the gateways share them out anew
    assert after == before
    seen.login()
    assert seen.device()["wwid"] == wwid
    path = seen.device_path()
    assert seen.run_on(INITIATOR, "sh", "-c", f"head -c 1M {path} | sha256sum") == content
    again = seen.action(
        unit, "restore-config", file=exported["file"], private_key_file="/root/backup.pem"
    )
    assert again["changed"] == "false"


def clear(model: Model, unit: str) -> None:
    """Have no targets and disks; images stay."""
    config = model.api_config(unit)
    for iqn in config["targets"]:
        model.action(unit, "delete-target", iqn=iqn, i_really_mean_it=True)
    commands = [f"/disks detach {name}" for name in config["disks"]]
    script = "\n".join(("HOME=/root gwcli <<'EOF'", *commands, "exit", "EOF"))
    model.juju.exec(script, unit=unit, wait=300)
