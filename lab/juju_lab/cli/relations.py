"""integrate (add-relation, relate) and remove-relation."""

from collections.abc import Sequence

import click

from juju_lab.cli import client, common
from juju_lab.errors import JujuError, UsageError

_TWO = "an integration must involve two applications"


@click.command("integrate")
@click.argument("ends", nargs=-1)
@click.option("--via", default="", help="Accepted; the lab has one network.")
@common.model_option
def integrate(ends: Sequence[str], via: str, model: str | None) -> None:
    """Relate two applications, given as APPLICATION[:ENDPOINT]."""
    if len(ends) != 2:
        raise UsageError(_TWO)
    try:
        client.call("integrate", model=model, first=ends[0], second=ends[1])
    except JujuError as error:
        if not error.text.endswith("already exists"):
            raise
        added, _, existing = error.text.partition(": ")
        raise JujuError(
            f"{added}\n{existing}\n\nUse 'juju status --relations' to view the current relations."
        ) from None


@click.command("remove-relation")
@click.argument("ends", nargs=-1)
@click.option("--force", is_flag=True, help="At once, without hooks.")
@common.model_option
def remove_relation(ends: Sequence[str], force: bool, model: str | None) -> None:
    """Remove the relation between two applications, or the one of a number."""
    if (len(ends) == 1 and not ends[0].isdigit()) or len(ends) not in (1, 2):
        raise UsageError("a relation must involve two applications")
    client.call("remove_relation", model=model, ends=list(ends), force=force)
