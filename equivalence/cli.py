"""The kit's command: `tox -e equivalence -- CHARM…`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock

import click
import jubilant
from rich.console import Console

from equivalence import contract, judge, mutation, operator_charm, package, report, scenarios
from equivalence.model import COMMAND, REPOSITORY, Juju, Model
from equivalence.record import RECORDING, Recording

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
@click.option(
    "--stage",
    "place",
    flag_value="stage",
    help="All with doubles of systemd and gateway: no iSCSI.",
)
@click.option("--lab", "place", flag_value="lab", help="All on real gateways, which takes longer.")
@click.option("--strict", is_flag=True, help="Where there is a better way, ask for it.")
@click.option(
    "--recorded", is_flag=True, help="Run nothing: judge what the last run has recorded."
)
@click.option("--keep", is_flag=True, help="Leave the lab as it is at the end, and take it up.")
@click.option("--contract", "show", is_flag=True, help="Print the contract with its tests.")
@click.option(
    "--operator-charm", "small", is_flag=True, help="Have the small operator charm as well."
)
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
    place: str | None,
    strict: bool,
    recorded: bool,
    keep: bool,
    show: bool,
    small: bool,
    mutants: bool,
    directory: Path,
) -> None:
    """Judge one or two built charms (directories or .charm files) against the reference."""
    lines = contract.load()
    if show:
        print(contract.table(lines))
        return
    console = Console(width=max(Console().width, 120), highlight=False)
    charms = list(charms) or [BUILT]
    if small and not recorded:
        charms.append(operator_charm.build(REPOSITORY / "build" / "operator" / "ceph-iscsi"))
    if len(charms) > 2:
        raise click.UsageError("one charm, or two")
    if mutants:
        with Lab(keep=keep) as lab:
            sys.exit(0 if mutation.run(charms[0], lab.model, console, wanted) else 1)
    if recorded:
        recordings = _recorded(directory)
    else:
        with ExitStack() as stack:
            try:
                opened = [stack.enter_context(package.opened(charm)) for charm in charms]
            except package.PackageError as error:
                raise click.UsageError(str(error)) from error
            recordings = record(
                list(zip(map(_label, charms), opened, strict=True)),
                wanted or scenarios.NAMES,
                console,
                directory,
                place=place,
                keep=keep,
            )
    judged = [report.Judged(recording, judge.judge(lines, recording)) for recording in recordings]
    report.write(judged, directory)
    report.print_table(judged, console)
    console.print(f"report: {directory / 'report.html'}")
    sys.exit(1 if report.print_faults(judged, console, strict=strict) else 0)


def _recorded(directory: Path) -> list[Recording]:
    """What the last run has recorded in a directory."""
    found = sorted(directory.glob(RECORDING.format("*")))
    if not found:
        raise click.UsageError(f"{directory} has no recordings")
    return [Recording.read(path) for path in found]


def _label(charm: Path) -> str:
    """What a charm is called in tables: its path, from here if it is below."""
    path = charm.resolve()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def record(
    charms: Sequence[tuple[str, Path]],
    wanted: Sequence[str],
    console: Console,
    directory: Path,
    *,
    place: str | None,
    keep: bool,
) -> list[Recording]:
    """Run the scenarios that are wanted on one charm, or on two; all models side by side.

    :param charms: what each is called, and its directory
    :param place: `lab` or `stage` for all scenarios; None for each where it shows what it is for
    """
    began = time.monotonic()
    for path in directory.glob(RECORDING.format("*")):  # of the last run
        path.unlink()
    recordings = [Recording(label, package.framework(charm)) for label, charm in charms]
    if "package" in wanted:
        for recording, (_, charm) in zip(recordings, charms, strict=True):
            recording.scenes["package"] = scenarios.play_package(charm)
    chosen = {
        where: [
            scenario
            for scenario in scenarios.SCENARIOS
            if scenario.name in wanted and (place or scenario.place) == where
        ]
        for where in ("lab", "stage")
    }
    models = [
        (number, where) for where, some in chosen.items() if some for number in range(len(charms))
    ]
    if not models:
        return recordings
    saving = Lock()

    def run(number: int, where: str) -> None:
        recording, charm = recordings[number], charms[number][1]
        other = charms[1 - number][1] if len(charms) == 2 else None
        with lab.model(f"{where}-{number + 1}") as juju:
            model = Model(juju, charm, staged=where == "stage")
            for scenario in chosen[where]:
                scene = scenarios.play(scenario, model, other)
                told = f"{recording.charm}: {scenario.name} ({where}): {scene.seconds:.0f} s"
                console.print(f"{told}, {scene.error or 'done'}", markup=False, highlight=False)
                with saving:
                    recording.scenes[scenario.name] = scene
                    recording.save(directory / RECORDING.format(number + 1))

    with Lab(keep=keep) as lab, ThreadPoolExecutor(len(models)) as pool:
        for done in [pool.submit(run, *model) for model in models]:
            done.result()
    for recording in recordings:
        in_order = sorted(
            recording.scenes.items(), key=lambda scene: scenarios.NAMES.index(scene[0])
        )
        recording.scenes = dict(in_order)
        recording.seconds = round(time.monotonic() - began)
    return recordings


class Lab:
    """A lab of the kit's own; its models are made when they are asked for."""

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        os.environ.setdefault("JUJU_LAB_NAME", "juju-lab-equivalence")

    def __enter__(self) -> "Lab":
        if not self._keep:
            _lab("destroy")
        _lab("prepare")
        _lab("up")
        return self

    def __exit__(self, *_: object) -> None:
        if not self._keep:
            _lab("destroy")

    @contextmanager
    def model(self, name: str) -> Iterator[jubilant.Juju]:
        """A model, gone at the end unless the lab is kept; it is there before if that was."""
        juju = Juju(model=name, cli_binary=str(COMMAND), wait_timeout=600)
        if f'"{name}"' not in juju.cli("models", "--format", "json", include_model=False):
            juju.add_model(name)
        yield juju
        if not self._keep:
            juju.destroy_model(name, force=True)


def _lab(*command: str) -> None:
    subprocess.run([COMMAND, "lab", *command], check=True, stdout=subprocess.DEVNULL)
