"""``python -m chaos``: see docs/chaos.md."""

import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from chaos import staged as staged_runs

CHARM = Path(__file__).resolve().parent.parent / "build" / "ceph-iscsi"


@click.group()
def main() -> None:
    """Kill the charm at any point, and see whether it comes to the same end."""


@main.command()
@click.option("--charm", type=click.Path(exists=True, path_type=Path), default=CHARM)
@click.option("--only", help="Scenarios whose name begins so.")
@click.option("--every", is_flag=True, help="Every call, not only the first of each kind.")
def staged(charm: Path, only: str | None, every: bool) -> None:
    """Kill hooks and actions at each hook tool and program that they call, on a stage."""
    if os.geteuid():
        raise click.ClickException("needs root, for namespaces of its own")
    console = Console(highlight=False)
    results: dict[str, staged_runs.Result] = {}
    for result, done, of in staged_runs.run(charm.resolve(), only, every):
        results[result.name] = result
        console.print(f"{result.name}: {done} of {of}", end="\r" if done < of else "\n")
    console.print(_table(list(results.values())))
    for result in results.values():
        for problem in result.problems:
            console.print(f"[red]{result.name}[/red] ", problem, markup=True)
    if not results:
        raise click.ClickException(f"no scenario's name begins with {only!r}")
    sys.exit(any(result.problems for result in results.values()))


def _table(results: list[staged_runs.Result]) -> Table:
    table = Table(title="Killed at a call, then run again as Juju would")
    table.add_column("hook or action")
    for column in ("points", "hook tools", "programs", "killed", "other end"):
        table.add_column(column, justify="right")
    for result in results:
        numbers = (
            len(result.calls),
            len(result.calls) - result.programs,
            result.programs,
            result.killed,
            len({problem.partition(":")[0] for problem in result.problems}),
        )
        table.add_row(result.name, *map(str, numbers))
    return table


if __name__ == "__main__":
    main()
