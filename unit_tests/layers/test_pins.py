"""A build is the same tomorrow: everything that it takes from PyPI is pinned."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHEELHOUSES = ("layers/basic/wheelhouse.txt", "src/wheelhouse.txt")
FILES = (*WHEELHOUSES, "layers/basic/wheelhouse-constraints.txt", "build-requirements.txt")
# Beyond the standard library, what code that runs on a unit may import.
IMPORTS = {"charmhelpers", "charms", "jinja2", "requests", "urllib3", "yaml"}


def pins(*files):
    lines = [line for file in files for line in (ROOT / file).read_text().splitlines()]
    return [line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip()]


@pytest.mark.parametrize("file", FILES)
def test_every_line_names_one_version(file):
    assert [pin for pin in pins(file) if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []


def test_no_package_is_pinned_in_two_layers():
    names = [pin.partition("==")[0].lower() for pin in pins(*WHEELHOUSES)]
    assert len(names) == len(set(names))


def test_the_layers_import_nothing_that_the_wheelhouse_lacks():
    sources = [*ROOT.glob("layers/*/lib/**/*.py"), *ROOT.glob("interfaces/*/*.py")]
    pattern = re.compile(r"^\s*(?:from|import) (\w+)", re.MULTILINE)
    imported = {name for path in sources for name in pattern.findall(path.read_text())}
    assert imported - sys.stdlib_module_names - {"charms_openstack"} <= IMPORTS
