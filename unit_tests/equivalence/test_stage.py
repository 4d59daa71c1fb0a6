"""The stage's doubles: they keep what matters to a charm."""

import importlib.machinery
import importlib.util
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

STAGE = Path(__file__).resolve().parents[2] / "equivalence" / "stage"


def script(path: str, monkeypatch, **patched: object) -> ModuleType:
    """A program of the stage as a module, with some of its globals replaced."""
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader(Path(path).name, str(STAGE / path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    for name, value in patched.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.fixture
def systemctl(monkeypatch, tmp_path):
    """The stage's systemctl, its state in a temporary directory."""
    return script("usr/bin/systemctl", monkeypatch, PLACE=tmp_path)


def run(systemctl, monkeypatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["systemctl", *words])
    return systemctl.main()


def test_a_masked_service_does_not_start(systemctl, monkeypatch, capsys):
    assert run(systemctl, monkeypatch, "mask", "tcmu-runner") == 0
    assert run(systemctl, monkeypatch, "start", "tcmu-runner") == 1
    assert "masked" in capsys.readouterr().err
    run(systemctl, monkeypatch, "unmask", "tcmu-runner")
    assert run(systemctl, monkeypatch, "enable", "--now", "tcmu-runner") == 0
    run(systemctl, monkeypatch, "show", "--property=ActiveState,UnitFileState", "tcmu-runner")
    assert capsys.readouterr().out.split() == ["ActiveState=active", "UnitFileState=enabled"]


def test_the_fourth_start_fails_unless_the_count_is_reset(systemctl, monkeypatch):
    for _ in range(3):
        assert run(systemctl, monkeypatch, "restart", "tcmu-runner") == 0
    assert run(systemctl, monkeypatch, "restart", "tcmu-runner") == 1
    run(systemctl, monkeypatch, "reset-failed", "tcmu-runner")
    assert run(systemctl, monkeypatch, "restart", "tcmu-runner") == 0


def test_a_daemon_without_its_configuration_fails(systemctl, monkeypatch, capsys):
    assert run(systemctl, monkeypatch, "start", "rbd-target-gw") == 1
    assert run(systemctl, monkeypatch, "is-active", "rbd-target-gw") == 3
    assert "failed" in capsys.readouterr().out


def test_a_daemon_whose_client_ceph_does_not_know_fails(systemctl, monkeypatch, tmp_path):
    monkeypatch.setattr(systemctl, "CFG", tmp_path / "cfg")
    (tmp_path / "cfg").write_text(
        "[config]\ncluster_client_name = client.gw\npool = iscsi\nceph_config_dir = /etc/gw\n"
    )
    asked = []

    def rados(argv: list[str], **_: object) -> SimpleNamespace:
        asked.append(argv)
        return SimpleNamespace(returncode=len(asked) == 1)

    monkeypatch.setattr(systemctl.subprocess, "run", rados)
    assert [run(systemctl, monkeypatch, "start", "rbd-target-gw") for _ in range(2)] == [1, 0]
    wanted = "rados --conf /etc/gw/ceph.conf --name client.gw --pool iscsi ls"
    assert wanted in " ".join(asked[0])


def test_a_service_that_is_stuck_does_not_stop(systemctl, monkeypatch, tmp_path):
    run(systemctl, monkeypatch, "start", "tcmu-runner")
    (tmp_path / "tcmu-runner.stuck").touch()
    assert run(systemctl, monkeypatch, "stop", "tcmu-runner") == 1


@pytest.fixture
def gwcli(monkeypatch, tmp_path):
    """The stage's gwcli, alone with its state, and an rbd that has one image without locks."""
    module = script(
        "usr/bin/gwcli",
        monkeypatch,
        STATE=tmp_path / "state.json",
        NOTES=tmp_path / "notes",
        publish=lambda state: (tmp_path / "state.json").write_text(json.dumps(state)),
    )

    images = {"p/spoilt": ["layering"], "p/there": ["layering", "exclusive-lock"]}

    def rbd(*arguments: str) -> str:
        image = arguments[-1]
        if arguments[0] == "create":
            images[image] = ["layering", "exclusive-lock"]
        if image not in images:
            raise module.Refusal("Failed : No such file or directory")
        return json.dumps({"features": images[image]})

    monkeypatch.setattr(module, "rbd", rbd)
    return module


IQN = "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw"


def test_the_commands_of_a_target_are_carried_out(gwcli):
    path, client = f"/iscsi-targets/{IQN}", "iqn.2024-11.com.example.kit:client"
    for line in (
        f"/iscsi-targets create {IQN}",
        f"{path}/gateways create host-1.lab 10.85.0.11 skipchecks=true",
        "/disks create pool=p image=i size=1G",
        f"{path}/disks add p/i",
        f"{path}/hosts create {client}",
        f"{path}/hosts/{client} auth username=someone password=something",
        f"{path}/hosts/{client} disk add p/i",
        "/disks attach pool=p image=there",
    ):
        assert gwcli.carry_out(line) == "ok", line
    made = json.loads(gwcli.STATE.read_text())["targets"][IQN]
    assert made["portals"]["host-1.lab"]["portal_ip_addresses"] == ["10.85.0.11"]
    assert made["clients"][client]["auth"]["username"] == "someone"
    assert list(made["clients"][client]["luns"]) == ["p/i"]


def test_what_the_real_one_refuses_is_refused(gwcli):
    assert "exclusive-lock" in gwcli.carry_out("/disks create pool=p image=spoilt size=1G")
    assert "No such file" in gwcli.carry_out("/disks attach pool=p image=missing")
    gwcli.carry_out(f"/iscsi-targets create {IQN}")
    assert "already exists" in gwcli.carry_out(f"/iscsi-targets create {IQN}")
    assert gwcli.carry_out("endofanswer") == "Command not found endofanswer"


def test_with_arguments_a_refusal_is_silent(gwcli, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["gwcli", "/disks create pool=p image=spoilt size=1G"])
    assert gwcli.main() is None
    assert capsys.readouterr().out == ""


def test_passwords_are_not_noted(gwcli):
    gwcli.note("/iscsi-targets/x/hosts/y auth username=u password=secret")
    assert "secret" not in gwcli.NOTES.read_text()
