"""A host's process is found by what is on disk, ends whole, and starts anew at a reboot only."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from juju_lab.hosts.process import HostProcess

ENVIRONMENT = {"PATH": os.environ["PATH"]}


@pytest.fixture
def process(tmp_path):
    made = HostProcess(tmp_path)
    yield made
    made.kill()


def _spawn(process, script, tmp_path):
    process.spawn(["sh", "-c", script], environment=ENVIRONMENT, console=tmp_path / "console")


def _lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def _until(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("in vain")


def test_who_did_not_start_it_finds_it(process, tmp_path):
    assert process.pid() is None
    _spawn(process, "sleep 60", tmp_path)
    assert process.pid() is not None
    assert HostProcess(tmp_path).pid() == process.pid()


def test_it_ends_with_all_that_came_from_it(process, tmp_path):
    _spawn(process, "(sleep 60 & echo $! > one; sleep 60 & echo $! > two; wait)", tmp_path)
    _until((tmp_path / "two").exists)
    _until(lambda: (tmp_path / "two").read_text())
    children = [int((tmp_path / name).read_text()) for name in ("one", "two")]
    process.kill()
    assert process.pid() is None
    assert not [child for child in children if _lives(child)]


def test_a_process_that_ended_does_not_run(process, tmp_path):
    _spawn(process, "exit 0", tmp_path)
    _until(lambda: process.pid() is None)


def test_a_stranger_with_the_same_process_id_is_not_the_host(process, tmp_path):
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        line = Path(f"/proc/{stranger.pid}/stat").read_text().split()
        line[21] = str(int(line[21]) - 1)
        (tmp_path / "pid").write_text(" ".join(line))
        assert process.pid() is None
        process.kill()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("content", ["", "12", "garbage", "1 (x) S"])
def test_a_broken_record_is_no_process(process, tmp_path, content):
    (tmp_path / "pid").write_text(content)
    assert process.pid() is None


@pytest.mark.parametrize(
    # 129: ended by SIGHUP, which cannot be sent for real where nohup has it ignored.
    "reboot",
    ["echo reboot: Restarting system", "exit 129"],
    ids=["kernel", "container"],
)
def test_a_reboot_starts_it_anew(process, tmp_path, reboot):
    script = f"echo >> runs; [ $(wc -l < runs) = 3 ] || {reboot}"
    _spawn(process, script, tmp_path)
    _until(lambda: process.pid() is None)
    assert (tmp_path / "runs").read_text() == "\n" * 3


def test_any_other_end_is_the_end(process, tmp_path):
    _spawn(process, "echo >> runs; echo reboot: System halted; exit 1", tmp_path)
    _until(lambda: process.pid() is None)
    assert (tmp_path / "runs").read_text() == "\n"
