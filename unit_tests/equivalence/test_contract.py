"""The contract: complete, well-formed, and every test that it names is there."""

import re
from pathlib import Path

import pytest

from equivalence import contract

REPOSITORY = Path(__file__).resolve().parents[2]
LINES = contract.load()


def test_every_group_of_the_reference_is_there():
    groups = list(dict.fromkeys(line.group for line in LINES))
    assert groups == [
        "metadata",
        "options",
        "ceph-client",
        "cluster",
        "admin-access",
        "certificates",
        "files",
        "status",
        "actions",
        "series-upgrade",
        "life",
        "complaints",
    ]
    numbers = [line.says.split(".")[0] for line in LINES if line.group == "complaints"]
    assert numbers == [str(number) for number in range(1, 13)]


def _defined(file: Path) -> set[str]:
    return set(re.findall(r"^ *def (test_\w+)", file.read_text(), re.MULTILINE))


def test_every_test_that_is_named_is_there():
    # A lab test of another model than the usual one is named with its directory: variant/networks.
    named = [
        ("functional/variant/test_{}.py", test.removeprefix("variant/"))
        if test.startswith("variant/")
        else ("functional/test_{}.py", test)
        for line in LINES
        for test in line.lab
    ]
    named += [("unit_tests/{}.py", test) for line in LINES for test in line.unit]
    absent = []
    for place, test in named:
        module, _, function = test.partition("::")
        file = REPOSITORY / place.format(module)
        if not file.is_file() or (function and function not in _defined(file)):
            absent.append(test)
    assert absent == []


def test_every_line_is_shown_by_a_scenario_or_a_test():
    assert [line.name for line in LINES if not (line.observables or line.lab or line.unit)] == []


def test_one_key_has_one_rule():
    rules = {}
    for _, observable in contract.observables(LINES):
        rule = (observable.there, observable.better)
        assert rules.setdefault(observable.name, rule) == rule, observable.name


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{says: x, kind: other}", "kind"),
        ("{kind: equal}", "says"),
        ("{says: x, kind: equal, sees: {}}", "sees"),
        ("{says: x, kind: better}", "in which way"),
        ("{says: x, kind: equal, seen: {deploy: 1}}", "names no key"),
        ("{says: x, kind: equal, seen: {deploy status: {there: 1}}}", "without better"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path, entry, told):
    file = tmp_path / "contract.yaml"
    file.write_text(f"group: {{topic: {entry}}}\n")
    with pytest.raises(contract.ContractError, match=rf"group: topic.*{told}"):
        contract.load(file)


def test_the_table_names_each_line_with_what_shows_it():
    rows = contract.table(LINES).splitlines()[2:]
    assert len(rows) == len(LINES)
    assert "| files: keyring | better | kit deploy, lab deploy |" in rows
    assert "| life: relation-again | equal | kit relation-again, lab requests, lab tls |" in rows
