"""What a machine lacks for a lab is told in one line each, before anything starts."""

import os
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from juju_lab.hosts import PreflightError, Settings, preflight, uml


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine on which a lab can run; tests take something away from it."""
    made = SimpleNamespace(
        settings=Settings(state_parent=tmp_path / "state", cache_dir=tmp_path / "cache"),
        namespaces=set(),
        memory=8 << 30,
        free=100 << 30,
        programs=set(preflight.PROGRAMS),
        unshare=0,
    )
    modules = tmp_path / "modules"
    (modules / "6.1").mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "TUN", preflight.Path("/dev/null"))
    monkeypatch.setattr(shutil, "which", lambda name: name if name in made.programs else None)
    monkeypatch.setattr(uml, "MODULES", modules)
    monkeypatch.setattr(uml, "kernel_release", lambda: "6.1")
    monkeypatch.setattr(preflight, "_available_memory", lambda: made.memory)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=made.free))
    monkeypatch.setattr(
        subprocess, "run", lambda argv, **kwargs: SimpleNamespace(returncode=made.unshare)
    )
    return made


def _problems(machine, prepared=False):
    network = SimpleNamespace(
        netns=machine.settings.netns, exists=lambda: machine.settings.netns in machine.namespaces
    )
    try:
        preflight.check(machine.settings, network, prepared=prepared)
    except PreflightError as error:
        assert str(error) == "\n".join(error.problems)
        assert all("\n" not in problem for problem in error.problems)
        return error.problems
    return []


def test_a_machine_with_everything_has_no_problem(machine):
    assert _problems(machine) == []


def test_no_root(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (problem,) = _problems(machine)
    assert problem.startswith("not root:")


def test_no_tun_device(machine, monkeypatch, tmp_path):
    monkeypatch.setattr(preflight, "TUN", tmp_path / "missing")
    (problem,) = _problems(machine)
    assert problem.startswith(f"{tmp_path}/missing is missing")


def test_a_tun_device_that_cannot_be_opened(machine, monkeypatch):
    def refused(path, flags):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "open", refused)
    (problem,) = _problems(machine)
    assert problem.startswith("/dev/null cannot be opened (Operation not permitted)")


def test_missing_packages_are_named_once_each(machine):
    machine.programs -= {"linux.uml", "mmdebstrap", "ssh", "ssh-keygen"}
    assert _problems(machine) == [
        "packages missing: mmdebstrap openssh-client user-mode-linux (lab/bootstrap installs them)"
    ]


def test_a_kernel_without_its_modules(machine, monkeypatch):
    monkeypatch.setattr(uml, "kernel_release", lambda: "6.2")
    (problem,) = _problems(machine)
    assert problem.endswith("modules/6.2 is missing: package user-mode-linux is not complete")


def test_no_privilege_to_make_namespaces(machine):
    machine.unshare = 1
    (problem,) = _problems(machine)
    assert problem.startswith("namespaces cannot be made")


def test_a_namespace_of_somebody_else(machine):
    machine.namespaces.add("juju-lab")
    (problem,) = _problems(machine)
    assert problem.startswith("network namespace juju-lab is in use by something else")


def test_the_labs_own_namespace_is_no_problem(machine):
    machine.namespaces.add("juju-lab")
    machine.settings.state_dir.mkdir(parents=True)
    assert _problems(machine) == []


def test_too_little_memory_tells_what_is_needed_and_what_is_there(machine):
    machine.memory = 2 << 30
    assert _problems(machine) == ["memory: 6.0 GiB needed, 2.0 GiB available"]


def test_too_little_disk_counts_state_and_cache_on_one_file_system_together(machine, tmp_path):
    machine.free = 12 << 30
    assert _problems(machine) == [f"disk: 14.0 GiB needed for {tmp_path}/state, 12.0 GiB free"]


def test_a_filled_cache_needs_no_more_disk(machine):
    machine.free = 12 << 30
    assert _problems(machine, prepared=True) == []


def test_a_lab_that_is_up_has_its_memory_and_disk_already(machine):
    machine.namespaces.add("juju-lab")
    machine.settings.state_dir.mkdir(parents=True)
    machine.memory = machine.free = 0
    assert _problems(machine, prepared=True) == []


def test_memory_and_disk_are_told_together(machine):
    machine.memory = machine.free = 0
    assert len(_problems(machine)) == 2
