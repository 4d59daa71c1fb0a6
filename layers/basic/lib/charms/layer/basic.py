"""What runs before the reactive framework: the charm's Python environment and config flags.

The wheelhouse holds pure wheels only, for any Python 3.10 or later and any architecture.
Installing such a wheel is unpacking it, so the first hook needs no pip, no package of the
distribution, no compiler and no network. Every later hook makes the same interpreter see
the environment instead of starting a second one.
"""

from __future__ import annotations

import os
import pkgutil
import sys
from pathlib import Path

from charms.layer import compat

STAMP = "wheelhouse.stamp"


class BootstrapError(Exception):
    """The charm's Python environment can't be made; the text says why."""


def bootstrap_charm_deps() -> None:
    """Make this interpreter see the charm's libraries; install them first where needed.

    They are needed anew when the wheelhouse changed (a refreshed charm), when the machine got
    another Python (a series upgrade), or when an earlier attempt was cut short.

    :raises BootstrapError: the wheelhouse holds something that can't be installed by unpacking
    :raises subprocess.CalledProcessError: apt failed
    """
    charm_dir = Path(os.environ.get("CHARM_DIR", os.getcwd()))
    environment = charm_dir.parent / ".venv"
    stamp = environment / STAMP
    wanted = _fingerprint(charm_dir / "wheelhouse")
    ready = stamp.is_file() and stamp.read_text() == wanted
    if not ready:
        _build(environment, charm_dir / "wheelhouse")
    _activate(environment)
    if not ready:
        _install_packages()
        stamp.write_text(wanted)
    from charmhelpers.core import hookenv

    hookenv.atstart(_hold_back_config_changes)


def init_config_states() -> None:
    """Set ``config.changed`` and ``config.changed.<option>`` for what changed, for this hook.

    "Changed" is against the last hook whose handlers had a chance to act on it: a failed hook,
    an action or an update-status in between does not use a change up.
    """
    from charmhelpers.core import hookenv
    from charms.layer import tracing
    from charms.reactive import clear_flag, set_flag

    tracing.trace_in_summary()
    config = hookenv.config()
    flags = [f"config.changed.{option}" for option in config if config.changed(option)]
    for flag in ["config.changed", *flags] if flags else ():
        set_flag(flag)
        hookenv.atexit(clear_flag, flag)


def _hold_back_config_changes() -> None:
    """Keep config changes for the next hook, in contexts where no handler acts on them."""
    from charmhelpers.core import hookenv

    if os.environ.get("JUJU_ACTION_NAME") or hookenv.hook_name() == "update-status":
        hookenv.config().implicit_save = False


def _fingerprint(wheelhouse: Path) -> str:
    """What the environment is made of: the Python version and each wheel's name and size."""
    wheels = [f"{wheel.name} {wheel.stat().st_size}" for wheel in sorted(wheelhouse.glob("*"))]
    return "\n".join([f"python {sys.version_info.major}.{sys.version_info.minor}", *wheels, ""])


def _site_packages(environment: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return environment / "lib" / version / "site-packages"


def _build(environment: Path, wheelhouse: Path) -> None:
    import shutil  # these three are no concern of later hooks
    import venv
    import zipfile

    shutil.rmtree(environment, ignore_errors=True)
    target = _site_packages(environment)
    target.mkdir(parents=True)
    for wheel in sorted(wheelhouse.iterdir()):
        if not wheel.name.endswith("-none-any.whl"):
            raise BootstrapError(
                f"wheelhouse/{wheel.name} is not a pure wheel: build the charm with layers/build"
            )
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    sys.path.insert(0, str(target))
    from charms.layer import options

    # Only now is there a yaml module that can read the layer's options.
    system_packages = options.get("basic", "include_system_packages")
    builder = venv.EnvBuilder(system_site_packages=bool(system_packages), symlinks=True)
    builder.create(environment)
    # For those who debug: bin/python there sees what a hook sees.
    lib = wheelhouse.parent / "lib"
    startup = "import charms.layer.compat; charms.layer.compat.provide()"
    (target / "charm.pth").write_text(f"{lib}\n{startup}\n")


def _activate(environment: Path) -> None:
    """Put the environment's packages first on the path and those of the machine out of sight.

    Whatever the distribution happens to have installed must not change what a charm does:
    requests, for one, behaves by the optional modules that it finds.
    """
    target = str(_site_packages(environment))
    isolated = "include-system-site-packages = false" in (environment / "pyvenv.cfg").read_text()
    kept = [
        os.path.abspath(entry)
        for entry in sys.path
        if entry != target
        and not (isolated and Path(entry).name in ("dist-packages", "site-packages"))
    ]
    sys.path[:] = [target, *kept]
    import charms

    # This module came from a "charms" that was imported without the environment's part of it.
    charms.__path__ = pkgutil.extend_path(list(charms.__path__), "charms")
    compat.provide()


def _install_packages() -> None:
    from charms.layer import options

    packages = options.get("basic", "packages")
    if packages:
        from charmhelpers import fetch

        fetch.apt_install(fetch.filter_installed_packages(packages), fatal=True)
