"""Make the tree importable as a built charm would see it, and as the lab's command does."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# In a built charm, lib/ of every layer becomes one directory; the namespace packages (charm,
# charms) span several of these here.
for part in (
    ".",
    "lab",
    "src",
    "src/lib",
    "src/actions",
    "src/reactive",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "layers").glob("*/lib"))),
):
    sys.path.insert(0, str(ROOT / part))

# charmhelpers looks at the machine as it is imported, and refuses all that is not Ubuntu; modules
# that newer Pythons lack come from the same stand-ins as in a hook.
import charmhelpers.osplatform  # noqa: E402
from charms.layer import compat  # noqa: E402

charmhelpers.osplatform.get_platform = lambda: "ubuntu"
compat.provide()
