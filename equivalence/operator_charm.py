"""Build the small operator-framework charm: its own files, and what it imports, from PyPI."""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "charms" / "operator"
# The Python of the lab's default base; wheels only, so that no compiler is needed.
PYTHON = "3.13"


def build(directory: Path) -> Path:
    """Build it into a directory, which is made anew; return that.

    :raises subprocess.CalledProcessError: pip can't get what it needs
    """
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(SOURCE, directory)
    options = ["--quiet", "--no-deps", "--no-compile", "--only-binary=:all:"]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", *options),
            *("--python-version", PYTHON, "--target", str(directory / "venv")),
            *("--requirement", str(SOURCE / "requirements.txt")),
        ],
        check=True,
    )
    return directory
