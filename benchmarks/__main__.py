"""Benchmarks by name; without one, what a hook costs.

python benchmarks [update-status|scale|stall] [OPTIONS]
"""

import runpy
import sys
from pathlib import Path

BENCHMARKS = {
    "update-status": "update_status.py",
    "scale": "scale.py",
    "stall": "stall.py",
}


def main(arguments: list[str]) -> None:
    """Run the one that is named first, with the rest of the arguments."""
    name, rest = "update-status", arguments
    if arguments and not arguments[0].startswith("-"):
        name, *rest = arguments
    if name not in BENCHMARKS:
        sys.exit(f"no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}")
    path = Path(__file__).resolve().with_name(BENCHMARKS[name])
    sys.argv = [str(path), *rest]
    sys.path.insert(0, str(path.parent))
    runpy.run_path(str(path), run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
