"""The command under Juju's name: what zaza says in its own way becomes what the lab takes."""

import subprocess
from pathlib import Path

import pytest

JUJU = Path(__file__).resolve().parents[3] / "lab" / "zaza_backend" / "bin" / "juju"
RECORDER = """\
#!/bin/sh
[ "$1" = show-unit ] && { printf "toy/1:\\n  machine: '7'\\n"; exit; }
printf '%s\\n' "$@"
"""


@pytest.fixture
def said(tmp_path, monkeypatch):
    """What the lab's command is told, word for word."""
    recorder = tmp_path / "juju-lab"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    monkeypatch.setenv("JUJU_LAB_COMMAND", str(recorder))

    def run(*words: str) -> list[str]:
        done = subprocess.run([JUJU, *words], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    return run


def test_a_command_on_a_machine_is_exec_today(said):
    told = said("run", "--machine=0", "--model=m", "--timeout=9", "--", "echo  a b; --timeout")
    assert told == ["exec", "--machine=0", "--model=m", "--wait=9s", "--", "echo  a b; --timeout"]


def test_a_release_upgrade_over_ssh_is_the_labs_own(said):
    how = ["DEBIAN_FRONTEND=noninteractive", "do-release-upgrade", "-f", "NonInteractive"]
    assert said("ssh", "toy/1", "sudo", *how) == ["lab", "do-release-upgrade", "7"]


@pytest.mark.parametrize(
    "words",
    [
        ["run", "toy/0", "greet", "who=you and me"],
        ["ssh", "toy/0", "sudo", "reboot", "&&", "exit"],
        ["upgrade-series", "-m", "m", "0", "prepare", "noble", "--yes"],
        ["status", "--format=yaml", "-m", "m"],
    ],
)
def test_all_else_is_passed_on_as_it_is(said, words):
    assert said(*words) == words
