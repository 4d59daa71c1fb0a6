"""Runs on a gateway's host: prints as JSON what can be seen of it from outside the charm."""

import configparser
import grp
import json
import pwd
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

SERVICES = ("rbd-target-api", "rbd-target-gw", "tcmu-runner")
PACKAGES = ("ceph-common", "ceph-iscsi", "tcmu-runner")
GATEWAY = Path("/etc/ceph/iscsi-gateway.cfg")
CERTIFICATES = Path("/etc/ceph")
LOGS = ("/var/log", "/root", "/home", "/tmp")  # noqa: S108
STAGE = Path("/run/stage")
API_CALL = re.compile(r'"((?:PUT|DELETE) /api/\S+) HTTP')
SECRET = re.compile(r"(?:api_password|key) *= *(\S+)|-----BEGIN [A-Z ]*PRIVATE KEY-----")


def mode(path: Path) -> str:
    """Owner, group and mode of a file, empty if it is not there."""
    if not path.is_file():
        return ""
    about = path.stat()
    owner, group = pwd.getpwuid(about.st_uid).pw_name, grp.getgrgid(about.st_gid).gr_name
    return f"{owner} {group} {stat.S_IMODE(about.st_mode):04o}"


def sections(text: str) -> dict[str, str]:
    """An INI file flattened: `section key` to value, spaces in keys as `-`."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    return {
        f"{section} {key.replace(' ', '-')}": value
        for section in parser.sections()
        for key, value in parser[section].items()
    }


def output(*argv: str) -> str:
    """What a program prints."""
    return subprocess.run(argv, capture_output=True, text=True).stdout


def services() -> dict[str, str]:
    """Activity and enablement by service."""
    seen = {}
    for name in SERVICES:
        told = output("systemctl", "show", "--property=ActiveState,UnitFileState", name)
        values = dict(line.split("=", 1) for line in told.split() if "=" in line)
        active = values.get("ActiveState", "")
        # A daemon that was told to end may say so with another code than 0.
        active = "inactive" if active == "failed" else active
        seen[name] = f"{active} {values.get('UnitFileState', '')}"
    return seen


def packages() -> list[str]:
    """Which of a gateway's packages are installed."""
    notes = Path("/var/lib/stage/packages")
    if STAGE.exists():
        asked = notes.read_text().split() if notes.exists() else []
        return [name for name in PACKAGES if name in asked or name == "ceph-common"]
    told = output("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *PACKAGES)
    return sorted(line.split()[0] for line in told.splitlines() if line.endswith(" installed"))


def readable() -> list[str]:
    """Files below /etc/ceph with a secret that others than root can read."""
    found = []
    for path in sorted(Path("/etc/ceph").rglob("*")):
        if not path.is_file() or not stat.S_IMODE(path.stat().st_mode) & 0o044:
            continue
        if SECRET.search(path.read_text(errors="replace").replace("keyring =", "")):
            found.append(str(path))
    return found


def commands() -> list[str]:
    """What was to change something on the gateway: calls of its API; on a stage, commands."""
    if STAGE.exists():
        notes = STAGE / "commands"
        return notes.read_text().splitlines() if notes.exists() else []
    log = Path("/var/log/rbd-target-api/rbd-target-api.log")
    if log.exists():
        text = log.read_text(errors="replace")
    else:
        text = output("journalctl", "--no-pager", "--output=cat", "--unit=rbd-target-api")
    return API_CALL.findall(text)


def leaks(secrets: list[str]) -> list[str]:
    """Files of logs and homes that have one of the secrets in them."""
    found = set()
    for place in LOGS:
        for secret in filter(None, secrets):
            # The pattern comes on standard input: nobody sees it in the list of processes.
            argv = ["grep", "-rlIsF", "-f", "-", place]
            done = subprocess.run(argv, input=secret, capture_output=True, text=True)
            found |= set(done.stdout.split("\n"))
    return sorted(filter(None, found))


def main() -> None:
    """Look, and print."""
    text = GATEWAY.read_text() if GATEWAY.exists() else ""
    cfg = {key.partition(" ")[2]: value for key, value in sections(text).items()}
    keyrings = sorted(Path("/etc/ceph/iscsi").glob("*.keyring"))
    conf = Path("/etc/ceph/iscsi/ceph.conf")
    conf_text = conf.read_text() if conf.exists() else ""
    keyring_text = keyrings[0].read_text() if keyrings else ""
    crt = CERTIFICATES / "iscsi-gateway.crt"
    seen = {
        "fqdn": socket.getfqdn(),
        "hostname": socket.gethostname(),
        "services": services(),
        "packages": packages(),
        "cfg": mode(GATEWAY),
        "cfg-text": text,
        "cfg-content": cfg,
        "ceph.conf": mode(conf),
        "ceph.conf-content": sections(conf_text),
        "ceph.conf-sections": re.findall(r"^\[(.+)\]$", conf_text, re.MULTILINE),
        "keyrings": [str(path) for path in keyrings],
        "keyring": mode(keyrings[0]) if keyrings else "",
        "keyring-content": sections(keyring_text.replace("\t", "")),
        "crt": mode(crt),
        "crt-text": crt.read_text() if crt.is_file() else "",
        "key": mode(CERTIFICATES / "iscsi-gateway.key"),
        "pem": mode(CERTIFICATES / "iscsi-gateway.pem"),
        "pub-key": mode(CERTIFICATES / "iscsi-gateway-pub.key"),
        "ca": [str(path) for path in Path("/usr/local/share/ca-certificates").glob("*.crt")],
        "readable": readable(),
        "commands": commands(),
        "leaks": leaks([*sys.argv[1:], cfg.get("api_password", "")]) if sys.argv[1:] else [],
        "syslog": conf_text.lower().replace(" ", "").count("logtosyslog=true"),
    }
    print(json.dumps(seen))


main()
