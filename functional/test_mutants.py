"""The equivalence kit can say no: mutants of this charm, on a stage in models beside this one."""

import jubilant
from harness import CHARM, COMMAND
from rich.console import Console

from equivalence import mutation


def test_mutants_of_a_deployment_are_caught_and_named(juju: jubilant.Juju):
    made = []

    def model(name: str) -> jubilant.Juju:
        beside = jubilant.Juju(cli_binary=COMMAND, wait_timeout=600)
        beside.add_model(name)
        made.append(beside)
        return beside

    try:
        assert mutation.run(CHARM, model, Console(width=160), ["deploy"])
    finally:
        for beside in made:
            beside.destroy_model(beside.model, force=True)
