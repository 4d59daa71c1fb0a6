"""add-space, spaces and bind."""

from collections.abc import Sequence

import click

from juju_lab.cli import client, common, tabular


@click.command("add-space")
@click.argument("name")
@click.argument("subnets", nargs=-1)
@common.model_option
def add_space(name: str, subnets: Sequence[str], model: str | None) -> None:
    """Make a space of SUBNETS, which are given as CIDRs.

    Machines made from then on have an interface in each network of the lab.
    """
    client.call("add_space", model=model, name=name, subnets=list(subnets))
    listed = f"subnets {', '.join(sorted(subnets))}" if subnets else "no subnets"
    common.say(f'added space "{name}" with {listed}')


@click.command("spaces")
@common.format_option("tabular", "yaml", "json")
@common.model_option
def spaces(style: str, output: str | None, model: str | None) -> None:
    """List the spaces and their subnets."""
    found = client.call("spaces", model=model)
    if style != "tabular":
        listed = [
            {
                "id": str(number),
                "name": name,
                "subnets": {
                    subnet: {"type": "ipv6" if ":" in subnet else "ipv4", "status": "in-use"}
                    for subnet in subnets
                },
            }
            for number, (name, subnets) in enumerate(found.items())
        ]
        common.show({"spaces": listed}, style, output)
        return
    rows = []
    for number, (name, subnets) in enumerate(found.items()):
        rows.append([name, str(number), subnets[0] if subnets else ""])
        rows += [["", "", subnet] for subnet in subnets[1:]]
    common.write(tabular.table(["Name", "Space ID", "Subnets"], rows), output)


@click.command("bind")
@click.argument("application")
@click.argument("bindings", nargs=-1, required=True)
@common.model_option
def bind(application: str, bindings: Sequence[str], model: str | None) -> None:
    """Move endpoints to other spaces: [SPACE] [ENDPOINT=SPACE]..."""
    wanted = common.bindings(bindings)
    client.call("bind", model=model, application=application, bindings=wanted)
