"""Inside the stage's namespaces: cover the machine, run the steps, tell what there is at the end.

Called by ``stage.py`` alone, with what to do on standard input.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
COVERED = ("etc", "usr", "var")
STAGE = Path("/run/chaos")
UNIT = Path("/var/lib/juju/agents/unit-ceph-iscsi-0")
CHARM = UNIT / "charm"
TOOLS = (
    *("action-fail", "action-get", "action-log", "action-set", "application-version-set"),
    *("close-port", "config-get", "goal-state", "is-leader", "juju-log", "leader-get"),
    *("network-get", "open-port", "opened-ports", "relation-get", "relation-ids"),
    *("relation-list", "relation-set", "status-get", "status-set", "unit-get"),
)
PROGRAMS = (
    *("add-apt-repository", "apt-cache", "apt-get", "ceph", "dpkg-query", "gwcli", "openssl"),
    *("rbd", "systemctl", "update-ca-certificates"),
)
# This gateway's and the other one's.
ADDRESSES = ("10.85.0.11", "10.85.0.12")
# Of these, the ones that do on the stage what they do elsewhere.
REAL = ("openssl",)
ETC = {
    "os-release": 'NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n',
    "lsb-release": "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=24.04\nDISTRIB_CODENAME=noble\n",
    "hosts": "127.0.0.1 localhost\n10.85.0.11 host-1.lab host-1\n10.85.0.12 host-2.lab host-2\n",
    "hostname": "host-1\n",
}
# Written anew whatever happens, or by programs that have nothing to do with the charm.
NOISE = re.compile(
    r"^/(etc/(os-release|lsb-release|hostname|ld\.so\.cache|\.pwd\.lock)$|var/(lib/juju|log|cache|lib/apt)/"
    r"|usr/(bin|lib/python3)/|run/chaos/)|__pycache__|\.pyc$"
)


def cover(scratch: Path) -> None:
    """Lay the stage's layers over the machine, and put the stand-ins in place."""
    mount("--make-rprivate", "/")
    real = scratch / "run/chaos/real"
    shutil.rmtree(real, ignore_errors=True)
    real.mkdir()
    for name in REAL:
        shutil.copy(f"/usr/bin/{name}", real / name)
    for name in COVERED:
        layers = f"lowerdir=/{name},upperdir={scratch}/{name},workdir={scratch}/{name}.work"
        mount("-t", "overlay", "overlay", "-o", layers, f"/{name}")
    mount("--bind", str(scratch / "run"), "/run")
    UNIT.mkdir(parents=True, exist_ok=True)
    mount("--bind", str(scratch / "unit"), str(UNIT))
    for name, content in ETC.items():
        path = Path("/etc", name)
        if name != "hosts" or "host-2.lab" not in path.read_text():
            path.unlink(missing_ok=True)
            path.write_text(content)
    socket.sethostname("host-1")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in ADDRESSES:
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    libraries = Path("/usr/lib/python3/dist-packages")
    shutil.copytree(HERE / "libraries", libraries, dirs_exist_ok=True)
    mount("-t", "tmpfs", "tmpfs", "/sys/kernel")
    shutil.rmtree(STAGE / "tools", ignore_errors=True)
    (STAGE / "tools").mkdir()
    stand_in = STAGE / "stand_in.py"
    shutil.copy(HERE / "stand_in.py", stand_in)
    stand_in.chmod(0o755)
    for name in TOOLS:
        (STAGE / "tools" / name).symlink_to(stand_in)
    for name in PROGRAMS:
        place = Path("/usr/bin", name)
        place.unlink(missing_ok=True)
        place.symlink_to(stand_in)


def define_targets(world: dict[str, Any]) -> None:
    """Show the targets of a gateway that runs as LIO would, if no initiator is logged in."""
    lio = Path("/sys/kernel/config/target/iscsi")
    shutil.rmtree(lio, ignore_errors=True)
    if not world["services"]["rbd-target-api"].get("active"):
        return
    for iqn, target in world["gateway"]["targets"].items():
        for number, portal in enumerate(target["portals"].values(), 1):
            group = lio / iqn / f"tpgt_{number}"
            address = portal["portal_ip_addresses"][0]
            (group / "np" / f"{address}:3260").mkdir(parents=True)
            (group / "enable").write_text(f"{int(address == ADDRESSES[0])}\n")
            (group / "dynamic_sessions").write_text("")


def mount(*arguments: str) -> None:
    """Mount, in this namespace alone."""
    subprocess.run(["mount", *arguments], check=True)


def serve_api() -> subprocess.Popen:
    """Start the API's stand-in, and wait until it listens."""
    server = subprocess.Popen([sys.executable, str(HERE / "api_stand_in.py"), str(STAGE)])
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 5000)):
            return server
        time.sleep(0.01)


def run(step: dict[str, Any]) -> tuple[int, list[str], str]:
    """Run one step as Juju would: with a clean environment, all or nothing of what it set."""
    for name in ("calls", "pending.json", "kill-at"):
        (STAGE / name).unlink(missing_ok=True)
    if step["kill_at"]:
        (STAGE / "kill-at").write_text(str(step["kill_at"]))
    environment = {
        "PATH": f"{STAGE}/tools:/usr/sbin:/usr/bin:/sbin:/bin",
        "CHARM_DIR": str(CHARM),
        "JUJU_CHARM_DIR": str(CHARM),
        "JUJU_UNIT_NAME": "ceph-iscsi/0",
        "JUJU_MODEL_NAME": "stage",
        "JUJU_VERSION": "3.6.0",
        "LANG": "C.UTF-8",
        "CHAOS_YAML": str(next(UNIT.glob(".venv/lib/python3*/site-packages"), UNIT)),
        **step["environment"],
    }
    define_targets(json.loads((STAGE / "world.json").read_text()))
    hook = subprocess.Popen(
        [str(CHARM / step["path"])],
        cwd=CHARM,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    output, _ = hook.communicate()
    calls = STAGE / "calls"
    called = (
        [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
    )
    if hook.returncode == 0:
        commit()
    (STAGE / "kill-at").unlink(missing_ok=True)
    return hook.returncode, called, output


def commit() -> None:
    """Have what a hook set in the data bags count."""
    file = STAGE / "pending.json"
    if not file.exists():
        return
    world = json.loads((STAGE / "world.json").read_text())
    for rid, bags in json.loads(file.read_text()).items():
        for bag, changes in bags.items():
            now = {**world["relations"][rid][bag], **changes}
            world["relations"][rid][bag] = {key: value for key, value in now.items() if value}
    (STAGE / "world.json").write_text(json.dumps(world))


def state(scratch: Path) -> dict[str, Any]:
    """What there is, without what differs from one run to the next.

    That is secrets that were made, and an action's results: called again when all is done, it
    truly says that it has changed nothing.
    """
    world = json.loads((STAGE / "world.json").read_text())
    del world["action"]["results"]
    made = [
        value
        for relation in world["relations"].values()
        for key, value in relation["own_app"].items()
        if key in ("admin_password", "chap_key")
    ]
    text = json.dumps({**world, "starts": None})
    for number, secret in enumerate(made):
        text = text.replace(json.dumps(secret)[1:-1], f"secret-{number}")
    return {
        "world": json.loads(text),
        "files": dict(sorted(files(scratch, made))),
        "flags": flags(),
    }


def files(scratch: Path, secrets: list[str]):
    """Files that the charm has made or changed: mode and a hash of the content."""
    for name in (*COVERED, "run"):
        for path in (scratch / name).rglob("*"):
            shown = f"/{path.relative_to(scratch)}"
            found = path.lstat()
            if NOISE.search(shown) or stat.S_ISDIR(found.st_mode):
                continue
            if stat.S_ISREG(found.st_mode):
                content = path.read_bytes()
                for number, secret in enumerate(secrets):
                    content = content.replace(secret.encode(), b"secret-%d" % number)
                # The public half follows from a key that is another one each time.
                if b"PUBLIC KEY" in content:
                    content = b"a public key"
                what = hashlib.sha256(content.strip()).hexdigest()[:12]
            else:
                what = os.readlink(path) if path.is_symlink() else "removed"
            yield shown, f"{stat.S_IMODE(found.st_mode):04o} {what}"


def flags() -> list[str]:
    """The framework's flags that are set."""
    database = CHARM / ".unit-state.db"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("select key from kv where key like 'reactive.states.%'")
        return sorted(key.removeprefix("reactive.states.") for (key,) in rows)


def main() -> None:
    """Do what is asked on standard input; the outcome is the last thing on standard output."""
    order = json.load(sys.stdin)
    scratch = Path(order["scratch"])
    cover(scratch)
    server = serve_api()
    codes, calls, output = [], [], ""
    for step in order["steps"]:
        code, called, said = run(step)
        codes.append(code)
        calls.append(called)
        output += f"--- {step['path']} ended with {code}\n{said}"
    result = {"codes": codes, "calls": calls, "output": output, "state": state(scratch)}
    server.send_signal(signal.SIGKILL)
    server.wait()
    print(f"\n=====\n{json.dumps(result)}")


if __name__ == "__main__":
    main()
