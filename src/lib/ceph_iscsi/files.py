"""Write files: whole or not at all, with their mode from the first byte on."""

import os
import stat
import tempfile
from pathlib import Path


def differs(path: Path, content: str, mode: int) -> bool:
    """Whether a file is not there, or has another content or mode."""
    try:
        return stat.S_IMODE(path.stat().st_mode) != mode or path.read_text() != content
    except FileNotFoundError:
        return True


def write(path: Path, content: str, mode: int) -> bool:
    """Have a file with this content and mode, its directory made if need be (0755).

    :returns: whether it had to be written
    """
    if not differs(path, content, mode):
        return False
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    # Made with mode 0600, in the same directory so that the replacement is one step.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True
