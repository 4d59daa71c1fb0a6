"""The table of mutants: each can still be made, is well-formed, and is told when it is missed."""

import shutil
from pathlib import Path

import pytest

from equivalence import contract, mutation, package, scenarios
from equivalence.mutation import Change, Mutant, MutantError
from equivalence.record import Recording, Scene

REPOSITORY = Path(__file__).resolve().parents[2]
MUTANTS = mutation.load()
#: Where the build takes files from, by where they lie in the built charm.
PLACES = (
    ("hooks/relations/", ("interfaces/",)),
    ("lib/charms_openstack/", ("layers/openstack/lib/charms_openstack/",)),
    ("", ("src/",)),
)


def source(file: str) -> Path:
    """The source of a built charm's file."""
    for built, places in PLACES:
        if file.startswith(built):
            return REPOSITORY / places[0] / file.removeprefix(built)
    raise AssertionError(file)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_changes_is_there(mutant):
    for change in mutant.changes:
        text = source(change.file).read_text()
        assert change.apply(text) != text


def test_mutants_name_observables_of_the_contract_and_scenarios_that_there_are():
    known = {observable.name for _, observable in contract.observables(contract.load())}
    for mutant in MUTANTS:
        assert mutant.found <= known, mutant.name
        assert mutant.scenario in scenarios.NAMES
        assert all(name.startswith(f"{mutant.scenario} ") for name in mutant.found)


def test_mutants_that_are_judged_together_touch_different_observables():
    for _, batch in mutation.batches(MUTANTS):
        names = [name for mutant in batch for name in mutant.found]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "mutant",
    [mutant for mutant in MUTANTS if mutant.scenario == "package"],
    ids=lambda mutant: mutant.name,
)
def test_a_mutant_that_needs_no_gateway_is_caught_and_named(mutant, tmp_path):
    for name in ("metadata", "config", "actions"):
        shutil.copy(REPOSITORY / "src" / f"{name}.yaml", tmp_path)

    def faults() -> set[str]:
        scene = Scene(package.look(tmp_path))
        return set(mutation.faults(Recording("charm", "reactive", {"package": scene})))

    before = faults()
    mutant.mutate(tmp_path)
    assert faults() - before == mutant.found


def mutant(name: str, *found: str) -> Mutant:
    return Mutant(name, "deploy", (), frozenset(found))


def test_a_mutant_that_is_not_named_is_missed_and_a_finding_of_none_is_unexplained():
    one, two = mutant("one", "deploy ops"), mutant("two", "deploy cfg", "deploy keyring")
    before = {"deploy old": "as ever"}
    after = {"deploy ops": "x", "deploy cfg": "y", "deploy old": "as ever", "deploy new": "z"}
    assert mutation.verdict([one, two], before, after) == ([two], {"deploy new"})


def test_what_was_wrong_before_catches_no_mutant():
    one = mutant("one", "deploy ops")
    assert mutation.verdict([one], {"deploy ops": "x"}, {"deploy ops": "x"}) == ([one], set())


TEXT = "def one():\n    same()\n\n\ndef two():\n    same()\n"


def test_a_change_is_made_once_in_the_function_that_is_named():
    assert Change("f", "same", "other", "two").apply(TEXT) == TEXT[:-11] + "    other()\n"


@pytest.mark.parametrize("change", [Change("f", "same", "x"), Change("f", "none", "x", "two")])
def test_a_change_that_is_not_clear_is_refused(change):
    with pytest.raises(MutantError, match="f"):
        change.apply(TEXT)


def test_a_mutated_charm_is_a_copy(tmp_path):
    (tmp_path / "file").write_text("old")
    changed = Mutant("m", "deploy", (Change("file", "old", "new"),), frozenset())
    with mutation.mutated(tmp_path, [changed]) as copy:
        assert (copy / "file").read_text() == "new"
    assert (tmp_path / "file").read_text() == "old"
