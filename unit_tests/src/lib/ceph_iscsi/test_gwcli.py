"""The answers are what gwcli of ceph-iscsi 3.9 really printed."""

import os
import stat
import textwrap

import pytest
from ceph_iscsi import gwcli
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.gwcli import Command

CREATED_GATEWAY = (
    "/> \x1b[33;1mOS version/package checks have been bypassed\x1b[0m\n"
    "\x1b[32;1mAdding gateway, sync'ing 0 disk(s) and 0 client(s)\x1b[0m\n"
    "\x1b[32;1mok\x1b[0m\n/> "
)
NO_SUCH_HOST = (
    "/> \x1b[33;1mOS version/package checks have been bypassed\x1b[0m\n"
    "\x1b[31;1mGet gateway hostname failed : Unable to connect to api endpoint @ "
    "http://host-9.lab:5000/api/sysinfo/hostname\n"
    "Please check api_host setting and make sure host host-9.lab IP is listening on port 5000"
    "\x1b[0m\n/> "
)
AFTER_CREATING_A_CLIENT = "/iscsi-target...om.example:c1> \x1b[32;1mok\x1b[0m\n"
TWO_COMPLAINTS = (
    "/iscsi-target...om.example:c1> "
    "\x1b[31;1mFailed : Size parameter is required when creating a new image\x1b[0m\n"
    "\x1b[31;1mdisk auto-define failed(8), try using the /disks create command\x1b[0m\n/> "
)
DELETED_GATEWAY = "/> \x1b[32;1mDeleting gateway, host-3.lab\x1b[0m\n/> "
LAST_GATEWAY = (
    "/> \x1b[32;1mDeleting gateway, host-2.lab\x1b[0m\n\x1b[31;1mDeleting the last gateway will "
    "remove all objects on this target. Use confirm=true\x1b[0m\n/> "
)


@pytest.mark.parametrize(
    "answer",
    ["/> \x1b[32;1mok\x1b[0m\n/> ", "ok\n", CREATED_GATEWAY, AFTER_CREATING_A_CLIENT],
)
def test_ok_is_success(answer):
    assert gwcli.refusal(answer) is None


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (
            "/> \x1b[31;1mInvalid pool (nope). Must already exist and be replicated\x1b[0m\n/> ",
            "Invalid pool (nope). Must already exist and be replicated",
        ),
        (
            NO_SUCH_HOST,
            "Get gateway hostname failed : Unable to connect to api endpoint @ "
            "http://host-9.lab:5000/api/sysinfo/hostname Please check api_host setting and make "
            "sure host host-9.lab IP is listening on port 5000",
        ),
        (
            TWO_COMPLAINTS,
            "Failed : Size parameter is required when creating a new image disk auto-define "
            "failed(8), try using the /disks create command",
        ),
        ("/> No such path /iscsi-targets/iqn.x\n/> ", "No such path /iscsi-targets/iqn.x"),
        ("/> ", "gwcli gave no answer"),
        ("/> \x1b[33;1m1 gateway is inaccessible - updates will be disabled\x1b[0m", None),
    ],
)
def test_anything_else_is_a_refusal_in_gwclis_words(answer, problem):
    assert gwcli.refusal(answer) == (problem or "gwcli gave no answer")


def test_a_command_that_does_not_say_ok_succeeds_by_saying_nothing_of_note():
    assert gwcli.refusal(DELETED_GATEWAY, says_ok=False) is None
    assert gwcli.refusal(LAST_GATEWAY, says_ok=False).startswith("Deleting the last gateway")
    assert gwcli.refusal("/> No such path /x\n/> ", says_ok=False) == "No such path /x"


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a stand-in for gwcli in the path; returns a function that takes its commands' code."""
    monkeypatch.setattr(gwcli, "HOMES", tmp_path / "homes")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    monkeypatch.setitem(gwcli.ENVIRONMENT, "PATH", path)

    def install(commands: str) -> None:
        script = tmp_path / "bin" / "gwcli"
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            "#!/usr/bin/env python3\nimport os, sys\n"
            "open(os.path.expanduser('~/gwcli.log'), 'w').write('a secret')\n"
            "def ask(line):\n" + textwrap.indent(textwrap.dedent(commands), "    ") + "\n"
            "while True:\n"
            "    print('/> ', end='', flush=True)\n"
            "    line = sys.stdin.readline().strip()\n"
            "    if line in ('', 'exit'): break\n"
            "    if line == 'endofanswer': print('Command not found endofanswer')\n"
            "    else:\n"
            f"        open({str(tmp_path / 'asked')!r}, 'a').write(line + '\\n')\n"
            "        ask(line)\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    return install


def asked(tmp_path):
    return (tmp_path / "asked").read_text().splitlines()


def test_all_commands_go_through_one_process_in_order(program, tmp_path):
    program("print('ok')")
    gwcli.run([Command("first", "do this"), Command("second", "do that")])
    assert asked(tmp_path) == ["first", "second"]


def test_the_first_refusal_ends_it_and_is_told_with_its_purpose(program, tmp_path):
    program("print('\\x1b[31;1mnot you\\x1b[0m' if line == 'second' else 'ok')")
    commands = [Command(text, f"do {text}") for text in ("first", "second", "third")]
    with pytest.raises(gwcli.Refused, match=r"^do second: not you$"):
        gwcli.run(commands)
    assert asked(tmp_path) == ["first", "second"]


def test_a_secret_that_is_echoed_is_not_told(program):
    program("print('bad line: ' + line)")
    with pytest.raises(gwcli.Refused) as error:
        gwcli.run([Command("auth password=verysecret12", "set it")], secrets=["verysecret12"])
    assert str(error.value) == "set it: bad line: auth password=***"


def test_nothing_stays_behind_even_if_it_fails(program, tmp_path):
    program("print('no')")
    with pytest.raises(gwcli.Refused):
        gwcli.run([Command("first", "do this")])
    assert list((tmp_path / "homes").iterdir()) == []


def test_what_an_earlier_killed_run_left_goes_as_well(program, tmp_path):
    program("print('ok')")
    left = tmp_path / "homes" / "left"
    left.mkdir(parents=True)
    gwcli.run([Command("first", "do this")])
    assert not left.exists()


def test_a_gwcli_that_dies_in_a_command_is_told_by_its_last_words(program):
    program("print('KeyError: x', flush=True); os._exit(1)")
    with pytest.raises(gwcli.Ended, match=r"^do this: gwcli ended by itself .* 1\. KeyError: x$"):
        gwcli.run([Command("first", "do this"), Command("second", "do that")])


def test_a_gwcli_that_is_killed_is_told_as_such(program, tmp_path):
    program("os.kill(os.getpid(), 9)")
    with pytest.raises(gwcli.Ended, match=r"^do this: gwcli was ended by SIGKILL$") as error:
        gwcli.run([Command("first", "do this")])
    assert error.value.command.text == "first"
    script = tmp_path / "bin" / "gwcli"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    with pytest.raises(GatewayError, match=r"gwcli did not start: gwcli was ended by SIGKILL"):
        gwcli.run([Command("first", "do this")])


def test_a_gwcli_that_does_not_start_is_told_by_its_words(program, tmp_path):
    program("pass")
    script = tmp_path / "bin" / "gwcli"
    script.write_text("#!/bin/sh\necho 'Unable to contact the local API endpoint (x)'\nexit 255\n")
    with pytest.raises(GatewayError, match="gwcli did not start: Unable to contact"):
        gwcli.run([Command("first", "do this")])


def test_a_gwcli_that_hangs_is_given_up(program, monkeypatch):
    monkeypatch.setattr(gwcli, "TIME_LIMIT", 0.5)
    monkeypatch.setattr(gwcli, "COMMAND_TIME_LIMIT", 0.25)
    program("import time; time.sleep(60)")
    with pytest.raises(GatewayError, match="did not finish within 1 s"):
        gwcli.run([Command("first", "do this"), Command("second", "do that")])
