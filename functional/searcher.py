#!/usr/bin/env python3
"""Look for a gateway's secrets where none may be. Runs on the gateway's host, as root.

``searcher.py remember``  keep the secrets that there are now, for later searches
``searcher.py search``    tell, as a JSON list, where a secret is
``searcher.py watch``     look at all processes again and again until it is ended; WATCHED then
                          tells, as JSON, which were ``seen`` and where a secret was ``found``

It reads the secrets itself, from where they belong, so that nobody has to tell it one. What it
keeps is for root alone, in one directory; the text DECOY in it counts as a secret as well. Of a
secret that a process had, no more than a fingerprint is told.
"""

import base64
import configparser
import hashlib
import http.client
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NOTES = Path("/root/searcher")
KNOWN, DECOY, WATCHED = NOTES / "known", NOTES / "decoy", NOTES / "watched"
NOBODY = 65534
#: Seconds between two looks at all processes.
PAUSE = 0.02
# What root may find in its own files is what they are for: logs, leftovers and homes are not.
ROOTS_OWN = ("/home", "/root", "/var/log", tempfile.gettempdir())
# No files on the disk, or what packages hold.
SKIPPED = {
    *("/dev", "/proc", "/sys", "/boot", "/lib", "/srv", "/var/cache", "/var/lib/apt"),
    *(f"/usr/{name}" for name in ("bin", "include", "lib", "lib64", "libexec", "sbin", "share")),
    str(NOTES),
}


def main(what):
    NOTES.mkdir(mode=0o700, exist_ok=True)
    {"remember": remember, "search": search, "watch": watch}[what]()


# Secrets


def remember():
    """Keep the secrets that there are now."""
    known = sorted(present() | {secret.decode() for secret in remembered()})
    with os.fdopen(os.open(KNOWN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(known))


def remembered():
    """All secrets that were ever kept."""
    texts = [path.read_bytes() for path in (KNOWN, DECOY) if path.exists()]
    return {line for text in texts for line in text.splitlines() if line}


def present():
    """The API's password, the key to Ceph, a line of each private key, CHAP passwords."""
    config = configparser.ConfigParser(interpolation=None)
    config.read("/etc/ceph/iscsi-gateway.cfg")
    password = config["config"]["api_password"]
    found = {password}
    for keyring in Path("/etc/ceph/iscsi").glob("*.keyring"):
        found.update(re.findall(r"key\s*=\s*(\S+)", keyring.read_text()))
    for key in (*Path("/etc/ceph").glob("*.key"), *Path("/etc/ceph/iscsi").glob("*.key")):
        lines = key.read_text().splitlines()
        if "PRIVATE" in lines[0]:
            found.add(lines[len(lines) // 2])
    if not config["config"].getboolean("api_secure"):
        found |= set(chap_passwords(password))
    return found


def chap_passwords(password):
    """All CHAP passwords that the gateways keep."""
    token = base64.b64encode(f"admin:{password}".encode()).decode()
    connection = http.client.HTTPConnection("localhost", 5000, timeout=60)
    path = "/api/config?decrypt_passwords=true"
    connection.request("GET", path, headers={"Authorization": f"Basic {token}"})
    state = json.loads(connection.getresponse().read())
    targets = state["targets"].values()
    owners = [state["discovery_auth"], *(target["auth"] for target in targets)]
    owners += [client["auth"] for target in targets for client in target["clients"].values()]
    for auth in owners:
        for kind in ("", "mutual_"):
            if auth.get(f"{kind}password"):
                yield auth[f"{kind}password"]


def become_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


# Searching


def search():
    """Tell where a secret is."""
    secrets = remembered()
    found = [f"root: {path}" for path in holders(files(ROOTS_OWN), secrets)]
    for command in (["journalctl", "--output=export", "--all"], ["dmesg"]):
        said = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout
        if any(secret in said for secret in secrets):
            found.append(f"root: {command[0]}")
    found += [f"a common user: {path}" for path in as_nobody(secrets)]
    print(json.dumps(sorted(found)))


def as_nobody(secrets):
    """Paths of files and processes where a common user finds a secret."""
    reader, writer = os.pipe()
    if not os.fork():
        become_nobody()
        processes = Path("/proc").glob("[0-9]*/*")
        shown = (path for path in processes if path.name in ("cmdline", "environ"))
        found = [*holders(files(["/"]), secrets), *holders(shown, secrets)]
        os.write(writer, json.dumps([str(path) for path in found]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    os.wait()
    return json.loads(text)


# Watching


def watch():
    """Look at the processes until ended; then, when all secrets are known, tell who had one."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    looked, texts = set(), {}
    try:
        while True:
            look(looked, texts)
            time.sleep(PAUSE)
    finally:
        secrets = remembered() | {secret.encode() for secret in present()}
        found = {
            (*where, hashlib.sha256(secret).hexdigest()[:16])
            for text, where in texts.items()
            for secret in secrets
            if secret in text
        }
        seen = {name for _, name, _ in texts.values()}
        WATCHED.write_text(json.dumps({"found": sorted(found), "seen": sorted(seen)}))


def look(looked, texts):
    """Add what processes show to TEXTS: to whom, the process's name, command line or environment.

    LOOKED has the processes with their command lines whose environment is there already.
    """
    for pid in filter(str.isdigit, os.listdir("/proc")):
        text, who = shown(pid, "cmdline")
        if not text or (pid, text) in looked:
            continue
        looked.add((pid, text))
        name = shown(pid, "comm")[0].decode(errors="replace").strip()
        texts.setdefault(text, (who, name, "cmdline"))
        text, who = shown(pid, "environ")
        texts.setdefault(text, (who, name, "environ"))


def shown(pid, what):
    """The text of a process's file, empty if it is gone, and who can read it."""
    for user, who in ((NOBODY, "a common user"), (0, "root")):
        try:
            os.seteuid(user)
            with open(f"/proc/{pid}/{what}", "rb") as file:
                return file.read(), who
        except PermissionError:
            continue
        except OSError:
            break
        finally:
            os.seteuid(0)
    return b"", "nobody"


def files(roots):
    """Regular files below directories, on the disk or in memory."""
    for root in roots:
        for directory, below, names in os.walk(root):
            below[:] = [name for name in below if os.path.join(directory, name) not in SKIPPED]
            for path in (Path(directory, name) for name in names):
                try:
                    mode = path.lstat().st_mode
                except OSError:
                    continue
                if stat.S_ISREG(mode):
                    yield path


def holders(paths, secrets):
    """Those of some files that can be read and have a secret."""
    longest = max(map(len, secrets))
    for path in paths:
        rest = b""
        try:
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    if any(secret in rest + chunk for secret in secrets):
                        yield path
                        break
                    rest = chunk[-longest:]
        except OSError:
            continue


main(*sys.argv[1:])
