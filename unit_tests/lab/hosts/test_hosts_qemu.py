"""How a host under qemu is started, and what is said when it can't be."""

import shutil
from pathlib import Path

import pytest
from juju_lab.hosts import HostError, HostSpec, qemu

SHARES = {"seed": Path("/s/seed"), "modules": Path("/k/modules"), "archive": Path("/c/a")}


def started(**given):
    host = HostSpec(slot=4, kind="qemu", **given)
    devices = [f"tap{n}" for n in range(host.networks)]
    return qemu.qemu_argv(host, Path("/k"), Path("/s/disk.qcow2"), devices, SHARES)


def kernel_words(argv):
    return argv[argv.index("-append") + 1].split()


def test_the_emulator_is_told_kernel_disk_memory_and_network():
    argv = started(memory_mib=512)
    assert argv[: argv.index("-smp")] == ["qemu-system-x86_64", "-accel", "tcg"]
    assert argv[argv.index("-m") + 1] == "512M"
    assert argv[argv.index("-kernel") + 1] == "/k/vmlinuz"
    assert argv[argv.index("-initrd") + 1] == "/k/initrd.img"
    assert "file=/s/disk.qcow2,if=virtio,format=qcow2" in argv
    assert "tap,id=net0,ifname=tap0,script=no,downscript=no" in argv
    assert "virtio-net-pci,netdev=net0,mac=02:85:00:00:00:0e,romfile=" in argv


def test_the_hosts_init_is_told_who_it_is_and_what_to_mount():
    argv = started(networks=2)
    words = kernel_words(argv)
    assert {"init=/usr/lib/lab/init", "lab.9p", "lab.slot=4"} <= set(words)
    assert "lab.eth0=10.85.0.14/24,fd85::14/64" in words
    assert "lab.eth1=10.86.0.14/24,fd86::14/64" in words
    for name, directory in SHARES.items():
        assert f"lab.{name}={name}" in words
        share = f"local,path={directory},mount_tag={name},security_model=none,readonly=on"
        assert share in argv


def test_a_guests_reboot_ends_the_emulator_so_that_it_is_started_anew():
    assert "-no-reboot" in started()


def test_a_missing_emulator_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None if "system" in name else name)
    with pytest.raises(HostError, match="lab/bootstrap qemu-system-x86 installs them"):
        qemu.check_programs()
