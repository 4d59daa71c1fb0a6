"""One entry for all benchmarks."""

import importlib.util
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def entry(monkeypatch):
    """The entry, with what it would have run in ``ran``: the file and its arguments."""
    spec = importlib.util.spec_from_file_location("benchmarks_entry", BENCHMARKS / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ran = []
    monkeypatch.setattr(module.sys, "argv", [])
    monkeypatch.setattr(module.sys, "path", [])
    monkeypatch.setattr(
        module.runpy, "run_path", lambda path, run_name: module.ran.append(module.sys.argv)
    )
    return module


@pytest.mark.parametrize(
    ("arguments", "file", "rest"),
    [
        ([], "update_status.py", []),
        (["--runs", "3"], "update_status.py", ["--runs", "3"]),
        (["scale", "--disks", "9"], "scale.py", ["--disks", "9"]),
        (["stall", "--only", "pause"], "stall.py", ["--only", "pause"]),
    ],
)
def test_the_first_word_names_the_benchmark(entry, arguments, file, rest):
    entry.main(arguments)
    assert entry.ran == [[str(BENCHMARKS / file), *rest]]
    assert (BENCHMARKS / file).is_file()


def test_an_unknown_one_is_refused_with_those_that_are_there(entry):
    with pytest.raises(
        SystemExit, match="no benchmark 'speed'; there are: update-status, scale, stall"
    ):
        entry.main(["speed"])
