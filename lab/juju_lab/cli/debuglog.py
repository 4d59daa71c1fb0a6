"""debug-log."""

import datetime
import sys
from collections.abc import Sequence
from typing import Any

import click

from juju_lab.cli import client, common

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@click.command("debug-log")
@click.option("--replay", is_flag=True, help="From the beginning.")
@click.option("--tail/--no-tail", default=None, help="Go on with what is logged later.")
@click.option("-n", "--lines", type=int, default=10, help="How many present lines to show.")
@click.option("--limit", type=int, default=None, help="End after so many lines; 0: no limit.")
@click.option("-i", "--include", multiple=True, help="Only this entity, e.g. unit-a-0 or a/0.")
@click.option("-x", "--exclude", multiple=True, help="Not this entity.")
@click.option("--include-module", multiple=True, help="Only this module and below.")
@click.option("--exclude-module", multiple=True, help="Not this module and below.")
@click.option(
    "-l",
    "--level",
    type=click.Choice(_LEVELS, case_sensitive=False),
    default="TRACE",
    help="Least level.",
)
@click.option("--date", is_flag=True, help="Show the date.")
@click.option("--ms", is_flag=True, help="Show milliseconds.")
@click.option("--utc", is_flag=True, help="Times in UTC.")
@click.option("--color", is_flag=True, help="Accepted.")
@common.model_option
def debug_log(
    replay: bool,
    tail: bool | None,
    lines: int,
    limit: int | None,
    include: Sequence[str],
    exclude: Sequence[str],
    include_module: Sequence[str],
    exclude_module: Sequence[str],
    level: str,
    date: bool,
    ms: bool,
    utc: bool,
    color: bool,
    model: str | None,
) -> None:
    """Show the log of a model; on a terminal it goes on until interrupted."""
    everything = replay or limit is not None
    follow = tail if tail is not None else sys.stdout.isatty() and limit is None
    found = client.stream(
        "debug_log",
        model=model,
        wanted={
            "include": list(include),
            "exclude": list(exclude),
            "include_module": list(include_module),
            "exclude_module": list(exclude_module),
            "level": level.upper(),
        },
        last=None if everything else lines,
        limit=limit or None,
        follow=follow,
    )
    try:
        for line in found:
            sys.stdout.write(_format(line, date=date, ms=ms, utc=utc))
            if follow:
                sys.stdout.flush()
    except KeyboardInterrupt:
        return


def _format(line: dict[str, Any], *, date: bool, ms: bool, utc: bool) -> str:
    zone = datetime.UTC if utc else None
    moment = datetime.datetime.fromtimestamp(line["time"], zone)
    shown = f"{moment:%Y-%m-%d %H:%M:%S}" if date else f"{moment:%H:%M:%S}"
    if ms:
        shown += f".{moment.microsecond // 1000:03d}"
    return f"{line['entity']}: {shown} {line['level']} {line['module']} {line['message']}\n"
