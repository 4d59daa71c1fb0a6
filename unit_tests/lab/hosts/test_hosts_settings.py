"""Where a lab lives follows the environment, and a value that cannot work is told in one line."""

from pathlib import Path

import pytest
from juju_lab.hosts import PreflightError, Settings


def test_without_an_environment_the_places_are_the_system_ones():
    settings = Settings.from_environment({})
    assert settings.state_dir == Path("/var/lib/juju-lab/juju-lab")
    assert settings.cache_dir == Path("/var/cache/juju-lab")
    assert settings.netns == "juju-lab"
    assert settings.mirror is None


def test_the_environment_names_lab_places_and_mirror():
    settings = Settings.from_environment(
        {
            "JUJU_LAB_NAME": "mine",
            "JUJU_LAB_STATE": "/srv/state",
            "JUJU_LAB_CACHE": "/srv/cache",
            "JUJU_LAB_MIRROR": "http://mirror.example/debian",
        }
    )
    assert settings.state_dir == Path("/srv/state/mine")
    assert settings.cache_dir == Path("/srv/cache")
    assert settings.netns == "mine"
    assert settings.mirror == "http://mirror.example/debian"


def test_relative_places_are_taken_from_the_working_directory():
    settings = Settings.from_environment({"JUJU_LAB_STATE": "state"})
    assert settings.state_parent == Path.cwd() / "state"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JUJU_LAB_NAME", "../x"),
        ("JUJU_LAB_NAME", "UPPER"),
        ("JUJU_LAB_NAME", "x" * 32),
        ("JUJU_LAB_STATE", "/srv/two words"),
        ("JUJU_LAB_STATE", "/srv/a,b"),
        ("JUJU_LAB_CACHE", "/srv/a:b"),
        ("JUJU_LAB_STATE", "/srv/" + "long/" * 15),
    ],
)
def test_a_value_that_cannot_work_is_told_in_one_line_with_its_variable(variable, value):
    with pytest.raises(PreflightError) as raised:
        Settings.from_environment({variable: value})
    (problem,) = raised.value.problems
    assert problem.startswith(f"{variable}={value.rstrip('/')}")
    assert "\n" not in problem
