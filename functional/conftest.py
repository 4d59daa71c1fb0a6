"""One lab and one model for the whole session; tests run in the order of a gateway's life.

KEEP_MODEL=1 leaves the lab running at the end, and a later run takes it up as it is.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jubilant
import pytest
from harness import CHARM, COMMAND, FIRST, GATEWAY, LEVEL, Model

os.environ.setdefault("JUJU_LAB_NAME", "juju-lab-test")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the equivalence kit

NAME = "functional"
ORDER = (
    "deploy",
    "target",
    "life",
    "faults",
    "io",
    "see",
    "pause",
    "maintenance",
    "storm",
    "alua",
    "requests",
    "names",
    "status",
    "zaza",
    "power_cut",
    "turns",
    "chaos",
    "admin_access",
    "tls",
    "secrets",
    "scale",
    "mutants",
)
# Another model, which needs a lab of its own: `pytest functional/variant`.
collect_ignore = ["variant"]
REPORTS = Path(__file__).resolve().parent.parent / "build" / "functional"

_figures: dict[str, str] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deploy first, scale last: what a test leaves is what the next one starts from."""
    here = Path(__file__).parent
    items.sort(
        key=lambda item: (
            ORDER.index(item.path.stem.removeprefix("test_")) if item.path.parent == here else 0
        )
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures that the tests measured."""
    if _figures:
        terminalreporter.section("measured")
        for name, value in _figures.items():
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def figures() -> dict[str, str]:
    """Measured values by name, shown at the end of the run."""
    return _figures


@pytest.fixture(scope="session")
def model_name() -> str:
    """What the model is called."""
    return NAME


@pytest.fixture(scope="session")
def images() -> list[str]:
    """What is to be prepared for the model's hosts: options of `lab prepare`."""
    return []


@pytest.fixture(scope="session")
def juju(
    request: pytest.FixtureRequest, model_name: str, images: list[str]
) -> Iterator[jubilant.Juju]:
    """The lab's command on a model of its own."""
    keep = os.environ.get("KEEP_MODEL") == "1"
    if not CHARM.exists():
        pytest.exit(f"{CHARM} is not there: run `make build` first", returncode=1)
    if not keep:
        _lab("destroy")
    _lab("prepare", *images)
    _lab("up")
    juju = jubilant.Juju(model=model_name, cli_binary=COMMAND, wait_timeout=600)
    models = juju.cli("models", "--format", "json", include_model=False)
    if f'"{model_name}"' not in models:
        juju.add_model(model_name)
    yield juju
    if request.session.testsfailed:
        _report(juju)
    if not keep:
        _lab("destroy")


@pytest.fixture(scope="session")
def model(juju: jubilant.Juju, figures: dict[str, str]) -> Model:
    """Two gateways, Ceph and an initiator, all active."""
    model = Model(juju)
    began = time.monotonic()
    if GATEWAY not in juju.status().apps:
        model.deploy()
        figures["deploy to active"] = f"{time.monotonic() - began:.0f} s"
    return model


@pytest.fixture(scope="session")
def target(model: Model, figures: dict[str, str]) -> Model:
    """The model with a target that the first client may log in to."""
    began = time.monotonic()
    model.create_target(FIRST)
    figures["create-target"] = f"{time.monotonic() - began:.1f} s"
    return model


@pytest.fixture(scope="session")
def disk(target: Model) -> Model:
    """The target with the initiator logged in over all paths."""
    target.logout()
    target.login()
    return target


@pytest.fixture(scope="module")
def watched(disk: Model) -> Iterator[Model]:
    """The initiator logged in, and units looked after every minute, not every five.

    What tests make of `loglevel` ends with the module.
    """
    disk.juju.model_config({"update-status-hook-interval": "1m"})
    yield disk
    disk.juju.model_config(reset="update-status-hook-interval")
    if disk.juju.config(GATEWAY)["loglevel"] == LEVEL:
        since = disk.all_started_at()
        disk.change_level()
        disk.wait_restarted(since)
    disk.settle()


def _lab(*command: str) -> None:
    subprocess.run([COMMAND, "lab", *command], check=True)


def _report(juju: jubilant.Juju) -> None:
    """Keep what explains a failure: the log and the status."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / "debug-log.txt").write_text(juju.debug_log(limit=0))
    (REPORTS / "status.txt").write_text(juju.cli("status", "--relations"))
    print(f"status and debug-log are in {REPORTS}")
