"""add-machine and remove-machine."""

from collections.abc import Sequence

import click

from juju_lab.cli import client, common
from juju_lab.cli.prepare import prepare
from juju_lab.errors import JujuError


@click.command("add-machine")
@click.argument("placement", required=False, default="")
@click.option("--base", default="", help="Base of the machines, e.g. ubuntu@24.04.")
@click.option("--constraints", multiple=True, metavar="KEY=VALUE", help="e.g. mem=2G.")
@click.option("-n", "count", type=int, default=1, help="Number of machines.")
@common.model_option
def add_machine(
    placement: str, base: str, constraints: Sequence[str], count: int, model: str | None
) -> None:
    """Add machines without units."""
    if placement:
        raise JujuError(f'placement "{placement}" is not supported')
    wanted = common.constraints(constraints)
    prepare([base] if base else [], qemu=common.under_qemu(wanted))
    added = client.call("add_machine", model=model, base=base, constraints=wanted, count=count)
    for number in added:
        common.say(f"created machine {number}")


@click.command("remove-machine")
@click.argument("machines", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="With the units on it, without their hooks.")
@common.no_prompt_option
@common.model_option
def remove_machine(
    machines: Sequence[str], force: bool, no_prompt: bool, model: str | None
) -> None:
    """Remove machines."""
    listed = "\n".join(f"will remove machine {machine}" for machine in machines)
    common.confirm(f"WARNING! This command:\n{listed}", no_prompt)
    for machine in machines:
        client.call("remove_machine", model=model, machine=machine, force=force)
        common.say(f"will remove machine {machine}")
