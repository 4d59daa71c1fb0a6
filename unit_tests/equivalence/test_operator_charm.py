"""The small operator-framework charm, by its own files."""

from equivalence import contract, judge, package
from equivalence.operator_charm import SOURCE
from equivalence.record import Recording, Scene


def test_it_is_known_for_what_it_is():
    assert package.framework(SOURCE) == "operator"
    assert (SOURCE / "dispatch").stat().st_mode & 0o111


def test_the_judge_says_what_it_lacks():
    recording = Recording("small", "operator", {"package": Scene(package.look(SOURCE))})
    findings = judge.judge(contract.load(), recording)
    faults = {fault.name: fault.why for fault in judge.faults(findings)}
    assert set(faults) == {
        "package options",
        "package actions",
        "package create-target",
        "package add-trusted-ip",
    }
    assert faults["package actions"] == "without add-trusted-ip, create-target, security-checklist"
    assert "prefer-ipv6 is missing" in faults["package options"]


def test_what_it_imports_is_pinned():
    lines = (SOURCE / "requirements.txt").read_text().splitlines()
    pins = [line.split("#")[0].strip() for line in lines if not line.startswith("#")]
    assert pins
    assert all("==" in pin for pin in pins)
