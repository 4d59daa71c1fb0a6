"""The `juju`-compatible command line; each command's module is loaded when it is called."""

import importlib
import os
import sys
from typing import Any

import click

from juju_lab.errors import JujuError

_PROGRAM = "juju-lab"

# Command: module and what it does, in one line. The function has the command's name.
_COMMANDS = {
    "actions": ("actions", "List the actions of an application."),
    "add-machine": ("machines", "Add machines without units."),
    "add-model": ("models", "Add a model."),
    "add-space": ("spaces", "Make a space of subnets."),
    "add-unit": ("applications", "Add units to an application."),
    "bind": ("spaces", "Move endpoints of an application to other spaces."),
    "cancel-task": ("actions", "Cancel tasks that have not begun."),
    "config": ("applications", "Show or change the configuration of an application."),
    "debug-log": ("debuglog", "Show the log of a model."),
    "deploy": ("applications", "Deploy a built charm."),
    "destroy-model": ("models", "Remove a model with all that is in it."),
    "exec": ("actions", "Run commands in units or on machines."),
    "expose": ("applications", "Open an application's ports to the world."),
    "integrate": ("relations", "Relate two applications."),
    "lab": ("lab", "What Juju has no command for: the hosts and their power."),
    "model-config": ("models", "Show or change the configuration of a model."),
    "model-constraints": ("models", "Show the constraints of a model."),
    "models": ("models", "List the models."),
    "operations": ("actions", "List operations."),
    "refresh": ("applications", "Upgrade an application's charm."),
    "remove-application": ("applications", "Remove applications with their units."),
    "remove-machine": ("machines", "Remove machines."),
    "remove-relation": ("relations", "Remove a relation."),
    "remove-unit": ("applications", "Remove units."),
    "resolved": ("applications", "Have failed hooks run again, or be taken as done."),
    "run": ("actions", "Run an action."),
    "run-action": ("actions", "Run an action, as Juju 2.9 has it."),
    "scp": ("access", "Copy files to and from units."),
    "secrets": ("secrets", "List the secrets of a model."),
    "set-model-constraints": ("models", "Set the constraints of a model."),
    "show-application": ("status", "Show an application in detail."),
    "show-model": ("models", "Show a model in detail."),
    "show-operation": ("actions", "Show an operation and its tasks."),
    "show-secret": ("secrets", "Show a secret and, if asked, its content."),
    "show-status-log": ("status", "Show past statuses."),
    "show-task": ("actions", "Show a task and its results."),
    "show-unit": ("status", "Show a unit and its relations in detail."),
    "spaces": ("spaces", "List the spaces and their subnets."),
    "ssh": ("access", "Log in to a unit's host, or run a command there."),
    "status": ("status", "Show the state of a model."),
    "switch": ("models", "Show or change the current model."),
    "trust": ("applications", "Trust an application with the cloud's credentials."),
    "unexpose": ("applications", "Close an application's ports to the world."),
    "upgrade-machine": ("upgrades", "Have a machine's units ready for another base, and go on."),
    "version": ("models", "Show the version of Juju that the lab follows."),
    "wait-for": ("waitfor", "Wait until an application, unit, machine or model is as asked."),
}

_ALIASES = {
    "add-relation": "integrate",
    "list-actions": "actions",
    "list-models": "models",
    "list-operations": "operations",
    "list-secrets": "secrets",
    "list-spaces": "spaces",
    "relate": "integrate",
    "resolve": "resolved",
    "show-action-output": "show-task",
    "show-status": "status",
    "upgrade-series": "upgrade-machine",
}


class _Root(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = _ALIASES.get(cmd_name, cmd_name)
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"juju_lab.cli.{_COMMANDS[name][0]}")
        return getattr(module, name.replace("-", "_"))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None:
            name = args[0]
            click.echo(
                f'{_PROGRAM}: "{name}" is not a juju command. See "{_PROGRAM} --help".', err=True
            )
            ctx.exit(2)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(_COMMANDS.items())])


@click.command(cls=_Root, context_settings={"help_option_names": ["-h", "--help"]})
def root() -> None:
    """A test double for a Juju controller: deploys built charms on hosts of this machine.

    Commands, arguments and output are those of Juju 3; `juju-lab lab` has what Juju has not.
    """


def main() -> None:
    """Run the command that the arguments ask for, and exit as Juju would."""
    try:
        code = root.main(prog_name=_PROGRAM, standalone_mode=False)
    except JujuError as error:
        click.echo(f"ERROR {error.text}", err=True)
        code = error.code
    except click.NoSuchOption as error:
        click.echo(f"ERROR option provided but not defined: {error.option_name}", err=True)
        code = 2
    except click.ClickException as error:
        click.echo(f"ERROR {error.format_message()}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("ERROR interrupted", err=True)
        code = 130
    except BrokenPipeError:
        # Whoever read the output has enough; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
