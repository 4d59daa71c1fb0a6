"""`python -m juju_lab.demo`."""

import sys

from juju_lab.demo.steps import main

sys.exit(main())
