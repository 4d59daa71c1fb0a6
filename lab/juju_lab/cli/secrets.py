"""secrets and show-secret."""

from typing import Any

import click

from juju_lab.cli import client, common, tabular
from juju_lab.errors import UsageError


@click.command("secrets")
@click.option("--owner", default="", help="Only those of this application or unit.")
@common.format_option("tabular", "json", "yaml")
@common.model_option
def secrets(owner: str, style: str, output: str | None, model: str | None) -> None:
    """List the secrets of a model."""
    found: dict[str, Any] = client.call("secrets", model=model, owner=owner)
    if style != "tabular":
        common.show(found, style, output)
        return
    rows = [
        (uri, each.get("label", "-"), each["owner"], each["rotation"], str(each["revision"]))
        for uri, each in found.items()
    ]
    heads = ("ID", "Name", "Owner", "Rotation", "Revision")
    common.write(tabular.table(heads, rows, right=("Revision",)), output)


@click.command("show-secret")
@click.argument("secret")
@click.option("--reveal", is_flag=True, help="With the content.")
@click.option("-r", "--revision", type=int, default=None, help="Of this revision.")
@click.option("--revisions", is_flag=True, help="With all revisions, without content.")
@common.format_option("yaml", "json")
@common.model_option
def show_secret(
    secret: str,
    reveal: bool,
    revision: int | None,
    revisions: bool,
    style: str,
    output: str | None,
    model: str | None,
) -> None:
    """Show a secret."""
    if revisions and (reveal or revision is not None):
        raise UsageError("either specify --revisions or --reveal or --revision, not both")
    shown = client.call(
        "show_secret",
        model=model,
        secret=secret,
        reveal=reveal,
        revision=revision,
        revisions=revisions,
    )
    if style == "yaml":
        for each in shown.values():
            if "content" in each:
                each["content"] = each["content"]["Data"]
    common.show(shown, style, output)
