"""What lies where on a host, and the guest's programs."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from juju_lab import AGENT_VERSION, names
from juju_lab.errors import JujuError

BINARY_VERSION = f"{AGENT_VERSION}-ubuntu-amd64"
_SOURCES = Path(__file__).parents[2] / "agent"
_PROGRAMS = ("jujuc", "hookrun")
_OTHER_LINKS = ("jujud", "juju-exec", "juju-run")


@dataclass(frozen=True)
class GuestPaths:
    """Paths on a host; `root` is `/` but for tests that run without one."""

    root: PurePosixPath

    @property
    def data(self) -> PurePosixPath:
        """Juju's directory."""
        return self.root / "var/lib/juju"

    @property
    def tools(self) -> PurePosixPath:
        """The programs, which every unit's and machine's directory of tools links to."""
        return self.data / "tools" / BINARY_VERSION

    @property
    def hookrun(self) -> PurePosixPath:
        """The program that runs hooks."""
        return self.tools / "hookrun"

    def unit_tools(self, unit: str) -> PurePosixPath:
        """What is first on the PATH of a unit's hooks."""
        return self.data / "tools" / names.unit_tag(unit)

    def unit(self, unit: str) -> PurePosixPath:
        """The directory of a unit."""
        return self.data / "agents" / names.unit_tag(unit)

    def charm(self, unit: str) -> PurePosixPath:
        """The directory of a unit's charm."""
        return self.unit(unit) / "charm"

    def lock(self, run: str) -> PurePosixPath:
        """A lock file for what is run under the name `run`; gone after a reboot."""
        return self.root / "run/juju-lab" / f"{run}.lock"


def build_tools(cache: Path, tools: Iterable[str]) -> Path:
    """Directory with the guest's programs and a link for each hook tool, compiled if need be.

    Raises JujuError when the compiler is missing or fails.
    """
    links = sorted({*tools, *_OTHER_LINKS})
    digest = hashlib.sha256("\n".join(links).encode())
    for source in sorted(_SOURCES.iterdir()):
        digest.update(source.read_bytes())
    built = cache / "agent" / digest.hexdigest()[:16]
    if built.exists():
        return built
    work = built.with_name(f"{built.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for program in _PROGRAMS:
        _compile(_SOURCES / f"{program}.c", work / program)
    for link in links:
        (work / link).symlink_to("jujuc")
    work.rename(built)
    return built


def _compile(source: Path, target: Path) -> None:
    argv = ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Os", "-static", "-s", "-Wall", "-Wextra"]
    argv += [f'-DAGENT_VERSION="{BINARY_VERSION}"', "-o", str(target), str(source)]
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise JujuError("no C compiler: install the packages gcc and libc6-dev") from None
    except subprocess.CalledProcessError as error:
        raise JujuError(f"{source.name} does not compile: {error.stderr.strip()}") from error
