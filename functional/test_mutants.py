"""The equivalence kit can say no: mutants of this charm, on a stage in models beside this one."""

from collections.abc import Iterator
from contextlib import contextmanager

import jubilant
from harness import CHARM, COMMAND
from rich.console import Console

from equivalence import mutation


@contextmanager
def beside(name: str) -> Iterator[jubilant.Juju]:
    """Another model of the lab."""
    juju = jubilant.Juju(cli_binary=COMMAND, wait_timeout=600)
    juju.add_model(name)
    try:
        yield juju
    finally:
        juju.destroy_model(name, force=True)


def test_mutants_of_a_deployment_are_caught_and_named(juju: jubilant.Juju):
    assert mutation.run(CHARM, beside, Console(width=160), ["deploy"])
