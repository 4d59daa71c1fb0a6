"""`python -m juju_lab`: the command line."""

from juju_lab.cli import main

main()
