"""upgrade-machine (upgrade-series)."""

import click

from juju_lab.cli import client, common
from juju_lab.errors import JujuError, UsageError
from juju_lab.hosts.bases import BASES

_PREPARED = """
Juju is now ready for the machine base to be updated.
Perform any manual steps required along with "do-release-upgrade".
When ready, run the following to complete the upgrade series process:

juju upgrade-machine {machine} complete"""


@click.command("upgrade-machine")
@click.argument("machine")
@click.argument("phase")
@click.argument("base", required=False, default="")
@click.option("--force", is_flag=True, help="To a base that a charm does not name.")
@common.no_prompt_option
@common.model_option
def upgrade_machine(
    machine: str, phase: str, base: str, force: bool, no_prompt: bool, model: str | None
) -> None:
    """Have a machine's units ready for another base, or go on after that.

    PHASE is `prepare`, with the BASE (or its series), or `complete`. In between the machine is
    yours: `juju-lab lab do-release-upgrade MACHINE`.
    """
    if phase == "complete":
        for told in client.stream("complete_upgrade", model=model, machine=machine):
            common.say(told)
        common.say(f'\nUpgrade series for machine "{machine}" has successfully completed')
        return
    if phase != "prepare":
        raise UsageError(f'"{phase}" is an invalid upgrade-machine command')
    if not base:
        raise UsageError("wrong number of arguments")
    wanted = _base(base)
    _confirm(machine, wanted, model, no_prompt)
    for told in client.stream(
        "prepare_upgrade", model=model, machine=machine, base=wanted, force=force
    ):
        common.say(told)
    common.say(_PREPARED.format(machine=machine))


def _base(text: str) -> str:
    """A base, whether it was given as one or as a series."""
    series = {each.ubuntu_codename: name for name, each in BASES.items()}
    return series.get(text, text.removesuffix("/stable"))


def _confirm(machine: str, base: str, model: str | None, no_prompt: bool) -> None:
    document = client.call("status", model=model, patterns=[machine], utc=True)["document"]
    if machine not in document["machines"]:
        raise JujuError(f"machine {machine} not found")
    units = [
        name
        for application in document["applications"].values()
        for name, unit in application.get("units", {}).items()
        if unit["machine"] == machine
    ]
    applications = sorted({name.partition("/")[0] for name in units})
    text = (
        f'WARNING: This command will mark machine "{machine}" as being upgraded to "{base}".\n'
        "This operation cannot be reverted or canceled once started."
    )
    if units:
        text += (
            "\nUnits running on the machine will also be upgraded. These units include:\n"
            + "".join(f"  {name}\n" for name in units)
            + "\nLeadership for the following applications will be pinned and not\n"
            'subject to change until the "complete" command is run:\n'
            + "\n".join(f"  {name}" for name in applications)
        )
    common.confirm(text, no_prompt)
