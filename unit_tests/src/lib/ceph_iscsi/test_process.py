import pytest
from ceph_iscsi import process
from ceph_iscsi.errors import GatewayError


def test_output_is_returned_and_the_environment_is_clean(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("http_proxy", "http://proxy")
    output = process.run(["env"])
    assert "NO_PROXY=*" in output
    assert "PYTHONPATH" not in output
    assert "http_proxy" not in output


def test_a_failure_is_told_with_the_programs_last_words():
    with pytest.raises(process.CommandFailed, match=r"^`ls` failed: .*No such file") as error:
        process.run(["ls", "/nonexistent"])
    assert (error.value.code, error.value.output) == (2, "")


def test_a_program_that_hangs_is_given_up():
    with pytest.raises(GatewayError, match=r"`sleep` gave no answer within 0.1 s"):
        process.run(["sleep", "60"], timeout=0.1)


def test_a_program_that_is_not_there_is_told():
    with pytest.raises(GatewayError, match="`nothing-like-this` cannot be run: No such file"):
        process.run(["nothing-like-this"])
