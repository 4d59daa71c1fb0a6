"""zaza on the lab: a package `juju` in python-libjuju's place, and the command under Juju's name.

zaza itself is unmodified: its own code runs, on top of what `juju/` here offers of
python-libjuju's interface. `lab/zaza COMMAND` runs a command with both in place.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def activate() -> None:
    """Have this process and its children find the lab as `juju`, package and command."""
    if "juju" not in sys.modules:
        sys.path.insert(0, str(HERE))
    places = os.environ.get("PATH", "").split(os.pathsep)
    if str(HERE / "bin") not in places:
        os.environ["PATH"] = os.pathsep.join([str(HERE / "bin"), *places])
