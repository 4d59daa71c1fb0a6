"""Put the companions' own modules on the path, as their hooks do."""

import sys
from pathlib import Path

CHARMS = Path(__file__).resolve().parents[3] / "lab" / "charms"

for library in sorted(CHARMS.glob("*/lib")):
    sys.path.insert(0, str(library))
