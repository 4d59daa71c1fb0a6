"""How hosts are reached: with the lab's own keys, from anywhere, and nothing told of arguments."""

import stat
from pathlib import Path

import pytest
from juju_lab.hosts import CommandFailed
from juju_lab.hosts.ssh import Ssh


@pytest.fixture
def ssh(tmp_path):
    return Ssh(tmp_path / "ssh", "lab")


def test_a_command_line_enters_the_network_and_uses_the_labs_settings(ssh):
    argv = ssh.argv("10.85.0.11")
    assert argv[:3] == ["nsenter", "--net=/run/netns/lab", "--"]
    assert argv[3:6] == ["ssh", "-F", str(ssh.config)]
    assert argv[-2:] == ["-T", "root@10.85.0.11"]


def test_user_terminal_and_options_can_be_chosen(ssh):
    argv = ssh.argv("10.85.0.11", user="ubuntu", tty=True, options=("-L", "1:2:3"))
    assert argv[-4:] == ["-t", "-L", "1:2:3", "ubuntu@10.85.0.11"]


def test_keys_are_made_once_and_are_nobody_elses(ssh, tmp_path):
    ssh.set_up()
    files = {path: path.read_text() for path in (tmp_path / "ssh").rglob("*") if path.is_file()}
    ssh.set_up()
    assert files == {path: path.read_text() for path in files}
    private = [path for path, content in files.items() if "PRIVATE KEY" in content]
    assert len(private) == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in private)


def test_a_host_is_given_the_public_key_of_the_lab_and_its_own_key_is_known(ssh, tmp_path):
    ssh.set_up()
    directory = tmp_path / "ssh"
    assert {path.name for path in ssh.seed.iterdir()} == {
        "authorized_keys",
        "ssh_host_ed25519_key",
        "ssh_host_ed25519_key.pub",
    }
    assert (ssh.seed / "authorized_keys").read_text() == (directory / "identity.pub").read_text()
    known = (directory / "known_hosts").read_text().split()
    assert known[:3] == [
        "lab-host",
        *Path(ssh.seed / "ssh_host_ed25519_key.pub").read_text().split()[:2],
    ]


def test_an_interrupted_key_is_made_anew(ssh, tmp_path):
    directory = tmp_path / "ssh"
    directory.mkdir()
    (directory / "identity.new").write_text("half")
    (directory / "identity.new.pub").write_text("half")
    ssh.set_up()
    assert "PRIVATE KEY" in (directory / "identity").read_text()
    assert not list(directory.glob("*.new*"))


def test_a_failed_command_is_told_without_its_arguments():
    error = CommandFailed("10.85.0.11", "gwcli", 3, b"first\nno such disk\n")
    assert str(error) == "10.85.0.11: gwcli exited with 3: no such disk"
    assert str(CommandFailed("h", "x", 1, b"")) == "h: x exited with 1"
