"""deploy, add-unit, remove-unit, remove-application, config, trust, expose, refresh, resolved."""

import os
from collections.abc import Sequence
from typing import Any

import click

from juju_lab import names
from juju_lab.cli import client, common
from juju_lab.cli.prepare import prepare
from juju_lab.errors import JujuError, UsageError


@click.command("deploy")
@click.argument("charm")
@click.argument("name", required=False, default="")
@click.option("-n", "--num-units", "units", type=int, default=1, help="Number of units.")
@click.option("--base", default="", help="Base of the machines, e.g. ubuntu@24.04.")
@click.option("--config", multiple=True, metavar="FILE|KEY=VALUE", help="Charm options.")
@click.option("--constraints", multiple=True, metavar="KEY=VALUE", help="e.g. mem=2G.")
@click.option("--to", default="", metavar="MACHINE[,MACHINE]", help="Machines for the units.")
@click.option("--trust", is_flag=True, help="Trust the application with credentials.")
@click.option("--force", is_flag=True, help="Deploy to a base that the charm does not name.")
@click.option("--bind", default="", metavar='"[SPACE] [ENDPOINT=SPACE]..."', help="Spaces.")
@click.option("--channel", default="", help="Accepted for a local charm and ignored.")
@common.model_option
def deploy(
    charm: str,
    name: str,
    units: int,
    base: str,
    config: Sequence[str],
    constraints: Sequence[str],
    to: str,
    trust: bool,
    force: bool,
    bind: str,
    channel: str,
    model: str | None,
) -> None:
    """Deploy the built charm in a directory or .charm file."""
    _check_path(charm)
    wanted = common.constraints(constraints)
    path = common.absolute(charm)
    chosen = client.call("base_for", model=model, charm=path, base=base, force=force)
    prepare([chosen], qemu=common.under_qemu(wanted))
    made = client.call(
        "deploy",
        model=model,
        charm=path,
        name=name,
        units=units,
        base=chosen,
        config=_config_arguments(config, name),
        constraints=wanted,
        to=[place for place in to.split(",") if place],
        bind=common.bindings(bind.split()),
        trust=trust,
        force=force,
    )
    located = f'local charm "{made["charm"]}", revision {made["revision"]}'
    common.say(f"Located {located}")
    common.say(f'Deploying "{made["application"]}" from {located} on {made["base"]}/stable')


def _check_path(charm: str) -> None:
    if not charm.startswith(("./", "../", "/")):
        if os.path.exists(charm):
            raise JujuError(
                f'The charm or bundle "{charm}" is ambiguous.\n'
                f"To deploy a local charm or bundle, run `juju deploy ./{charm}`."
            )
        raise JujuError(f'charm or bundle "{charm}" not found: the lab has no store of charms')
    if not os.path.exists(charm):
        raise JujuError(f'charm or bundle at "{charm}" not found')


def _config_arguments(words: Sequence[str], application: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for word in words:
        if "=" in word:
            values |= common.key_values([word])
        else:
            document = common.read_yaml(word) or {}
            values |= document.get(application, document)
    return values


@click.command("add-unit")
@click.argument("application")
@click.option("-n", "--num-units", "count", type=int, default=1, help="Number of units.")
@click.option("--to", default="", metavar="MACHINE[,MACHINE]", help="Machines for the units.")
@common.model_option
def add_unit(application: str, count: int, to: str, model: str | None) -> None:
    """Add units to an application."""
    shown = client.call("show_application", model=model, wanted=[application])
    prepare([shown[application]["base"]])
    places = [place for place in to.split(",") if place]
    client.call("add_unit", model=model, application=application, count=count, to=places)


@click.command("remove-unit")
@click.argument("units", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Without the unit's hooks if it comes to that.")
@click.option("--no-wait", is_flag=True, help="With --force: at once.")
@click.option("--destroy-storage", is_flag=True, help="Accepted; the lab has no storage.")
@click.option("--num-units", type=int, help="Refused, as on all machine models.")
@common.no_prompt_option
@common.model_option
def remove_unit(
    units: Sequence[str],
    force: bool,
    no_wait: bool,
    destroy_storage: bool,
    num_units: int | None,
    no_prompt: bool,
    model: str | None,
) -> None:
    """Remove units, with their machines when these have no other."""
    if num_units is not None:
        raise JujuError("k8s only: --num-units is not supported on this model")
    for unit in units:
        if not names.is_unit(unit):
            raise UsageError(f'invalid unit name "{unit}"')
    listed = "\n".join(f"will remove unit {unit}" for unit in units)
    common.confirm(f"WARNING! This command:\n{listed}", no_prompt)
    failed = False
    for unit in units:
        try:
            client.call("remove_unit", model=model, unit=unit, force=force, no_wait=no_wait)
        except JujuError as error:
            common.say(f"removing unit {unit} failed: {error.text}")
            failed = True
        else:
            common.say(f"will remove unit {unit}")
    if failed:
        raise click.exceptions.Exit(1)


@click.command("remove-application")
@click.argument("applications", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Without the units' hooks if it comes to that.")
@click.option("--no-wait", is_flag=True, help="With --force: at once.")
@click.option("--destroy-storage", is_flag=True, help="Accepted; the lab has no storage.")
@common.no_prompt_option
@common.model_option
def remove_application(
    applications: Sequence[str],
    force: bool,
    no_wait: bool,
    destroy_storage: bool,
    no_prompt: bool,
    model: str | None,
) -> None:
    """Remove applications with their units and relations."""
    listed = "\n".join(f"will remove application {name}" for name in applications)
    common.confirm(f"WARNING! This command:\n{listed}", no_prompt)
    failed = False
    for name in applications:
        try:
            units = client.call(
                "remove_application", model=model, application=name, force=force, no_wait=no_wait
            )
        except JujuError as error:
            common.say(f"removing application {name} failed: {error.text}")
            failed = True
            continue
        common.say(f"will remove application {name}")
        for unit in units:
            common.say(f"- will remove unit {unit}")
    if failed:
        raise click.exceptions.Exit(1)


@click.command("config")
@click.argument("application")
@click.argument("words", nargs=-1)
@click.option("--file", "path", metavar="FILE", help="YAML file with values.")
@click.option("--reset", default="", metavar="KEY[,KEY]", help="Options to set to default.")
@common.format_option("yaml", "json")
@common.model_option
def config(
    application: str,
    words: Sequence[str],
    path: str | None,
    reset: str,
    style: str,
    output: str | None,
    model: str | None,
) -> None:
    """Show or change the configuration of an application."""
    changes = [word for word in words if "=" in word]
    keys = [word for word in words if "=" not in word]
    resets = [key for key in reset.split(",") if key]
    if changes or resets or path:
        if keys:
            raise UsageError("cannot set and retrieve values simultaneously")
        values = _config_arguments([path] if path else [], application)
        values |= _with_files(common.key_values(changes))
        client.call(
            "set_config", model=model, application=application, values=values, reset=resets
        )
        return
    document = client.call("config", model=model, application=application)
    if not keys:
        common.show(document, style, output)
        return
    if len(keys) > 1:
        raise UsageError("can only retrieve a single value, or all values")
    known = document["settings"] | document["application-config"]
    if keys[0] not in known:
        raise JujuError(
            f'key "{keys[0]}" not found in "{application}" application config or charm settings.'
        )
    value = known[keys[0]].get("value")
    if value is not None:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        common.write(f"{text}\n", output)


def _with_files(values: dict[str, str]) -> dict[str, str]:
    """Values given as `@FILE` are read from there."""
    for key, value in values.items():
        if value.startswith("@"):
            try:
                with open(value[1:], encoding="utf-8") as file:
                    values[key] = file.read()
            except OSError as error:
                raise JujuError(f"cannot read option from file {value[1:]!r}: {error}") from None
    return values


@click.command("trust")
@click.argument("application")
@click.option("--remove", is_flag=True, help="Take the trust back.")
@click.option("--scope", default="", help="Accepted and ignored.")
@common.model_option
def trust(application: str, remove: bool, scope: str, model: str | None) -> None:
    """Trust an application with the cloud's credentials."""
    client.call(
        "set_config",
        model=model,
        application=application,
        values={"trust": not remove},
        reset=[],
    )


@click.command("expose")
@click.argument("application")
@common.model_option
def expose(application: str, model: str | None) -> None:
    """Mark an application's ports as open to the world; the lab has no firewall."""
    client.call("set_exposed", model=model, application=application, exposed=True)


@click.command("unexpose")
@click.argument("application")
@common.model_option
def unexpose(application: str, model: str | None) -> None:
    """Mark an application's ports as closed to the world."""
    client.call("set_exposed", model=model, application=application, exposed=False)


@click.command("refresh")
@click.argument("application")
@click.option("--path", "--switch", "path", help="Directory or .charm file of the new charm.")
@click.option("--force", is_flag=True, help="Accepted.")
@click.option("--force-units", is_flag=True, help="Also units whose hook has failed.")
@click.option("--force-base", "--force-series", is_flag=True, help="Accepted.")
@click.option("--base", default="", help="Accepted.")
@click.option("--channel", default="", help="Accepted for a local charm and ignored.")
@click.option("--config", multiple=True, metavar="FILE|KEY=VALUE", help="Charm options.")
@click.option("--trust", is_flag=True, help="Trust the application with credentials.")
@common.model_option
def refresh(
    application: str,
    path: str | None,
    force: bool,
    force_units: bool,
    force_base: bool,
    base: str,
    channel: str,
    config: Sequence[str],
    trust: bool,
    model: str | None,
) -> None:
    """Upgrade an application to the charm at --path."""
    if not path:
        raise JujuError(
            f'application "{application}" runs a local charm: '
            "use --path with the directory of the new one"
        )
    if not os.path.exists(path):
        raise JujuError(f'charm or bundle at "{path}" not found')
    done = client.call(
        "refresh",
        model=model,
        application=application,
        path=common.absolute(path),
        force_units=force_units,
    )
    values = _config_arguments(config, application)
    if trust:
        values["trust"] = True
    if values:
        client.call("set_config", model=model, application=application, values=values, reset=[])
    common.say(f'Added local charm "{done["charm"]}", revision {done["revision"]}, to the model')


@click.command("resolved")
@click.argument("units", nargs=-1)
@click.option("--no-retry", is_flag=True, help="Take the failed hook as done.")
@click.option("--all", "every", is_flag=True, help="All units whose hook has failed.")
@common.model_option
def resolved(units: Sequence[str], no_retry: bool, every: bool, model: str | None) -> None:
    """Have failed hooks run again, or be taken as done."""
    if every == bool(units):
        raise UsageError("no unit specified" if not units else "specifying unit names and --all")
    client.call("resolved", model=model, units=list(units), every=every, retry=not no_retry)
