#!/usr/bin/env python3
"""Every hook of the initiator companion: packages, settings, modules, daemons."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from initiator import juju, records

CHARM = Path(__file__).resolve().parent.parent
PACKAGES = ["e2fsprogs", "multipath-tools", "open-iscsi"]
MODULES = ["iscsi_tcp", "dm_multipath", "dm_queue_length"]
NAME_FILE = Path("/etc/iscsi/initiatorname.iscsi")
MULTIPATH = Path("/etc/multipath.conf")
SETTINGS = Path("/etc/iscsi/iscsid.conf")


def main() -> None:
    """Converge: the same work in every hook."""
    config = juju.ask("config-get")
    files = CHARM / "files" / config["settings"]
    # before the packages: their daemons start right away, and must find all of this
    write_settings(config["initiator-name"], files)
    for module in MODULES:
        run("modprobe", module)
    if not shutil.which("multipathd"):
        juju.tell("status-set", "maintenance", "Installing packages")
        run("apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES)
    settings = SETTINGS.read_text()
    wanted = records.with_values(settings, records.values((files / "iscsid.conf").read_text()))
    if settings != wanted:
        SETTINGS.write_text(wanted)
    run("systemctl", "start", "iscsid.socket", "multipathd")
    juju.tell("status-set", "active", "Unit is ready")


def write_settings(name: str, files: Path) -> None:
    """Write this initiator's name, its modules and multipath's settings."""
    unit = os.environ["JUJU_UNIT_NAME"].replace("/", "-")
    name = name or f"iqn.2024-11.com.example.lab:{unit}"
    text = f"InitiatorName={name}\n"
    NAME_FILE.parent.mkdir(exist_ok=True)
    if not NAME_FILE.exists() or NAME_FILE.read_text() != text:
        NAME_FILE.write_text(text)
        NAME_FILE.chmod(0o600)
        if shutil.which("iscsid"):
            run("systemctl", "restart", "iscsid")
    Path("/etc/modules-load.d/initiator.conf").write_text("\n".join(MODULES) + "\n")
    multipath = (files / "multipath.conf").read_text()
    if not MULTIPATH.exists() or MULTIPATH.read_text() != multipath:
        MULTIPATH.write_text(multipath)
        if shutil.which("multipathd"):
            run("multipathd", "reconfigure")


def run(*command: str) -> None:
    """Run COMMAND, which must succeed."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
