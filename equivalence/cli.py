"""The kit's command: `tox -e equivalence -- CHARM…`."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click
import jubilant
from rich.console import Console

from equivalence import contract, judge, package, report, scenarios
from equivalence.model import COMMAND, REPOSITORY, Model
from equivalence.record import Recording

BUILT = REPOSITORY / "build" / "ceph-iscsi"


@click.command()
@click.argument("charms", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--scenario",
    "wanted",
    multiple=True,
    type=click.Choice(scenarios.NAMES),
    help="Run this one only; may be given again.",
)
@click.option("--stage", is_flag=True, help="Doubles of systemd and gateway: fast, no iSCSI.")
@click.option("--strict", is_flag=True, help="Where there is a better way, ask for it.")
@click.option("--keep", is_flag=True, help="Leave the lab as it is at the end, and take it up.")
@click.option("--contract", "show", is_flag=True, help="Print the contract with its tests.")
@click.option("--operator-charm", is_flag=True, help="Have the small operator charm as well.")
@click.option("--mutants", is_flag=True, help="Judge mutants of one charm, each to be caught.")
@click.option(
    "--report",
    "directory",
    type=click.Path(path_type=Path),
    default=REPOSITORY / "build" / "equivalence",
    help="Where report.html, report.json and the recordings go.",
)
def main(
    charms: Sequence[Path],
    wanted: Sequence[str],
    stage: bool,
    strict: bool,
    keep: bool,
    show: bool,
    operator_charm: bool,
    mutants: bool,
    directory: Path,
) -> None:
    """Judge one or two built charms (directories or .charm files) against the reference."""
    lines = contract.load()
    if show:
        print(contract.table(lines))
        return
    console = Console(width=max(Console().width, 120))
    charms = list(charms) or [BUILT]
    if operator_charm:
        from equivalence.operator_charm import build

        charms.append(build(REPOSITORY / "build" / "operator" / "ceph-iscsi"))
    if len(charms) > 2:
        raise click.UsageError("one charm, or two")
    if mutants:
        from equivalence import mutation

        sys.exit(0 if mutation.run(charms[0], console, keep=keep) else 1)
    judged = []
    with ExitStack() as stack:
        try:
            opened = [stack.enter_context(package.opened(charm)) for charm in charms]
        except package.PackageError as error:
            raise click.UsageError(str(error)) from error
        for number, charm in enumerate(opened):
            other = opened[1 - number] if len(opened) == 2 else None
            recording = record(
                charm,
                str(charms[number]),
                wanted,
                console,
                directory,
                stage=stage,
                keep=keep,
                other=other,
            )
            judged.append(report.Judged(recording, judge.judge(lines, recording)))
            report.write(judged, directory)
    report.print_table(judged, console)
    console.print(f"report: {directory / 'report.html'}")
    if any([*judge.faults(charm.findings, strict=strict)] for charm in judged):
        sys.exit(1)


def record(
    charm: Path,
    label: str,
    wanted: Sequence[str],
    console: Console,
    directory: Path,
    *,
    stage: bool,
    keep: bool = False,
    other: Path | None = None,
) -> Recording:
    """Run the scenarios that are wanted (all if none is named) on one charm."""
    place = "stage" if stage else "lab"
    recording = Recording(label, package.framework(charm), place)
    if not wanted or "package" in wanted:
        recording.scenes["package"] = scenarios.play_package(charm)
    chosen = [
        scenario
        for scenario in scenarios.SCENARIOS
        if (not wanted or scenario.name in wanted) and not (stage and scenario.lab_only)
    ]
    if not chosen:
        return recording
    with_lab = Lab(keep=keep)
    with with_lab as juju:
        model = Model(juju, charm, staged=stage)
        for scenario in chosen:
            console.print(f"[dim]{scenario.name}: {scenario.tells}[/dim]")
            scene = scenarios.play(scenario, model, other)
            recording.scenes[scenario.name] = scene
            recording.save(directory / "recording.json")
            told = scene.error or "done"
            console.print(f"  {scene.seconds:.0f} s, {told}", markup=False)
    return recording


class Lab:
    """A lab of the kit's own, with a fresh model in it."""

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        os.environ.setdefault("JUJU_LAB_NAME", "juju-lab-equivalence")

    def __enter__(self) -> jubilant.Juju:
        if not self._keep:
            _lab("destroy")
        _lab("prepare")
        _lab("up")
        juju = jubilant.Juju(model="equivalence", cli_binary=str(COMMAND), wait_timeout=600)
        if '"equivalence"' not in juju.cli("models", "--format", "json", include_model=False):
            juju.add_model("equivalence")
        return juju

    def __exit__(self, *_: object) -> None:
        if not self._keep:
            _lab("destroy")


def _lab(command: str) -> None:
    subprocess.run([COMMAND, "lab", command], check=True, stdout=subprocess.DEVNULL)
