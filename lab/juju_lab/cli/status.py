"""status, show-unit, show-application, show-status-log."""

import sys
import time
from collections.abc import Sequence
from typing import Any

import click

from juju_lab.cli import client, common, tabular


@click.command("status")
@click.argument("patterns", nargs=-1)
@click.option("--relations", "--integrations", is_flag=True, help="Show the relations too.")
@click.option("--storage", is_flag=True, help="Accepted; the lab has no storage.")
@click.option("--utc", is_flag=True, help="Times in UTC.")
@click.option("--color", is_flag=True, help="Accepted.")
@click.option("--watch", default="", metavar="DURATION", help="Show it again, each time.")
@common.format_option("tabular", "json", "yaml")
@common.model_option
def status(
    patterns: Sequence[str],
    relations: bool,
    storage: bool,
    utc: bool,
    color: bool,
    watch: str,
    style: str,
    output: str | None,
    model: str | None,
) -> None:
    """Show the state of a model: all of it, or what matches the patterns."""

    def once() -> str:
        answer = client.call("status", model=model, patterns=list(patterns), utc=utc)
        return _rendered(answer, style, relations, patterns)

    if not watch:
        common.write(once(), output)
        return
    interval = common.seconds(watch)
    while True:
        text = once()
        common.write(f"\033[H\033[2J{text}" if sys.stdout.isatty() else text)
        time.sleep(interval)


def _rendered(answer: dict[str, Any], style: str, relations: bool, patterns: Sequence[str]) -> str:
    document = answer["document"]
    if style != "tabular":
        from juju_lab import formats

        return formats.render(document, style)
    if not document["applications"] and not document["machines"]:
        common.say(
            "Nothing matched specified filter."
            if patterns
            else f'Model "{document["model"]["name"]}" is empty.'
        )
        return "" if patterns else tabular.status(document, None)
    return tabular.status(document, answer["relations"] if relations else None)


@click.command("show-unit")
@click.argument("units", nargs=-1, required=True)
@click.option("--endpoint", default="", help="Relations of this endpoint only.")
@click.option("--related-unit", default="", help="Data of this remote unit only.")
@click.option("--app", "app_only", is_flag=True, help="Application data only.")
@common.format_option("yaml", "json")
@common.model_option
def show_unit(
    units: Sequence[str],
    endpoint: str,
    related_unit: str,
    app_only: bool,
    style: str,
    output: str | None,
    model: str | None,
) -> None:
    """Show units and what they see of their relations."""
    document = client.call("show_unit", model=model, units=list(units))
    for unit in document.values():
        unit["relation-info"] = [
            _narrowed(relation, related_unit, app_only)
            for relation in unit.get("relation-info", ())
            if endpoint in ("", relation["endpoint"])
        ]
        if not unit["relation-info"]:
            del unit["relation-info"]
    common.show(document, style, output)


def _narrowed(relation: dict[str, Any], related_unit: str, app_only: bool) -> dict[str, Any]:
    if app_only:
        relation.pop("related-units", None)
        relation.pop("local-unit", None)
    elif related_unit:
        related = relation.get("related-units", {})
        relation["related-units"] = {
            name: data for name, data in related.items() if name == related_unit
        }
    return relation


@click.command("show-application")
@click.argument("applications", nargs=-1, required=True)
@common.format_option("yaml", "json")
@common.model_option
def show_application(
    applications: Sequence[str], style: str, output: str | None, model: str | None
) -> None:
    """Show applications in detail."""
    document = client.call("show_application", model=model, wanted=list(applications))
    common.show(document, style, output)


@click.command("show-status-log")
@click.argument("entity")
@click.option("-n", "limit", type=int, default=20, help="Number of statuses.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["unit", "workload", "juju-unit", "machine", "juju-machine"]),
    default="unit",
    help="Whose statuses.",
)
@click.option("--utc", is_flag=True, help="Times in UTC.")
@common.format_option("tabular", "json", "yaml")
@common.model_option
def show_status_log(
    entity: str,
    limit: int,
    kind: str,
    utc: bool,
    style: str,
    output: str | None,
    model: str | None,
) -> None:
    """Show past statuses of a unit or machine."""
    rows = client.call("status_log", model=model, entity=entity, kind=kind, limit=limit, utc=utc)
    if style != "tabular":
        common.show(rows, style, output)
        return
    cells = [[row[key] for key in ("time", "type", "status", "message")] for row in rows]
    common.write(tabular.table(["Time", "Type", "Status", "Message"], cells), output)
