"""layer:basic: the charm's Python environment and the flags of its options."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from charmhelpers.core import hookenv
from charms.layer import basic
from charms.reactive import get_flags

LIB = Path(basic.__file__).resolve().parents[2]
OPTIONS_LIB = LIB.parents[1] / "options" / "lib"

# Bootstraps in the current directory and tells what it sees then.
PROGRAM = f"""
import sys
sys.path[:0] = [{str(LIB)!r}, {str(OPTIONS_LIB)!r}]
from charms.layer import basic
basic.bootstrap_charm_deps()
import charms.extra, thing
print(thing.VERSION, thing.__file__)
print("isolated" if not any(p.endswith("dist-packages") for p in sys.path) else "open")
"""


@pytest.fixture
def charm(tmp_path):
    """A charm with a wheelhouse: yaml as it is here, a namespace package, and a thing."""
    charm = tmp_path / "unit" / "charm"
    (charm / "wheelhouse").mkdir(parents=True)
    (charm / "layer.yaml").write_text("options: {basic: {packages: []}}\n")
    write_wheel(charm, "thing-1.0", {"thing.py": "VERSION = 1"})
    sources = Path(yaml.__file__).parent.glob("*.py")
    write_wheel(charm, "yaml-1", {f"yaml/{path.name}": path.read_text() for path in sources})
    namespace = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)"
    write_wheel(charm, "charms-1", {"charms/__init__.py": namespace, "charms/extra.py": ""})
    stand_in = "atstart = lambda *_: None"
    write_wheel(
        charm,
        "helpers-1",
        {
            "charmhelpers/__init__.py": "",
            "charmhelpers/core/__init__.py": "",
            "charmhelpers/core/hookenv.py": stand_in,
        },
    )
    return charm


def write_wheel(charm, name, files, tags="py3-none-any"):
    for old in charm.glob(f"wheelhouse/{name.partition('-')[0]}-*"):
        old.unlink()
    with zipfile.ZipFile(charm / "wheelhouse" / f"{name}-{tags}.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)


def bootstrap(charm):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=charm,
        env={"CHARM_DIR": str(charm), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_first_hook_installs_the_wheelhouse_and_sees_it(charm):
    result = bootstrap(charm)
    assert result.returncode == 0, result.stderr
    assert str(charm.parent / ".venv") in result.stdout


def test_the_distributions_packages_are_out_of_sight(charm):
    assert "isolated" in bootstrap(charm).stdout


def test_the_distributions_packages_are_seen_when_a_layer_says_so(charm):
    (charm / "layer.yaml").write_text("options: {basic: {include_system_packages: true}}\n")
    bootstrap(charm)
    config = (charm.parent / ".venv" / "pyvenv.cfg").read_text()
    assert "include-system-site-packages = true" in config


def test_its_interpreter_sees_what_a_hook_sees(charm):
    bootstrap(charm)
    (charm / "lib").symlink_to(LIB)
    program = "import thing, charms.extra, charms.layer.basic, distutils.version as v; print(v)"
    command = [charm.parent / ".venv" / "bin" / "python", "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "distutils.version" in result.stdout, result.stderr


def test_later_hooks_leave_the_environment_alone(charm):
    bootstrap(charm)
    marker = charm.parent / ".venv" / "marker"
    marker.touch()
    assert bootstrap(charm).returncode == 0
    assert marker.exists()


def test_a_refreshed_charm_gets_its_new_wheelhouse_and_nothing_of_the_old_one(charm):
    bootstrap(charm)
    write_wheel(charm, "thing-2.0", {"thing.py": "VERSION = 2"})
    assert bootstrap(charm).stdout.startswith("2 ")


def test_a_bootstrap_that_was_cut_short_is_done_again(charm):
    bootstrap(charm)
    (charm.parent / ".venv" / basic.STAMP).unlink()
    next(charm.parent.glob(".venv/lib/python*/site-packages/thing.py")).unlink()
    assert bootstrap(charm).returncode == 0


def test_another_python_gets_an_environment_of_its_own(charm):
    bootstrap(charm)
    stamp = charm.parent / ".venv" / basic.STAMP
    content = stamp.read_text()
    stamp.write_text(content.replace("python 3.", "python 2."))
    assert bootstrap(charm).returncode == 0
    assert stamp.read_text() == content


def test_a_wheel_that_is_not_pure_is_refused_by_name(charm):
    write_wheel(charm, "thing-1.0", {"thing.py": ""}, tags="cp311-cp311-linux_x86_64")
    result = bootstrap(charm)
    assert result.returncode != 0
    assert "wheelhouse/thing-1.0-cp311-cp311-linux_x86_64.whl is not a pure wheel" in result.stderr


class Options(dict):
    """The charm's options as charmhelpers has them, with one that changed."""

    implicit_save = True

    def changed(self, name):
        return name == "source"


@pytest.fixture
def options(monkeypatch):
    options = Options(source="distro", key=None)
    monkeypatch.setattr(hookenv, "config", lambda: options)
    monkeypatch.setattr(hookenv, "_atstart", [])
    return options


def config_flags():
    return [flag for flag in get_flags() if flag.startswith("config.")]


def test_a_changed_option_has_flags_until_the_hook_ends(options):
    basic.init_config_states()
    assert config_flags() == ["config.changed", "config.changed.source"]
    hookenv._run_atexit()
    assert config_flags() == []


@pytest.mark.parametrize(
    ("hook", "action", "consumed"),
    [("config-changed", "", True), ("update-status", "", False), ("", "pause", False)],
)
def test_only_hooks_with_handlers_use_a_change_up(options, monkeypatch, hook, action, consumed):
    monkeypatch.setenv("JUJU_HOOK_NAME", hook)
    monkeypatch.setenv("JUJU_ACTION_NAME", action)
    basic._hold_back_config_changes()
    assert options.implicit_save is consumed
