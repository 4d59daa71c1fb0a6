#!/usr/bin/env python3
"""What an initiator feels when a gateway is maintained or loses its power, in a lab.

The initiator writes 4 KiB blocks to a disk over all its paths, one at a time, past all caches,
with a pattern that is looked for afterwards; fio reads and writes beside that. Meanwhile one thing
after the other happens to the gateways. The same again in another way, for comparison: without
drain, and for a power-cut, with the initiator's common settings.

Each run is kept at once in build/stall (--directory): runs.jsonl, and table.txt and stall.svg of
all runs so far. Needs root and the charm in build/ceph-iscsi. KEEP_MODEL=1 leaves the lab running.

    python benchmarks stall [--runs 3] [--without 1] [--only REASON] [--add]
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "functional"))

import jubilant  # noqa: E402
import stall_figures as figures  # noqa: E402
from harness import (  # noqa: E402
    CHARM,
    COMMAND,
    COMPANIONS,
    FIRST,
    GATEWAY,
    INITIATOR,
    Model,
)
from rich.console import Console  # noqa: E402

MONITORS = "ceph-mon"
AUTHORITY = "ca"
#: Has systemd stop the daemon at once: an empty value takes the charm's ExecStop= away.
NO_DRAIN = "/run/systemd/system/rbd-target-api.service.d/zz-no-drain.conf"
SWITCH_OFF = f"install -D /dev/stdin {NO_DRAIN}; systemctl daemon-reload"
SWITCH_ON = f"rm -f {NO_DRAIN}; systemctl daemon-reload"
#: Two jobs, each of which rests 20 ms after each I/O, so that they do not catch up after a stall;
#: beyond the blocks that the writer writes.
FIO = (
    *("fio", "--name=mixed", "--rw=randrw", "--rwmixread=70", "--bssplit=4k/60:16k/30:64k/10"),
    *("--ioengine=psync", "--direct=1", "--numjobs=2", "--thread", "--group_reporting"),
    *("--thinktime=20000", "--offset=64M", "--size=512M", "--time_based", "--runtime=3600"),
    *("--continue_on_error=all", "--output-format=json", "--output=/root/fio.json"),
)
#: Columns of a table that is not on a terminal.
WIDE = 170
#: Seconds that are written in quiet before and after an event.
QUIET = 5


class Bench:
    """The lab's model, and the words for what is done to it besides the functional tests'."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def set_up(self) -> None:
        """Gateways, a disk that the initiator is logged in to, fio."""
        if GATEWAY in self.model.juju.status().apps:
            return
        self.model.deploy()
        install = ("apt-get", "install", "--yes", "--no-install-recommends", "fio")
        self.model.juju.exec(*install, unit=INITIATOR, wait=600)
        self.log_in_anew()

    def log_in_anew(self) -> None:
        """Have the initiator find the target's gateways, with its settings as they are now."""
        self.model.create_target(FIRST)
        self.model.logout()
        self.model.login()

    def measured(self, reason: Reason, way: str) -> figures.Run:
        """Have it happen once while the initiator writes."""
        model = self.model
        model.settle(timeout=1200)
        model.wait_paths(len(model.gateways()), timeout=300)
        unit = self.owner()
        with self.load() as mixed, model.writing() as summary:
            time.sleep(QUIET)
            began = time.time()
            reason.event(self, unit)
            took = time.time() - began
            time.sleep(QUIET)
        writes = model.written()
        return figures.Run(
            reason=reason.name,
            title=reason.title,
            way=way,
            worst=max(took for _, took in writes),
            writes=summary["acknowledged"],
            errors=summary["errors"],
            lost=summary["lost"] * 4096,
            fio_worst=mixed["worst"],
            fio_errors=mixed["errors"],
            took=round(took, 1),
            load=round(os.getloadavg()[0], 1),
            series=[(round(at - began, 2), seconds) for at, seconds in writes],
        )

    def owner(self) -> str:
        """The gateway that owns the disk; I/O goes over it, at once and not after its failback."""
        run = functools.partial(self.model.run_on, INITIATOR)
        run("multipathd", "reload", "map", self.model.device()["name"])

        def at_home() -> bool:
            paths = self.model.device()["paths"]
            highest = max(path["priority"] for path in paths)
            return all(path["priority"] == highest for path in paths if path["group"] == "active")

        self.model.wait_for(at_home)
        return self.model.active_gateway()

    @contextlib.contextmanager
    def load(self) -> Iterator[dict[str, float]]:
        """Have fio at work meanwhile; what it felt is there at the end."""
        felt: dict[str, float] = {}
        run = functools.partial(self.model.run_on, INITIATOR)
        device = self.model.device_path()
        run(
            "systemd-run",
            "--quiet",
            "--unit=mixed-load",
            "--collect",
            *FIO,
            f"--filename={device}",
        )
        try:
            yield felt
        finally:
            run("systemctl", "stop", "mixed-load")
        said = run("cat", "/root/fio.json")  # that it was stopped comes first
        (job,) = json.loads(said[said.index("{") :])["jobs"]
        slowest = max(job[kind]["clat_ns"]["max"] for kind in ("read", "write"))
        felt |= {"worst": slowest / 1e9, "errors": job["total_err"]}

    @contextlib.contextmanager
    def undrained(self) -> Iterator[None]:
        """Have the gateways stop without drain meanwhile."""
        self._on_gateways(SWITCH_OFF)
        try:
            yield
        finally:
            self._on_gateways(SWITCH_ON)

    @contextlib.contextmanager
    def common_settings(self) -> Iterator[None]:
        """Have the initiator logged in with common settings meanwhile."""
        self.model.juju.config("initiator", {"settings": "common"})
        self.model.settle("initiator")
        self.log_in_anew()
        try:
            yield
        finally:
            self.model.juju.config("initiator", reset="settings")
            self.model.settle("initiator")
            self.log_in_anew()

    def restarted(self, change: Callable[[], object]) -> None:
        """Make a change and wait until it has restarted all gateways, and all paths are back."""
        started = self.model.all_started_at()
        change()
        self.model.wait_restarted(started, timeout=1200)
        self.model.settle(GATEWAY, timeout=1200)
        self.model.wait_paths(len(started), timeout=300)

    def not_restarted(self, change: Callable[[], object]) -> None:
        """Make a change that must restart no gateway."""
        started = self.model.all_started_at()
        change()
        self.model.settle(GATEWAY)
        if self.model.all_started_at() != started:
            raise AssertionError("a gateway restarted")

    def _on_gateways(self, script: str) -> None:
        lines = "[Service]\nExecStop=\n"
        for unit in self.model.gateways():
            self.model.run_on(unit, "sh", "-ec", f"printf '%s' \"$1\" | ({script})", "sh", lines)


# What happens


def nothing(bench: Bench, unit: str) -> None:
    """For comparison: what the lab itself costs."""
    time.sleep(30)


def pause(bench: Bench, unit: str) -> None:
    """The gateway that has the I/O is paused and resumed."""
    bench.model.action(unit, "pause")
    bench.model.wait_moved(unit)
    bench.model.action(unit, "resume")
    bench.model.settle(GATEWAY)
    bench.model.wait_paths(2, timeout=300)


def options(bench: Bench, unit: str) -> None:
    """An option changes that the daemons have in their file."""
    bench.restarted(bench.model.change_level)


def trusted_addresses(bench: Bench, unit: str) -> None:
    """An address comes to those that may use the API, and goes."""
    leader = bench.model.leader()
    for name in ("add-trusted-ip", "remove-trusted-ip"):
        action = functools.partial(bench.model.action, leader, name, ips="10.85.0.250")
        bench.not_restarted(action)


def password(bench: Bench, unit: str) -> None:
    """The password of the gateways' API is replaced."""
    bench.not_restarted(lambda: bench.model.action(bench.model.leader(), "rotate-admin-password"))


def certificate(bench: Bench, unit: str) -> None:
    """The authority issues new certificates."""
    (authority,) = bench.model.juju.status().apps[AUTHORITY].units
    bench.restarted(lambda: bench.model.action(authority, "renew"))


def monitors(bench: Bench, unit: str) -> None:
    """A monitor comes to those that the gateways know, or one goes."""
    option = "further-addresses"
    given = bench.model.juju.config(MONITORS)[option]
    change = {"reset": option} if given else {"values": {option: "10.85.0.251"}}
    bench.restarted(lambda: bench.model.juju.config(MONITORS, **change))


def source(bench: Bench, unit: str) -> None:
    """Packages come from another archive, which has a later version."""
    archive, suffix = bench.model.offer_later_package(int(time.time()))
    bench.restarted(lambda: bench.model.juju.config(GATEWAY, {"source": archive}))
    for each in bench.model.gateways():
        shown = bench.model.run_on(each, "dpkg-query", "-W", "-f", "${Version}", "ceph-iscsi")
        if not shown.endswith(suffix):
            raise AssertionError(f"{each} has ceph-iscsi {shown}")


def refresh(bench: Bench, unit: str) -> None:
    """The charm is refreshed to another revision with the same content."""
    before = bench.model.revisions()

    def to_next_revision() -> None:
        bench.model.juju.refresh(GATEWAY, path=CHARM)
        bench.model.wait_for(lambda: before.isdisjoint(bench.model.revisions()))

    bench.not_restarted(to_next_revision)


def reboot(bench: Bench, unit: str) -> None:
    """The host of the gateway that has the I/O is rebooted in order."""
    model = bench.model
    boot, started = model.boot(unit), {unit: model.started_at(unit)}
    model.run_on(unit, "systemd-run", "--on-active=5", "systemctl", "reboot")
    model.wait_for(lambda: model.boot(unit) not in ("", boot))
    model.wait_restarted(started)
    model.settle(GATEWAY)
    model.wait_paths(2, timeout=300)


def removal(bench: Bench, unit: str) -> None:
    """Of three gateways the one that has the I/O is removed; the others forget it in restarts."""
    model = bench.model
    started = model.all_started_at()
    del started[unit]
    model.juju.remove_unit(unit)
    model.wait(lambda status: unit not in status.apps[GATEWAY].units)
    model.wait_restarted(started)
    model.settle(GATEWAY)


def power_cut(bench: Bench, unit: str) -> None:
    """The gateway that has the I/O loses its power, and gets it back when the I/O has left."""
    model = bench.model
    model.power(unit, "off")
    model.wait_moved(unit, timeout=300)
    model.power_up(unit)
    model.wait_restarted({unit: 0})
    model.settle(GATEWAY)
    model.wait_paths(2, timeout=300)


# What is there for some of it, before and after


@contextlib.contextmanager
def as_it_is(bench: Bench) -> Iterator[None]:
    """Nothing has to be there."""
    yield


@contextlib.contextmanager
def with_authority(bench: Bench) -> Iterator[None]:
    """The gateways have certificates."""
    model = bench.model
    model.juju.deploy(COMPANIONS / AUTHORITY, constraints={"virt-type": "container"})
    model.settle(AUTHORITY)
    bench.restarted(lambda: model.juju.integrate(f"{GATEWAY}:certificates", AUTHORITY))
    try:
        yield
    finally:
        bench.restarted(lambda: model.juju.remove_application(AUTHORITY))


@contextlib.contextmanager
def source_afterwards(bench: Bench) -> Iterator[None]:
    """The archive is the distribution's again at the end; packages stay."""
    try:
        yield
    finally:
        bench.not_restarted(lambda: bench.model.juju.config(GATEWAY, reset="source"))


@contextlib.contextmanager
def third_gateway(bench: Bench) -> Iterator[None]:
    """There are three gateways, and the initiator has a path over each."""
    if len(bench.model.gateways()) < 3:
        bench.model.juju.add_unit(GATEWAY)
        bench.model.settle(GATEWAY, timeout=1200)
    bench.log_in_anew()
    yield
    bench.log_in_anew()


@dataclass(frozen=True)
class Reason:
    """Something that happens to gateways."""

    name: str
    title: str
    #: has it happen to a unit, and waits until the initiator has all paths again
    event: Callable[[Bench, str], None]
    #: the other way; None if no daemon stops
    without: Callable[[Bench], AbstractContextManager] | None = Bench.undrained
    #: what is there during all runs, and during each
    setting: Callable[[Bench], AbstractContextManager] = as_it_is
    each: Callable[[Bench], AbstractContextManager] = as_it_is
    kind: figures.Kind = figures.PLANNED


# In this order: what takes longest to set up comes last.
REASONS = (
    Reason("nothing", "nothing happens", nothing, None),
    Reason("pause", "pause and resume", pause),
    Reason("options", "options, all gateways restart", options),
    Reason(*("power-cut", "power-cut", power_cut, Bench.common_settings), kind=figures.POWER_CUT),
    Reason("reboot", "host rebooted", reboot),
    Reason("source", "packages upgraded (source)", source, setting=source_afterwards),
    Reason("monitors", "list of monitors", monitors),
    Reason("trusted-ip", "trusted addresses", trusted_addresses, None),
    Reason("password", "the API's password", password, None),
    Reason("refresh", "charm refreshed", refresh, None),
    Reason("certificate", "certificates renewed", certificate, setting=with_authority),
    Reason("removal", "remove-unit, one of three", removal, each=third_gateway),
)
NAMES = [reason.name for reason in REASONS]


class Results:
    """What was measured, in files that are complete after each run."""

    def __init__(self, directory: Path, add: bool) -> None:
        self.directory = directory
        self.path = directory / "runs.jsonl"
        if not add:
            self.path.unlink(missing_ok=True)
        self.runs = figures.load(self.path)

    def count(self, reason: Reason, way: str) -> int:
        """How many runs there are."""
        return len(figures.chosen(self.runs, reason.name, way))

    def add(self, run: figures.Run) -> None:
        """Keep a run, and tell of it."""
        figures.append(self.path, run)
        self.runs.append(run)
        with (self.directory / "table.txt").open("w") as file:
            self.show(Console(file=file, width=WIDE))
        (self.directory / "stall.svg").write_text(figures.picture(self.runs))
        when = max(run.series, key=lambda write: write[1])[0]
        print(
            f"{run.title}, {run.way}: {run.worst:.2f} s at {when:+.0f} s,",
            f"{run.errors} errors, {run.lost} B lost of {run.writes} writes;",
            f"fio {run.fio_worst:.2f} s, {run.fio_errors} errors;",
            f"{run.took:.0f} s, load {run.load}",
            flush=True,
        )

    def show(self, console: Console) -> None:
        """Print the tables."""
        for table in figures.tables(self.runs):
            console.print(table)


class Session:
    """What is to be measured, and until when."""

    def __init__(self, given: argparse.Namespace, results: Results) -> None:
        self.end = time.monotonic() + given.minutes * 60
        self.results = results
        self.reasons = [reason for reason in REASONS if reason.name in (given.only or NAMES)]
        self.runs, self.without = given.runs, given.without

    def missing(self, reason: Reason) -> dict[str, int]:
        """How many runs of a reason are still to be done, by way."""
        wanted = {reason.kind.way: self.runs}
        if reason.without:
            wanted[reason.kind.without] = self.without
        left = {way: runs - self.results.count(reason, way) for way, runs in wanted.items()}
        return {way: runs for way, runs in left.items() if runs > 0}

    def run(self, bench: Bench) -> None:
        """Measure what is missing, until the time is up."""
        for reason in self.reasons:
            missing = self.missing(reason)
            if not missing or self.over():
                continue
            with reason.setting(bench):
                for way in (way for way, runs in missing.items() for _ in range(runs)):
                    if self.over():
                        break
                    other = reason.without if way == reason.kind.without else as_it_is
                    with reason.each(bench), other(bench):
                        self.results.add(bench.measured(reason, way))

    def over(self) -> bool:
        """Whether no further run is to begin."""
        return time.monotonic() > self.end

    def summary(self) -> Iterator[str]:
        """What is still missing, a line each."""
        for reason in self.reasons:
            for way, runs in self.missing(reason).items():
                yield f"not measured: {reason.name}, {way}: {runs} runs (--add goes on)"


def main() -> None:
    """Deploy, measure, print, clean up."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="of each reason, the charm's way")
    parser.add_argument("--without", type=int, default=1, help="runs in the other way")
    parser.add_argument(
        "--only", action="append", choices=NAMES, metavar="REASON", help=", ".join(NAMES)
    )
    parser.add_argument("--add", action="store_true", help="keep earlier runs, do what is missing")
    parser.add_argument("--minutes", type=float, default=60, help="after them no run begins")
    parser.add_argument("--directory", type=Path, default=ROOT / "build" / "stall")
    parser.add_argument("--model", default="stall", help="made if it is not there")
    given = parser.parse_args()
    if not CHARM.exists():
        sys.exit(f"{CHARM} holds no built charm: run tox -e build first")
    os.environ.setdefault("JUJU_LAB_NAME", "juju-lab-bench")
    keep = os.environ.get("KEEP_MODEL") == "1"
    results = Results(given.directory, given.add)
    session = Session(given, results)
    for command in ("prepare", "up"):
        subprocess.run([COMMAND, "lab", command], check=True)
    juju = jubilant.Juju(model=given.model, cli_binary=COMMAND, wait_timeout=900)
    if f'"{given.model}"' not in juju.cli("models", "--format", "json", include_model=False):
        juju.add_model(given.model)
    bench = Bench(Model(juju))
    try:
        bench.set_up()
        session.run(bench)
    finally:
        if not keep:
            subprocess.run([COMMAND, "lab", "destroy"], check=True)
        results.show(Console(width=None if sys.stdout.isatty() else WIDE))
        print(*session.summary(), sep="\n")


if __name__ == "__main__":
    main()
