"""Draining, on files laid out as LIO has them and with real portals."""

import contextlib
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ceph_iscsi import drain

IQN = "iqn.2003-01.com.ubuntu.iscsi-gw:iscsi-igw"
INITIATOR = "iqn.2024-11.com.example:one"


class Lio:
    """One gateway's LIO with a target of two gateways, this one's TPG being the second."""

    def __init__(self, root: Path):
        self.root = root
        self.target = root / "iscsi" / IQN
        self.own = self.group(2, enabled=True)
        self.other = self.group(1, enabled=False)
        self.log_in()

    def group(self, number, enabled):
        tpg = self.target / f"tpgt_{number}"
        for part in ("np", "acls", "lun"):
            (tpg / part).mkdir(parents=True)
        (tpg / "enable").write_text(f"{int(enabled)}\n")
        (tpg / "dynamic_sessions").write_text("\0")
        return tpg

    def portal(self, tpg, port, address="127.0.0.1"):
        (tpg / "np" / f"{address}:{port}").mkdir()

    def log_in(self, name=INITIATOR):
        (self.own / "acls" / name).mkdir(exist_ok=True)
        (self.own / "acls" / name / "info").write_text(f"InitiatorName: {name}\nLIO Session...")

    def log_out(self, name=INITIATOR):
        text = f"No active iSCSI Session for Initiator Endpoint: {name}\n"
        (self.own / "acls" / name / "info").write_text(text)

    def lun(self, number=0, disk="rbd.one"):
        """A LUN of each gateway on a disk, the other gateway owning it."""
        statistics = self.own / "lun" / f"lun_{number}" / "statistics" / "scsi_tgt_port"
        statistics.mkdir(parents=True)
        (statistics / "in_cmds").write_text("100\n")
        self.map(number)
        self.alua(disk, "default_tg_pt_gp", "")
        self.alua(disk, "ao", self.member(1, number))
        self.alua(disk, "ano2", self.member(2, number))
        return statistics / "in_cmds"

    def map(self, number=0, name=INITIATOR):
        """An initiator's access to a LUN of this gateway."""
        mapped = self.own / "acls" / name / f"lun_{number}"
        mapped.mkdir(parents=True)
        (mapped / "link").symlink_to(self.own / "lun" / f"lun_{number}")
        (mapped / "write_protect").write_text("0\n")

    def member(self, group, number):
        return f"iSCSI/{IQN}/tpgt_{group}/lun_{number}\n\0"

    def alua(self, disk, name, members):
        group = self.root / "core" / "user_0" / disk / "alua" / name
        group.mkdir(parents=True, exist_ok=True)
        (group / "members").write_text(members)
        (group / "alua_access_state").write_text("0\n")
        (group / "tg_pt_gp_id").write_text(f"{name[-1]}\n")
        return group / "alua_access_state"

    def state(self, name, disk="rbd.one"):
        return (
            self.root.joinpath("core/user_0", disk, "alua", name, "alua_access_state")
            .read_text()
            .strip()
        )


@pytest.fixture
def clock(monkeypatch):
    """Time passes only when something waits; ``meanwhile`` is called each time."""

    class Clock:
        now = 0.0
        meanwhile = staticmethod(lambda: None)

        def sleep(self, seconds):
            self.now += seconds
            self.meanwhile()

    clock = Clock()
    monkeypatch.setattr(drain.time, "sleep", clock.sleep)
    monkeypatch.setattr(drain.time, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def lio(tmp_path, clock):
    return Lio(tmp_path)


@pytest.fixture
def listening():
    """The port of a portal that listens."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def silent():
    """A port that nobody listens on."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    return port


@pytest.fixture
def other(lio, listening, clock, monkeypatch):
    """The other gateway, which listens except from ``gone`` on, for ``seconds``."""

    class Other:
        gone, seconds = 0.0, 0.0

        def listens(self, portal):
            return not self.gone < clock.now <= self.gone + self.seconds

    other = Other()
    lio.portal(lio.other, listening)
    lio.lun()
    (lio.root / "core/user_0/rbd.one/alua/ano2/alua_access_state").write_text("1\n")
    monkeypatch.setattr(drain, "listens", other.listens)
    return other


def test_a_gateway_without_targets_has_nothing_to_drain(tmp_path):
    assert list(drain.drain(tmp_path)) == []
    assert drain.own_groups(tmp_path / "not loaded") == []


def test_only_the_enabled_group_is_this_gateways(lio):
    assert drain.own_groups(lio.root) == [lio.own]


def test_sessions_are_those_of_known_and_of_unknown_initiators(lio):
    (lio.own / "dynamic_sessions").write_text("iqn.x:a\niqn.x:b\n\0")
    assert drain.sessions(lio.own) == {INITIATOR, "iqn.x:a", "iqn.x:b"}
    lio.log_out()
    (lio.own / "dynamic_sessions").write_text("\0")
    assert drain.sessions(lio.own) == set()


def test_draining_puts_this_gateways_luns_and_no_others_on_standby(lio, listening):
    lio.portal(lio.other, listening)
    lio.lun()
    said = list(drain.drain(lio.root))
    assert (lio.state("ano2"), lio.state("ao"), lio.state("default_tg_pt_gp")) == ("2", "0", "0")
    assert said == [f"{IQN}: 1 session(s), to the other gateways", "drained in 8.0 s"]


def test_before_it_stands_by_a_lun_serves_for_a_while_as_worse_than_the_others(
    lio, listening, clock
):
    lio.portal(lio.other, listening)
    lio.lun()
    states = []
    clock.meanwhile = lambda: states.append(lio.state("ano2"))
    list(drain.drain(lio.root))
    assert states == ["4"] * 6 + ["2"] * 2
    assert (lio.root / "core/user_0/rbd.one/lba_map").read_text() == (
        "0 0\n0 18446744073709551614 2:O\n"
    )
    assert lio.state("ao") == "0"


def test_a_lun_for_several_initiators_stands_by_at_once(lio, listening, clock):
    lio.portal(lio.other, listening)
    lio.lun()
    lio.map(name="iqn.2024-11.com.example:two")
    states = []
    clock.meanwhile = lambda: states.append(lio.state("ano2"))
    assert list(drain.drain(lio.root))[-1] == "drained in 2.0 s"
    assert states == ["2", "2"]


def test_a_kernel_that_knows_no_worse_state_has_luns_stand_by_at_once(lio, listening):
    lio.portal(lio.other, listening)
    lio.lun()
    (lio.root / "core/user_0/rbd.one/lba_map").mkdir()
    assert list(drain.drain(lio.root))[1:] == ["drained in 2.0 s"]
    assert lio.state("ano2") == "2"


def test_the_stop_waits_until_the_luns_get_no_commands_but_checks(lio, listening, clock):
    lio.portal(lio.other, listening)
    counter, left = lio.lun(), [50] * 11 + [drain.CHECKS]

    def go_on():
        counter.write_text(str(int(counter.read_text()) + (left.pop(0) if left else 0)))

    clock.meanwhile = go_on
    assert list(drain.drain(lio.root))[-1] == "drained in 12.0 s"


def test_an_initiator_that_does_not_leave_holds_the_stop_up_for_a_while_only(
    lio, listening, clock
):
    lio.portal(lio.other, listening)
    counter = lio.lun()
    clock.meanwhile = lambda: counter.write_text(str(int(counter.read_text()) + 50))
    said = list(drain.drain(lio.root))
    longest = drain.FOLLOW[1] + drain.LEAVE[1]
    assert said[-1] == f"still in use after {longest:.1f} s: {IQN}/lun_0"


def test_without_sessions_nothing_is_done(lio, listening, clock):
    lio.portal(lio.other, listening)
    lio.lun()
    lio.log_out()
    assert list(drain.drain(lio.root)) == []
    assert (clock.now, lio.state("ano2")) == (0, "0")


def test_the_last_path_is_not_put_on_standby(lio, silent, clock):
    lio.portal(lio.other, silent)
    lio.lun()
    assert list(drain.drain(lio.root)) == [f"{IQN}: not drained, no other gateway listens"]
    assert (clock.now, lio.state("ano2")) == (0, "0")


VANISHED = f"{IQN}: no other gateway listens any more, so this one serves again"


@pytest.mark.parametrize(
    ("gone", "stood_by"), [(1, []), (7, ["drained in 8.0 s"])], ids=["early", "late"]
)
def test_if_the_other_gateway_vanishes_luns_serve_as_before_until_it_is_back(
    lio, other, clock, gone, stood_by
):
    other.gone, other.seconds = gone, 20
    states = {}
    clock.meanwhile = lambda: states.update({clock.now: lio.state("ano2")})
    said = list(drain.drain(lio.root))
    assert said[1:] == [*stood_by, VANISHED, "drained in 8.0 s"]
    served = [now for now, state in states.items() if state == "1"]
    assert min(served) < gone + 8
    assert max(served) >= gone + other.seconds + drain.REJOIN
    assert lio.state("ano2") == "2"


def test_if_the_other_gateway_stays_away_the_stop_goes_on_in_the_end(lio, other, clock):
    other.gone, other.seconds = 3, 1000
    said = list(drain.drain(lio.root))
    assert said[1:] == [VANISHED, f"{IQN}: not drained, no other gateway has come back"]
    assert clock.now == drain.OTHERS_LIMIT
    assert lio.state("ano2") == "1"


def test_another_gateway_that_is_silent_for_one_look_alone_is_drained_to_in_the_end(
    lio, other, monkeypatch
):
    looks = iter([True, False])
    monkeypatch.setattr(drain, "listens", lambda portal: next(looks, True))
    assert list(drain.drain(lio.root))[1:] == [VANISHED, "drained in 8.0 s"]
    assert lio.state("ano2") == "2"


def test_a_lun_that_cannot_serve_again_is_told(lio, other, clock):
    other.gone, other.seconds = 1, 1000
    state = lio.root / "core/user_0/rbd.one/alua/ano2/alua_access_state"

    def take_away():
        if clock.now == 5:
            state.unlink()
            state.mkdir()

    clock.meanwhile = take_away
    said = list(drain.drain(lio.root))
    assert said[1:3] == [VANISHED, "disk rbd.one: not serving again: Is a directory"]


def test_what_cannot_be_drained_is_told_and_holds_nothing_up(lio, listening):
    lio.portal(lio.other, listening)
    lio.lun()
    lio.alua("rbd.two", "shared", lio.member(1, 1) + lio.member(2, 1))
    lio.alua("rbd.three", "ano2", lio.member(2, 2)).unlink()
    (lio.root / "core/user_0/rbd.three/alua/ano2/alua_access_state").mkdir()
    said = list(drain.drain(lio.root))
    assert said[1:] == [
        "disk rbd.three: not on standby: Is a directory",
        "disk rbd.two: not on standby: shared is not this gateway's alone",
        "drained in 8.0 s",
    ]
    assert lio.state("ano2") == "2"


def test_targets_whose_only_path_is_here(lio, silent, listening):
    lio.portal(lio.other, silent)
    assert drain.last_paths(lio.root) == {IQN: [INITIATOR]}
    assert drain.silent_portals(lio.root) == [f"127.0.0.1:{silent}"]
    lio.portal(lio.group(3, enabled=False), listening)
    assert drain.last_paths(lio.root) == {}
    assert drain.silent_portals(lio.root) == [f"127.0.0.1:{silent}"]
    lio.log_out()
    lio.portal(lio.own, 3260)
    assert drain.other_portals(lio.own) == sorted(
        [f"127.0.0.1:{silent}", f"127.0.0.1:{listening}"]
    )


def test_portals_on_ipv6(silent):
    assert drain.listens(f"[::1]:{silent}") is False
    with contextlib.closing(socket.create_server(("::1", 0), family=socket.AF_INET6)) as server:
        assert drain.listens(f"[::1]:{server.getsockname()[1]}") is True


def test_after_a_restart_the_next_gateway_waits_until_initiators_are_back(lio, clock):
    before = drain.connected(lio.root)
    assert before == {IQN: {INITIATOR}}
    lio.log_out()
    waits = [None, None, lio.log_in]

    def come_back():
        if waits and (step := waits.pop(0)):
            step()

    clock.meanwhile = come_back
    assert drain.wait_for_return(before, lio.root) is True
    assert clock.now == 3 * drain.WINDOW + drain.LOOK


def test_an_initiator_that_has_not_looked_at_a_disk_yet_is_not_back(lio, clock):
    before = drain.connected(lio.root)
    statistics = lio.own / "acls" / INITIATOR / "lun_0" / "statistics" / "scsi_auth_intr"
    statistics.mkdir(parents=True)
    (statistics / "num_cmds").write_text("0\n")
    assert drain.wait_for_return(before, lio.root) is False
    (statistics / "num_cmds").write_text("2\n")
    assert drain.wait_for_return(before, lio.root) is True


def test_initiators_that_do_not_come_back_are_not_waited_for_for_ever(lio, clock):
    before = drain.connected(lio.root)
    lio.log_out()
    assert drain.wait_for_return(before, lio.root) is False
    assert clock.now < drain.RETURN_LIMIT + 5


def test_where_nobody_was_logged_in_nobody_is_waited_for(lio, clock):
    lio.log_out()
    assert drain.wait_for_return(drain.connected(lio.root), lio.root) is True
    assert clock.now == 0


def test_as_a_program_it_needs_python_alone_and_never_fails(tmp_path):
    program = tmp_path / "drain.py"
    program.write_bytes(Path(drain.__file__).read_bytes())
    done = subprocess.run([sys.executable, "-I", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_whatever_goes_wrong_the_stop_goes_on(monkeypatch, capsys):
    def fail():
        raise RuntimeError("odd")
        yield

    monkeypatch.setattr(drain, "drain", fail)
    drain.main()
    assert "not drained: RuntimeError('odd')" in capsys.readouterr().err
