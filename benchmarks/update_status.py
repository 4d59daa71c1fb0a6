#!/usr/bin/env python3
"""What hooks of the built charm cost on this machine's own kernel: bootstrap and update-status.

Runs the charm of build/ceph-iscsi (or the directory given) as Juju would, with hook tools that
take about 1 ms and answer as in a finished deployment: ceph-client and cluster related. Needs
root, for namespaces in which the machine presents itself as Ubuntu, has no network and forgets
what was written; what would change its packages and services does nothing.

    python benchmarks update-status [--charm DIR] [--python FILE] [--runs N] [--profile FILE]
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNIT = "ceph-iscsi/0"
IN_NAMESPACE = "BENCHMARK_IN_NAMESPACE"
OS_RELEASE = 'NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n'
LSB_RELEASE = "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=24.04\nDISTRIB_CODENAME=noble\n"
TOOLS = (
    "action-get",
    "application-version-set",
    "config-get",
    "is-leader",
    "juju-log",
    "network-get",
    "open-port",
    "opened-ports",
    "relation-get",
    "relation-ids",
    "relation-list",
    "relation-set",
    "status-set",
    "unit-get",
)
# Commands that a charm changes the machine with; here they succeed and do nothing.
INERT = ("add-apt-repository", "apt-get", "systemctl", "systemd-detect-virt")
# systemctl finds every unit running and enabled, and systemd-detect-virt no container.
INERT_SCRIPT = """#!/bin/sh
case "$0 $1" in
*is-active) shift; for unit; do echo active; done;;
*show) shift 2; for unit; do printf 'ActiveState=active\\nUnitFileState=enabled\\n\\n'; done;;
*--container) exit 1;;
esac
"""
# Flags of a finished deployment, beyond those that the hooks set on what the tools answer.
FLAGS = ("charm.installed", "config.rendered", "cluster.available", "ceph-client.pools.available")
PYTHON = "import sys; sys.path.insert(0, 'lib'); from charms.layer import basic; "
BOOTSTRAP = PYTHON + "basic.bootstrap_charm_deps()"
FINISH = (
    f"{BOOTSTRAP}; from charms.reactive import set_flag; from charmhelpers.core import unitdata; "
    f"[set_flag(flag) for flag in {FLAGS}]; unitdata.kv().flush()"
)
# Where a charm writes; the benchmark's namespace has a throw-away layer over each.
WRITABLE = ("etc", "home", "opt", "root", "srv", "usr", "var")
SCRATCH = Path("/mnt")
OWN = {"ingress-address": "10.85.0.11", "egress-subnets": "10.85.0.11/32"}
PEER = {
    **{"ingress-address": "10.85.0.12", "gateway_ready": "True", "gateway_fqdn": "host-2.lab"},
    **{"host_name": "localhost", "host_address": "127.0.0.1"},  # a name that resolves here
}
MONITOR = {"key": "a-key", "auth": "cephx", "ceph-public-address": "10.85.0.1"}


def answers(config: dict) -> dict[str, object]:
    """Shell patterns of a tool's name and arguments -> what it answers as JSON."""
    return {
        "config-get *": config,
        "is-leader *": True,
        "relation-ids * ceph-client": ["ceph-client:1"],
        "relation-ids * cluster": ["cluster:0"],
        "relation-ids *": [],
        "relation-list *ceph-client:1*": ["ceph-mon/0"],
        "relation-list *cluster:0*": ["ceph-iscsi/1"],
        "relation-get *--app*": {"admin_password": "not-a-real-one"},
        f"relation-get * {UNIT}": OWN,
        "relation-get * ceph-mon/0": MONITOR,
        "relation-get * ceph-iscsi/1": PEER,
        "network-get *": {"ingress-addresses": ["10.85.0.11"], "bind-addresses": []},
        "opened-ports *": [],
    }


def write_tools(directory: Path, calls: Path, config: dict) -> None:
    """Write one shell script, which starts no further process, and a link to it per tool."""
    cases = [
        f"{pattern.replace(' ', chr(92) + ' ')}) echo '{json.dumps(answer)}';;"
        for pattern, answer in answers(config).items()
    ]
    script = [
        "#!/bin/sh",
        "name=${0##*/}",
        f'echo "$name $*" >> {calls}',
        'case "$*" in *--help*) echo "--file"; exit;; esac',
        'case "$name $*" in',
        *cases,
        "esac",
    ]
    directory.mkdir()
    tool = directory / "jujuc"
    tool.write_text("\n".join(script) + "\n")
    tool.chmod(0o755)
    for name in TOOLS:
        (directory / name).symlink_to("jujuc")


def default_config(charm: Path) -> dict:
    """Return the charm's options at their defaults, as config-get --all does."""
    sys.path[:0] = [str(wheel) for wheel in charm.glob("wheelhouse/*.whl")]
    import yaml

    options = yaml.safe_load((charm / "config.yaml").read_text())["options"]
    return {name: option.get("default") for name, option in options.items()}


class Unit:
    """A unit's directories and environment on this machine."""

    def __init__(self, charm: Path, python: Path, directory: Path) -> None:
        self.charm = directory / "charm"
        shutil.copytree(charm, self.charm, symlinks=True)
        (self.charm / "revision").write_text("0")
        self.calls = directory / "calls"
        write_tools(directory / "tools", self.calls, default_config(charm))
        (directory / "tools" / "python3").symlink_to(python)
        self.environment = {
            "PATH": f"{directory}/tools:/usr/sbin:/usr/bin:/sbin:/bin",
            "CHARM_DIR": str(self.charm),
            "JUJU_CHARM_DIR": str(self.charm),
            "JUJU_UNIT_NAME": UNIT,
            "JUJU_MODEL_NAME": "bench",
            "JUJU_VERSION": "3.6.0",
            "LANG": "C.UTF-8",
        }

    def run(self, *command: str, **environment: str) -> tuple[float, collections.Counter[str]]:
        """Run a command as a hook; return its seconds, and calls by hook tool."""
        self.calls.write_text("")
        started = time.monotonic()
        subprocess.run(command, cwd=self.charm, env=self.environment | environment, check=True)
        seconds = time.monotonic() - started
        return seconds, collections.Counter(self.calls.read_text().splitlines())

    def hook(self, name: str) -> tuple[float, collections.Counter[str]]:
        """Run a hook by its name."""
        return self.run(f"hooks/{name}", JUJU_HOOK_NAME=name)


def isolate(scratch: Path) -> None:
    """Cover the machine's directories with layers in memory, and make it an inert Ubuntu."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", scratch], check=True)
    for name in WRITABLE:
        upper, work = scratch / name, scratch / f"{name}.work"
        upper.mkdir()
        work.mkdir()
        options = f"lowerdir=/{name},upperdir={upper},workdir={work}"
        command = ["mount", "-t", "overlay", "overlay", "-o", options, f"/{name}"]
        subprocess.run(command, check=True)
    for name, content in (("os-release", OS_RELEASE), ("lsb-release", LSB_RELEASE)):
        Path("/etc", name).unlink(missing_ok=True)
        Path("/etc", name).write_text(content)
    for name in INERT:
        path = Path("/usr/bin", name)
        path.unlink(missing_ok=True)
        path.write_text(INERT_SCRIPT)
        path.chmod(0o755)


def measure(charm: Path, python: Path, runs: int, profile: str | None) -> None:
    """Print the seconds and calls of a fresh bootstrap and of update-status."""
    isolate(SCRATCH)
    unit = Unit(charm, python, SCRATCH / "unit")
    seconds, _ = unit.run("python3", "-c", BOOTSTRAP)
    print(f"bootstrap: {seconds:.2f} s")

    unit.hook("config-changed")  # finds the options and the relations
    unit.run("python3", "-c", FINISH)
    unit.hook("update-status")
    if profile:
        command = ["python3", "-m", "cProfile", "-o", profile, "hooks/update-status"]
        unit.run(*command, JUJU_HOOK_NAME="update-status")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    results = [unit.hook("update-status") for _ in range(runs)]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    median = statistics.median(seconds for seconds, _ in results)
    calls = results[-1][1]
    print(
        f"update-status: {median:.3f} s (median of {runs}; {busy / runs:.3f} s of CPU, tools"
        f" included), {calls.total()} hook-tool calls"
    )
    for call, count in calls.most_common():
        print(f"    {count} x {call[:90]}")


def main() -> None:
    """Start again in a mount namespace, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--charm", type=Path, default=ROOT / "build" / "ceph-iscsi")
    parser.add_argument("--python", type=Path, default=Path("/usr/bin/python3"))
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--profile", help="write a cProfile of one update-status there")
    options = parser.parse_args()
    if not (options.charm / "hooks").is_dir():
        sys.exit(f"{options.charm} holds no built charm: run tox -e build first")
    if os.geteuid() != 0:
        sys.exit("needs root, for a mount namespace")
    if IN_NAMESPACE not in os.environ:
        os.environ[IN_NAMESPACE] = "yes"
        os.execvp("unshare", ["unshare", "--mount", "--net", sys.executable, *sys.argv])  # noqa: S606
    measure(options.charm.resolve(), options.python.resolve(), options.runs, options.profile)


if __name__ == "__main__":
    main()
