#!/usr/bin/env python3
"""What the charm's actions cost on a target with many disks and clients, in a lab.

Prints seconds of actions as a user waits for them, beside those of the same steps as single gwcli
calls on the same gateway, and their ratio; and of update-status. Needs root and the charm in
build/ceph-iscsi. KEEP_MODEL=1 leaves the lab running.

    python benchmarks scale [--disks 100] [--clients 20]
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "functional"))
os.environ.setdefault("JUJU_LAB_NAME", "juju-lab-bench")

import jubilant  # noqa: E402
from harness import CHARM, COMMAND, FIRST, GATEWAY, IQN, Client, Model  # noqa: E402

UNIT = f"{GATEWAY}/0"
POOL = GATEWAY
TARGET = f"/iscsi-targets/{IQN}"
# Beside it: what create-target makes, made by single calls.
BESIDE = f"{IQN}-beside"
SIZE = "64M"
# Prints the seconds of a number of commands on a gateway, each line of standard input one.
TIMED = """
import json, subprocess, sys, time
took = []
for argv in json.loads(sys.argv[1]):
    began = time.monotonic()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    took.append(time.monotonic() - began)
print(json.dumps(took))
"""
LIMIT = 1200


def client(number: int) -> Client:
    """A client; number 1 is the one that the initiator logs in as."""
    if number == 1:
        return FIRST
    return Client(
        f"iqn.2024-11.com.example.lab:client-{number}", f"user-{number:04}", "a-password-15", ""
    )


class Bench:
    """The lab's model, and what was measured."""

    def __init__(self, model: Model, disks: int, clients: int) -> None:
        self.model = model
        self.disks, self.clients = disks, clients
        #: what, seconds by action, seconds by single gwcli calls or None
        self.rows: list[tuple[str, float, float | None]] = []

    def run(self) -> None:
        """Measure everything, in the order in which the target grows."""
        unit, others = UNIT, [name for name in self.model.gateways() if name != UNIT]
        gateways = [(self._fqdn(name), self.model.address(name)) for name in (unit, *others)]
        single = self._gwcli(
            f"/iscsi-targets create {BESIDE}",
            *(
                f"/iscsi-targets/{BESIDE}/gateways create {name} {address} skipchecks=true"
                for name, address in gateways
            ),
            f"/disks create pool={POOL} image=beside size={SIZE}",
            f"/iscsi-targets/{BESIDE}/disks add {POOL}/beside",
            f"/iscsi-targets/{BESIDE}/hosts create {FIRST.name}",
            f"/iscsi-targets/{BESIDE}/hosts/{FIRST.name} auth "
            f"username={FIRST.username} password={FIRST.password}",
            f"/iscsi-targets/{BESIDE}/hosts/{FIRST.name} disk add {POOL}/beside",
        )
        self._batch(
            f"/iscsi-targets/{BESIDE}/hosts delete {FIRST.name}",
            f"/iscsi-targets/{BESIDE}/disks delete {POOL}/beside",
            f"/disks delete {POOL}/beside",
            f"/iscsi-targets delete {BESIDE}",
        )
        self._note("create-target", self._add(1), single)
        self._note("update-status, 1 disk", self._update_status(), None)
        self._note("adding disk 2", self._add(2), self._add_singly(3))
        self._grow()
        self.model.login()
        before = self._add_singly(self.disks - 1)
        self._note(f"adding disk {self.disks}", self._add(self.disks), before)
        what = f"list-targets, {self.disks} disks, {self.clients} clients"
        self._note(what, self._median(self._list), self._gwcli("ls"))
        self._note(f"update-status, {self.disks} disks", self._update_status(), None)

    def table(self) -> Iterator[str]:
        """What was measured, a line each."""
        yield f"{'':42} {'action':>8} {'gwcli':>8} {'ratio':>6}"
        for what, action, single in self.rows:
            beside = f"{single:6.1f} s {action / single:6.2f}" if single else ""
            yield f"{what:42} {action:6.2f} s {beside}"

    # Steps

    def _add(self, number: int) -> float:
        """Seconds of the action that adds a disk for the first client (and the target to it)."""
        began = time.monotonic()
        given = FIRST.parameters(image_name=f"disk-{number}", image_size=SIZE)
        self.model.juju.run(UNIT, "create-target", given, wait=LIMIT)
        return time.monotonic() - began

    def _add_singly(self, number: int) -> float:
        """Seconds of the same by single gwcli calls."""
        return self._gwcli(*self._disk(number, FIRST))

    def _grow(self) -> None:
        """All clients, and all disks but the last two, spread over them.

        They are written where ceph-iscsi keeps its state, and its daemons started on that: they
        define them as after any boot. 300 gwcli commands come to the same, in an hour.
        """
        began = time.monotonic()
        others = [client(number) for number in range(2, self.clients + 1)]
        numbers = range(4, self.disks - 1)
        made = f"for n in $(seq {numbers[0]} {numbers[-1]}); do rbd create {POOL}/disk-$n"
        script = f"{made} --size {SIZE}; done"
        self.model.juju.exec("sh", "-c", script, unit="ceph-mon/0", wait=LIMIT)
        stored = ("rados", "--pool", "iscsi", "get", "gateway.conf", "-")
        state = json.loads(self.model.ceph(*stored))
        target, gateways = state["targets"][IQN], sorted(state["gateways"])
        for other in others:
            target["clients"][other.name] = copy.deepcopy(target["clients"][FIRST.name])
            target["clients"][other.name]["luns"] = {}
        for number in numbers:
            name, owner = f"{POOL}/disk-{number}", gateways[number % len(gateways)]
            own = {"image": f"disk-{number}", "backstore_object_name": f"{POOL}.disk-{number}"}
            own |= {"owner": owner, "wwn": str(uuid.uuid4())}
            state["disks"][name] = state["disks"][f"{POOL}/disk-1"] | own
            state["gateways"][owner]["active_luns"] += 1
            lun = {"lun_id": number}
            target["disks"][name] = lun
            target["clients"][others[number % len(others)].name]["luns"][name] = lun
        with tempfile.NamedTemporaryFile("w") as file:
            json.dump(state, file)
            file.flush()
            self.model.juju.scp(file.name, "ceph-mon/0:state.json")
        units = self.model.gateways()
        self._at_once(units, "systemctl", "stop", "rbd-target-gw", "rbd-target-api")
        put = ("rados", "--pool", "iscsi", "put", "gateway.conf", "/home/ubuntu/state.json")
        self.model.ceph(*put)
        for verb in ("reset-failed", "start"):
            self._at_once(units, "systemctl", verb, "rbd-target-api", "rbd-target-gw")
        for unit in units:
            self.model.wait_for(lambda unit=unit: self._answers(unit), LIMIT)
        print(f"  {self.disks - 2} disks after {time.monotonic() - began:.0f} s", flush=True)

    def _at_once(self, units: list[str], *command: str) -> None:
        """Run a command on all units."""
        with ThreadPoolExecutor() as pool:
            ran = [
                pool.submit(self.model.juju.exec, *command, unit=unit, wait=LIMIT)
                for unit in units
            ]
        for task in ran:
            task.result()

    def _answers(self, unit: str) -> bool:
        """Whether a gateway has defined all that is stored."""
        with contextlib.suppress(jubilant.TaskError):
            target = self.model.api_config(unit)["targets"][IQN]
            return len(target["disks"]) == self.disks - 2
        return False

    def _disk(self, number: int, owner: Client) -> list[str]:
        name = f"{POOL}/disk-{number}"
        return [
            f"/disks create pool={POOL} image=disk-{number} size={SIZE}",
            f"{TARGET}/disks add {name}",
            f"{TARGET}/hosts/{owner.name} disk add {name}",
        ]

    def _list(self) -> float:
        began = time.monotonic()
        results = self.model.action(UNIT, "list-targets")
        took = time.monotonic() - began
        (target,) = json.loads(results["targets"])["targets"]
        whole = (len(target["disks"]), len(target["clients"])) == (self.disks, self.clients)
        _require(whole and "logged-in" in str(target["clients"]), results)
        return took

    def _update_status(self) -> float:
        """Seconds of the hook on the gateway."""
        hook = "hooks/update-status"
        script = f"cd $CHARM_DIR && JUJU_HOOK_NAME=update-status JUJU_DISPATCH_PATH={hook} {hook}"
        return statistics.median(self._timed([["sh", "-c", script]] * 5))

    # On the gateway

    def _gwcli(self, *commands: str) -> float:
        """Seconds of single gwcli calls."""
        return sum(
            self._timed([["env", "HOME=/root", "gwcli", *command.split()] for command in commands])
        )

    def _timed(self, commands: list[list[str]]) -> list[float]:
        task = self.model.juju.exec(
            "python3", "-c", TIMED, json.dumps(commands), unit=UNIT, wait=LIMIT
        )
        return json.loads(task.stdout.splitlines()[-1])

    def _batch(self, *commands: str) -> None:
        """Commands in one gwcli process, which none of them may fail in."""
        script = "\n".join(("HOME=/root gwcli <<'EOF'", *commands, "exit", "EOF"))
        said = self.model.juju.exec(script, unit=UNIT, wait=LIMIT).stdout
        failed = [line for line in said.splitlines() if "Failed" in line or "rror" in line]
        _require(not failed, failed)

    def _fqdn(self, unit: str) -> str:
        return self.model.run_on(unit, "hostname", "--fqdn").strip()

    def _median(self, measure: Callable[[], float]) -> float:
        return statistics.median(measure() for _ in range(3))

    def _note(self, what: str, action: float, single: float | None) -> None:
        self.rows.append((what, action, single))
        print(f"  {what}: {action:.2f} s", flush=True)


def _require(so: bool, what: object) -> None:
    """End the benchmark if something is not as it has to be: the figures would mean nothing."""
    if not so:
        raise SystemExit(f"not as it has to be: {what}")


def main() -> None:
    """Deploy, measure, print, clean up."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--disks", type=int, default=100)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument(
        "--model", default="scale", help="made if it is not there; without targets"
    )
    options = parser.parse_args()
    if not CHARM.exists():
        sys.exit(f"{CHARM} holds no built charm: run tox -e build first")
    keep = os.environ.get("KEEP_MODEL") == "1"
    for command in ("prepare", "up"):
        subprocess.run([COMMAND, "lab", command], check=True)
    juju = jubilant.Juju(model=options.model, cli_binary=COMMAND, wait_timeout=900)
    if f'"{options.model}"' not in juju.cli("models", "--format", "json", include_model=False):
        juju.add_model(options.model)
    model = Model(juju)
    try:
        if GATEWAY not in juju.status().apps:
            model.deploy(constraints={"mem": "2G"})  # an image is a client of the cluster each
        _require(not model.api_config(UNIT)["targets"], "there are targets already")
        bench = Bench(model, options.disks, options.clients)
        bench.run()
    finally:
        if not keep:
            subprocess.run([COMMAND, "lab", "destroy"], check=True)
    print("\n".join(bench.table()))


if __name__ == "__main__":
    main()
