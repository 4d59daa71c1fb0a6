"""Models: add-model, destroy-model, models, switch, show-model, model-config, version …"""

import os
import time
from collections.abc import Sequence

import click

from juju_lab import AGENT_VERSION, CLOUD_NAME, CONTROLLER_NAME, USER_NAME, formats
from juju_lab.cli import client, common, tabular
from juju_lab.errors import JujuError, UsageError

_CLIENT_VERSION = f"{AGENT_VERSION}-genericlinux-amd64"


@click.command("add-model")
@click.argument("name")
@click.argument("cloud", required=False)
@click.option("--no-switch", is_flag=True, help="Leave the current model as it is.")
@click.option("-c", "--controller", help="Accepted; the lab is one controller.")
@click.option("--config", multiple=True, metavar="KEY=VALUE", help="Model configuration.")
@click.option("--credential", help="Accepted and ignored.")
def add_model(
    name: str,
    cloud: str | None,
    no_switch: bool,
    controller: str | None,
    config: Sequence[str],
    credential: str | None,
) -> None:
    """Add a model."""
    client.call("add_model", name=name, config=common.key_values(config), switch=not no_switch)
    common.say(f"Added '{name}' model on {CLOUD_NAME}/local for user '{USER_NAME}'")


@click.command("destroy-model")
@click.argument("name")
@click.option("--force", is_flag=True, help="Without the units' hooks.")
@click.option("--no-wait", is_flag=True, help="Accepted.")
@click.option("-t", "--timeout", default="", metavar="DURATION", help="How long to wait.")
@click.option("--destroy-storage", is_flag=True, help="Accepted; the lab has no storage.")
@click.option("--release-storage", is_flag=True, help="Accepted; the lab has no storage.")
@common.no_prompt_option
def destroy_model(
    name: str,
    force: bool,
    no_wait: bool,
    timeout: str,
    destroy_storage: bool,
    release_storage: bool,
    no_prompt: bool,
) -> None:
    """Remove a model with all that is in it."""
    limit = common.seconds(timeout) if timeout else None
    common.confirm(
        f"WARNING! This command will destroy the {name!r} model and all its resources.", no_prompt
    )
    common.say(f"Destroying model {name!r}")
    told = ""
    deadline = None if limit is None else time.monotonic() + limit
    for left in client.stream("destroy_model", model=name, force=force):
        text = f"{left['machines']} machine(s), {left['applications']} application(s)"
        if text != told:
            common.say(f"Waiting for model to be removed, {text}...")
            told = text
        if deadline and time.monotonic() > deadline:
            raise JujuError(f"timed out after {timeout}")
    common.say("Model destroyed.")


@click.command("models")
@click.option("--all", "every", is_flag=True, help="Accepted.")
@click.option("--uuid", is_flag=True, help="Show the UUIDs.")
@common.format_option("tabular", "json", "yaml")
def models(every: bool, uuid: bool, style: str, output: str | None) -> None:
    """List the models."""
    document = client.call("models")
    if style != "tabular":
        common.show(document, style, output)
        return
    rows = []
    for model in document["models"]:
        mark = "*" if model["short-name"] == document["current-model"] else ""
        row = [f"{model['short-name']}{mark}", f"{CLOUD_NAME}/local", "lab"]
        rows.append([*row, model["status"]["current"], "admin", "just now"])
        if uuid:
            rows[-1].insert(1, model["model-uuid"])
    heads = ["Model", "Cloud/Region", "Type", "Status", "Access", "Last connection"]
    if uuid:
        heads.insert(1, "UUID")
    common.write(f"Controller: {CONTROLLER_NAME}\n\n{tabular.table(heads, rows)}", output)


@click.command("show-model")
@click.argument("name", required=False)
@common.format_option("yaml", "json")
@common.model_option
def show_model(name: str | None, style: str, output: str | None, model: str | None) -> None:
    """Show a model in detail."""
    common.show(client.call("show_model", model=name or model), style, output)


@click.command("switch")
@click.argument("name", required=False)
def switch(name: str | None) -> None:
    """Show or change the current model."""
    prefix = f"{CONTROLLER_NAME}:{USER_NAME}/"
    if name is None:
        current = client.call("current_model")
        common.write(f"{prefix}{current}\n" if current else f"{CONTROLLER_NAME}\n")
        return
    if os.environ.get("JUJU_MODEL"):
        raise JujuError("cannot switch when JUJU_MODEL is overriding the model")
    if name.rstrip(":") == CONTROLLER_NAME:
        name = client.call("current_model")
    done = client.call("switch", model=name)
    former = f"{prefix}{done['former']}" if done["former"] else CONTROLLER_NAME
    current = f"{prefix}{done['current']}"
    common.say(f"{former} (no change)" if former == current else f"{former} -> {current}")


@click.command("model-config")
@click.argument("words", nargs=-1)
@click.option("--reset", default="", metavar="KEY[,KEY]", help="Values to set to default.")
@common.format_option("tabular", "json", "yaml")
@common.model_option
def model_config(
    words: Sequence[str], reset: str, style: str, output: str | None, model: str | None
) -> None:
    """Show or change the configuration of a model."""
    changes = common.key_values(word for word in words if "=" in word)
    keys = [word for word in words if "=" not in word]
    resets = [key for key in reset.split(",") if key]
    if changes or resets:
        if keys:
            raise UsageError("cannot set and retrieve values simultaneously")
        client.call("set_model_config", model=model, values=changes, reset=resets)
        return
    document = client.call("model_config", model=model)
    if keys:
        if keys[0] not in document:
            raise JujuError(f'key "{keys[0]}" not found in "{model or "the current"}" model.')
        common.write(formats.to_smart(document[keys[0]]["Value"]), output)
    elif style == "json":
        common.show(document, style, output)
    elif style == "yaml":
        lowered = {
            key: {"value": entry["Value"], "source": entry["Source"]}
            for key, entry in document.items()
        }
        common.show(lowered, style, output)
    else:
        rows = [
            [key, entry["Source"], formats.to_smart(entry["Value"]).strip() or '""']
            for key, entry in document.items()
        ]
        common.write(tabular.table(["Attribute", "From", "Value"], rows), output)


@click.command("model-constraints")
@common.format_option("tabular", "json", "yaml")
@common.model_option
def model_constraints(style: str, output: str | None, model: str | None) -> None:
    """Show the constraints of a model."""
    document = client.call("model_constraints", model=model)
    if style == "tabular":
        text = " ".join(f"{key}={value}" for key, value in sorted(document.items()))
        common.write(f"{text}\n" if text else "", output)
    else:
        common.show(document, style, output)


@click.command("set-model-constraints")
@click.argument("words", nargs=-1)
@common.model_option
def set_model_constraints(words: Sequence[str], model: str | None) -> None:
    """Set the constraints of a model."""
    client.call("set_model_constraints", model=model, values=common.constraints(words))


@click.command("version")
@click.option("--all", "every", is_flag=True, help="All that is known.")
@common.format_option("smart", "json", "yaml")
def version(every: bool, style: str, output: str | None) -> None:
    """Show the version of Juju that the lab follows."""
    document = {
        "version": _CLIENT_VERSION,
        "git-commit": "",
        "git-tree-state": "",
        "compiler": "lab",
        "official": False,
    }
    common.show(document if every else _CLIENT_VERSION, style, output)
