"""`python -m equivalence`."""

from equivalence.cli import main

main()
