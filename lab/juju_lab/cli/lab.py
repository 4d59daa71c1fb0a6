"""What Juju has no command for: the lab itself, its hosts, their power and their cables."""

import shutil
from collections.abc import Sequence

import click

from juju_lab.cli import client, common, tabular
from juju_lab.cli.prepare import prepare as have_prepared
from juju_lab.cli.prepare import progress_shown
from juju_lab.errors import JujuError


@click.group("lab")
def lab() -> None:
    """The lab itself: its images, hosts, their power and their cables."""


@lab.command("up")
@click.option("--base", "bases", multiple=True, help="Bases to prepare, e.g. ubuntu@22.04.")
def up(bases: Sequence[str]) -> None:
    """Prepare images and start the controller, if that is not done yet."""
    have_prepared(bases)
    common.say(f"The lab {client.settings().name} is up.")


@lab.command("prepare")
@click.option("--base", "bases", multiple=True, help="Bases to prepare, e.g. ubuntu@22.04.")
@click.option("--upgrades", is_flag=True, help="Also what do-release-upgrade from these needs.")
@click.option("--qemu", is_flag=True, help="Also what machines with virt-type=qemu need.")
def prepare(bases: Sequence[str], upgrades: bool, qemu: bool) -> None:
    """Make the images and the package archive, as far as they are not in the cache."""
    from juju_lab.hosts import DEFAULT_BASE, HostError, Lab, PreflightError
    from juju_lab.hosts.bases import successor

    made = Lab(client.settings())
    try:
        made.preflight()
        with progress_shown() as progress:
            made.prepare(progress, bases or [DEFAULT_BASE])
            for base in bases if upgrades else ():
                if later := successor(base):
                    made.prepare_upgrade(progress, base, later)
            for base in (bases or [DEFAULT_BASE]) if qemu else ():
                made.prepare_qemu(progress, base)
    except (HostError, PreflightError) as error:
        raise JujuError(str(error)) from None


@lab.command("destroy")
@click.option("--all", "everything", is_flag=True, help="Also the cache that all labs share.")
def destroy(everything: bool) -> None:
    """End the controller and the hosts, and remove all that the lab has on this machine."""
    from juju_lab.hosts import HostError, Lab

    settings = client.settings()
    client.stop_daemon()
    try:
        Lab(settings).destroy()
    except HostError as error:
        raise JujuError(str(error)) from None
    if everything:
        shutil.rmtree(settings.cache_dir, ignore_errors=True)
    common.say(f"The lab {settings.name} is gone.")


@lab.command("power-off")
@click.argument("machine")
@common.model_option
def power_off(machine: str, model: str | None) -> None:
    """Cut the power of a machine's host."""
    client.call("power", model=model, machine=machine, on=False)


@lab.command("power-on")
@click.argument("machine")
@common.model_option
def power_on(machine: str, model: str | None) -> None:
    """Start a machine's host again."""
    client.call("power", model=model, machine=machine, on=True)


@lab.command("do-release-upgrade")
@click.argument("machine")
@common.model_option
def do_release_upgrade(machine: str, model: str | None) -> None:
    """Bring a machine's host to the next base, and reboot it.

    It is off meanwhile: apt upgrades the packages on its disk, at this machine's speed.
    """
    from juju_lab.hosts import HostError, Lab

    way = client.call("release_upgrade", model=model, machine=machine)
    try:
        with progress_shown() as progress:
            Lab(client.settings()).prepare_upgrade(progress, way["from"], way["to"])
            step = f"machine {machine} from {way['from']} to {way['to']}"
            progress(step)
            client.call("upgrade_release", model=model, machine=machine)
            progress(step, done=True)
    except HostError as error:
        raise JujuError(str(error)) from None


@lab.command("link")
@click.argument("machine")
@click.argument("state", type=click.Choice(["up", "down"]))
@common.model_option
def link(machine: str, state: str, model: str | None) -> None:
    """Plug a host's network in, or pull it."""
    client.call("link", model=model, machine=machine, up=state == "up")


@lab.command("kill-agent")
@click.argument("machine")
@common.model_option
def kill_agent(machine: str, model: str | None) -> None:
    """Kill a machine's agent: the hook or action that runs ends with it, and it starts again."""
    client.call("kill_agent", model=model, machine=machine)


@lab.command("hosts")
@common.format_option("tabular", "json", "yaml")
def hosts(style: str, output: str | None) -> None:
    """List the hosts of all models."""
    found = client.call("hosts")
    if style != "tabular":
        common.show(found, style, output)
        return
    rows = [
        [
            host["host"],
            host["address"],
            host["kind"],
            host["base"],
            f"{host['memory']}M",
            "on" if host["running"] else "off",
            host["status"],
            host["model"],
            host["machine"],
            " ".join(host["units"]),
        ]
        for host in found
    ]
    heads = ["Host", "Address", "Kind", "Base", "Memory", "Power", "State", "Model"]
    common.write(tabular.table([*heads, "Machine", "Units"], rows), output)


@lab.command("logs")
@click.argument("machine")
@click.option("-n", "--lines", type=int, default=50, help="How many lines, 0 for all.")
@common.model_option
def logs(machine: str, lines: int, model: str | None) -> None:
    """Show what a machine's host said on its console."""
    path = client.call("console", model=model, machine=machine)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = file.readlines()
    except FileNotFoundError:
        raise JujuError(f"machine {machine} has not said anything yet") from None
    common.write("".join(found[-lines:] if lines else found))
