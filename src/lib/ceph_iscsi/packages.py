"""The packages' archive: whether the options name another one, and what that upgrades."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from charmhelpers.core import hookenv, unitdata

from ceph_iscsi import process
from ceph_iscsi.errors import GatewayError

# What this unit keeps of archives, each as the values of the two options: where its packages
# came from, which one apt uses, which one it could not use. Lost, as all of a hook, if it fails.
_DONE, _USED, _BAD = (f"ceph-iscsi.archive.{what}" for what in ("done", "used", "bad"))
APT_TIME_LIMIT = 300


def note(config: Mapping[str, Any]) -> None:
    """Keep the options' archive as the one that the packages came from."""
    unitdata.kv().set(_DONE, _archive(config))


def unusable(config: Mapping[str, Any]) -> bool:
    """Whether apt could not use the options' archive when it was tried."""
    return unitdata.kv().get(_BAD) == _archive(config)


def pending(
    config: Mapping[str, Any], names: Sequence[str], configure: Callable[[], None]
) -> bool:
    """Whether packages are to be upgraded, as the options name another archive than before.

    :param names: of the packages
    :param configure: has apt use the options' archive, and reads its lists
    :raises GatewayError: apt can't say
    """
    store, archive = unitdata.kv(), _archive(config)
    if store.get(_DONE) is None:
        note(config)  # an earlier version of the charm did not
    done = store.get(_DONE)
    used = store.get(_USED, done)
    if archive == done == used or unusable(config):
        return False
    if archive != used and not _use_archive(config, configure):
        return False
    if _upgradable(names):
        return True
    note(config)
    return False


def upgrade(names: Sequence[str]) -> None:
    """Bring packages to the newest version that apt knows of.

    :raises GatewayError: apt failed
    """
    from charmhelpers import fetch  # here: it is slow to import, and hardly a hook needs it

    try:
        fetch.apt_install(list(names), fatal=True)
    except subprocess.CalledProcessError as error:
        raise GatewayError(f"apt-get failed with exit code {error.returncode}") from error


def _archive(config: Mapping[str, Any]) -> list[str]:
    return [config.get(option) or "" for option in ("source", "key")]


def _use_archive(config: Mapping[str, Any], configure: Callable[[], None]) -> bool:
    from charmhelpers import fetch

    try:
        configure()
    except (fetch.SourceConfigError, subprocess.CalledProcessError) as error:
        # Neither is told: both hold the value, which may have a password in it.
        hookenv.log(f"source and key: apt failed ({type(error).__name__})", hookenv.ERROR)
        unitdata.kv().set(_BAD, _archive(config))
        return False
    unitdata.kv().set(_USED, _archive(config))
    unitdata.kv().unset(_BAD)
    return True


def _upgradable(names: Sequence[str]) -> bool:
    plan = process.run(["apt-get", "--simulate", "install", *names], timeout=APT_TIME_LIMIT)
    return any(line.startswith("Inst ") for line in plan.splitlines())
