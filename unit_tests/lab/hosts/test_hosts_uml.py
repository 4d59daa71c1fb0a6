"""How a user-mode Linux host is started: on which processor, disk, memory and network."""

import os
import subprocess
import sys
from pathlib import Path

from juju_lab.hosts import HostSpec, uml


def test_the_kernel_is_told_disk_memory_network_and_who_it_is():
    host = HostSpec(slot=4, memory_mib=512)
    argv = uml.kernel_argv(host, Path("/s/4"), "/s/4/disk.cow,/c/d", ["tap"])
    assert argv[0] == "linux.uml"
    assert "mem=512M" in argv
    assert "ubd0=/s/4/disk.cow,/c/d" in argv
    assert "vec0:transport=tap,ifname=tap,mac=02:85:00:00:00:0e,depth=128,gro=1" in argv
    assert "uml_dir=/s/4/" in argv
    assert "lab.slot=4" in argv
    assert "lab.vec0=10.85.0.14/24" in argv
    assert not any("vec1" in word for word in argv)


def test_a_host_in_two_networks_has_ipv4_and_ipv6_in_both():
    argv = uml.kernel_argv(HostSpec(slot=4, networks=2), Path("/s"), "/s/c,/d", ["tap", "other"])
    assert "vec1:transport=tap,ifname=other,mac=02:86:00:00:00:0e,depth=128,gro=1" in argv
    assert "lab.vec0=10.85.0.14/24,fd85::14/64" in argv
    assert "lab.vec1=10.86.0.14/24,fd86::14/64" in argv


def test_a_guests_reboot_ends_the_kernel_so_that_it_is_started_anew():
    argv = uml.kernel_argv(HostSpec(slot=1), Path("/s"), "/s/c,/d", ["tap"])
    assert "noreboot" in argv


def test_neighbouring_slots_run_on_different_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {2, 5, 7})
    assert [uml.processor(slot) for slot in (1, 2, 3, 4)] == [5, 7, 2, 5]


def _file_system(free: int, flags: int = 0) -> os.statvfs_result:
    return os.statvfs_result((4096, 4096, free, free, free, 0, 0, 0, flags, 255))


def test_memory_is_on_the_tmpfs_when_it_has_room(monkeypatch, tmp_path):
    free = {tmp_path / "shm": 1 << 30}
    monkeypatch.setattr(os, "statvfs", lambda path: _file_system(free[path] // 4096))
    assert uml.memory_directory(1024, tmp_path, tmp_path / "shm") == tmp_path / "shm"
    assert uml.memory_directory(1025, tmp_path, tmp_path / "shm") == tmp_path


def test_memory_is_not_where_nothing_may_be_executed(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "statvfs", lambda path: _file_system(1 << 30, os.ST_NOEXEC))
    assert uml.memory_directory(1024, tmp_path, tmp_path / "shm") == tmp_path


def test_memory_is_with_the_host_where_there_is_no_tmpfs(tmp_path):
    assert uml.memory_directory(1024, tmp_path, tmp_path / "missing") == tmp_path


WAITING = """
import signal, sys
signal.signal(signal.SIGALRM, lambda *_: sys.exit(7))
signal.pause()
"""


def test_a_kernel_that_waits_for_its_timer_gets_the_signal_and_its_exit_code_is_told():
    command = [str(uml._KEEP_TICKING), sys.executable, "-c", WAITING]
    assert subprocess.run(command, timeout=20).returncode == 7


def test_the_signal_does_not_end_a_kernel_that_has_no_handler_yet():
    for _ in range(20):  # what comes first, signal or handler, is a matter of luck
        subprocess.run([str(uml._KEEP_TICKING), "sleep", "0.05"], timeout=20, check=True)
