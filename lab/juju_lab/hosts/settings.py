"""Where a lab lives on this machine, from the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from juju_lab.hosts.errors import PreflightError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
# A host's disk and control directory are named on user-mode Linux' command line, which separates
# by commas and colons; modules and seeds on the kernel's, which separates by white space.
_UNSAFE_IN_PATHS = re.compile(r"[\s,:\"'\\]")
# The control sockets of ssh and user-mode Linux lie below the state directory; a Unix socket's
# address holds 108 bytes, and ssh adds 17 to the name while it makes the socket.
_LONGEST_STATE_DIR = 70


@dataclass(frozen=True)
class Settings:
    """Name and directories of one lab.

    `name` names the network namespace and the state directory. `state_parent` holds the state of
    all labs, `cache_dir` what they share: images and package archives. `mirror` is the package
    mirror (a URL), or None for mmdebstrap's own choice.
    """

    name: str = "juju-lab"
    state_parent: Path = Path("/var/lib/juju-lab")
    cache_dir: Path = Path("/var/cache/juju-lab")
    mirror: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Settings from JUJU_LAB_NAME, JUJU_LAB_STATE, JUJU_LAB_CACHE and JUJU_LAB_MIRROR.

        Raises PreflightError with a line for each value that cannot be used.
        """
        settings = cls(
            name=environment.get("JUJU_LAB_NAME") or cls.name,
            state_parent=Path(environment.get("JUJU_LAB_STATE") or cls.state_parent).absolute(),
            cache_dir=Path(environment.get("JUJU_LAB_CACHE") or cls.cache_dir).absolute(),
            mirror=environment.get("JUJU_LAB_MIRROR") or None,
        )
        problems = settings.problems()
        if problems:
            raise PreflightError(problems)
        return settings

    @property
    def state_dir(self) -> Path:
        """Everything on disk that belongs to this lab alone."""
        return self.state_parent / self.name

    @property
    def netns(self) -> str:
        """Name of the lab's network namespace."""
        return self.name

    def problems(self) -> list[str]:
        """One line for each value that cannot be used."""
        found = []
        if not _NAME.fullmatch(self.name):
            found.append(
                f"JUJU_LAB_NAME={self.name}: a lab's name is a lower-case letter followed by at "
                "most 30 lower-case letters, digits and dashes"
            )
        for variable, path in (
            ("JUJU_LAB_STATE", self.state_parent),
            ("JUJU_LAB_CACHE", self.cache_dir),
        ):
            if _UNSAFE_IN_PATHS.search(str(path)):
                found.append(
                    f"{variable}={path}: white space, comma, colon, quote and backslash "
                    "cannot be part of it"
                )
        if len(str(self.state_dir)) > _LONGEST_STATE_DIR:
            found.append(
                f"JUJU_LAB_STATE={self.state_parent}: with the lab's name it has "
                f"{len(str(self.state_dir))} characters, sockets in it allow {_LONGEST_STATE_DIR}"
            )
        return found
