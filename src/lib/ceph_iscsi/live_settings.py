"""Settings that change without a restart: whom the API trusts, and its password.

rbd-target-api reads its file at its start only. files/live/sitecustomize.py, which a drop-in leads
it to, has it look again; whether the one that runs does so is asked of it after a change.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from ceph_iscsi import files, process, services
from ceph_iscsi.api import GATEWAY_CFG, Api
from ceph_iscsi.errors import GatewayError

NAMES = ("trusted_ip_list", "api_password", "other_api_password")
# A directory on PYTHONPATH of gwcli as the charm runs it and, by the drop-in, of rbd-target-api.
SHIM = Path("/usr/local/lib/ceph-iscsi-charm/sitecustomize.py")
DROP_IN = Path("/etc/systemd/system/rbd-target-api.service.d/ceph-iscsi-charm.conf")
FILES = {SHIM: 0o644, DROP_IN: 0o644}

_HASH = "from ceph_iscsi_config import settings; settings.init(); print(settings.config.hash())"


def install(source: Path) -> None:
    """Have rbd-target-api look into its file again; one that runs without needs a restart.

    :param source: directory with the shim and the drop-in
    """
    wanted = {
        SHIM: (source / "sitecustomize.py").read_text(),
        DROP_IN: (source / "rbd-target-api.conf").read_text(),
    }
    if any(files.differs(path, content, FILES[path]) for path, content in wanted.items()):
        services.mark_restart()
        for path, content in wanted.items():
            files.write(path, content, FILES[path])


def merged(old: str, new: str) -> str:
    """The old text of the gateway's file with the live settings of the new one."""
    fresh = {_name(line): line for line in new.splitlines(keepends=True) if _name(line)}
    return "".join(fresh.get(_name(line), line) for line in old.splitlines(keepends=True))


def _name(line: str) -> str | None:
    name = line.partition("=")[0].strip()
    return name if name in NAMES else None


def write(content: str, cfg: Path = GATEWAY_CFG) -> bool:
    """Bring the live settings in the gateway's file in line with those of its new content.

    :returns: whether there was anything to change; nothing of a file that is not there
    """
    if not cfg.exists():
        return False
    return files.write(cfg, merged(cfg.read_text(), content), 0o600)


def check(other_password: str | None, api_of: Callable[[], Api] = Api.of) -> None:
    """Raise a GatewayError unless the API of this unit goes by its file as it is now.

    :param other_password: the second one that it has to take, if there is one
    """
    api = api_of()
    if api.settings_hash() != process.run(["/usr/bin/python3", "-c", _HASH]).strip():
        raise GatewayError("the API does not look into its file")
    if other_password:
        dataclasses.replace(api, password=other_password).hostname()
