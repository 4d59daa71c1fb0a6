"""The keeper of the lock, against an object in memory in the place of the cluster's."""

import importlib.util
import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "src" / "files" / "ceph" / "lock.py"
ARGUMENTS = ("ceph.conf", "client.gw", "iscsi", "charm.lock", "gw/0", "0")


class Error(Exception):
    pass


class ObjectBusy(Error):
    pass


class ObjectExists(Error):
    pass


class Cluster:
    """A cluster with the change lock, what was done with it in ``calls``, and a note on it; and
    with ceph-iscsi's lock, whose holder is ``dead`` or not."""

    def __init__(self):
        self.holder = None
        self.calls = []
        self.down = False
        self.note = b""
        self.dead = None

    def connect(self):
        if self.down:
            raise Error("timed out")

    def open_ioctx(self, pool):
        assert pool == "iscsi"
        return self

    def lock_exclusive(self, key, name, cookie, desc, duration, flags=0):
        assert duration == 30
        if key == "gateway.conf":
            assert name == "lock"
            if self.dead:
                raise ObjectBusy("busy")
            return
        if self.holder and not (flags and self.holder == desc):
            raise ObjectBusy("busy")
        self.holder = desc
        self.calls.append("renew" if flags else "take")

    def read(self, key):
        return self.note

    def write_full(self, key, note):
        assert key == "charm.lock"
        self.note = note

    def unlock(self, key, name, cookie):
        if key == "gateway.conf":
            return
        self.holder = None
        self.calls.append("give back")


@pytest.fixture
def cluster(monkeypatch):
    cluster = Cluster()
    rados = SimpleNamespace(
        Rados=lambda **access: cluster,
        Error=Error,
        ObjectBusy=ObjectBusy,
        ObjectExists=ObjectExists,
    )
    monkeypatch.setitem(sys.modules, "rados", rados)
    return cluster


@pytest.fixture
def keeper(cluster, monkeypatch):
    spec = importlib.util.spec_from_file_location("lock", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RENEWAL", 0.05)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


def test_the_lock_is_renewed_until_its_holder_is_gone(keeper, cluster, monkeypatch, capsys):
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdin", os.fdopen(reading))
    renew = cluster.lock_exclusive

    def count(*arguments):
        renew(*arguments)
        if cluster.calls.count("renew") == 2:
            os.close(writing)

    cluster.lock_exclusive = count
    keeper.main(*ARGUMENTS)
    assert capsys.readouterr().out == "locked\n"
    assert cluster.calls == ["take", "renew", "renew", "give back"]
    assert cluster.holder is None


def test_who_finds_it_taken_is_told_after_the_limit(keeper, cluster, capsys):
    cluster.holder = "gw/1"
    with pytest.raises(SystemExit, match="another change goes on, and did not end within 0 s"):
        keeper.main(*ARGUMENTS)
    assert capsys.readouterr().out == ""
    assert cluster.holder == "gw/1"


@pytest.fixture
def told(keeper, monkeypatch):
    """Say what the keeper reads on its standard input."""
    monkeypatch.setattr(keeper.select, "select", lambda *arguments: ([sys.stdin], [], []))
    return lambda lines: monkeypatch.setattr(sys, "stdin", io.StringIO(lines))


def test_who_finds_it_taken_gets_it_when_it_is_free(keeper, cluster, monkeypatch, told):
    told("")
    cluster.holder = "gw/1"
    monkeypatch.setattr(keeper.time, "sleep", lambda seconds: setattr(cluster, "holder", None))
    keeper.main(*ARGUMENTS[:-1], "60")
    assert cluster.calls == ["take", "give back"]


def test_a_cluster_that_does_not_answer_is_told(keeper, cluster):
    cluster.down = True
    with pytest.raises(SystemExit, match="the Ceph cluster cannot be asked: timed out"):
        keeper.main(*ARGUMENTS)


def test_a_note_is_told_to_the_next_holder(keeper, cluster, told, capsys):
    told("note gw/0\n")
    keeper.main(*ARGUMENTS)
    assert capsys.readouterr().out == "locked\nok\n"
    told("note \n")
    keeper.main(*ARGUMENTS)
    assert capsys.readouterr().out == "locked gw/0\nok\n"
    told("")
    keeper.main(*ARGUMENTS)
    assert capsys.readouterr().out == "locked\n"


@pytest.fixture
def broken(keeper, cluster, monkeypatch):
    """Time passes by itself; what ``rados`` was told to break."""
    calls = []
    now = iter(range(1000))
    monkeypatch.setattr(keeper.time, "monotonic", lambda: next(now))

    def run(argv, **options):
        assert argv[:5] == ["rados", "--conf", "ceph.conf", "--name", "client.gw"]
        if argv[7:9] == ["lock", "info"]:
            lockers = [cluster.dead] if cluster.dead else []
            return SimpleNamespace(stdout=json.dumps({"lockers": lockers}))
        calls.append(argv[7:])
        cluster.dead = None
        return None

    monkeypatch.setattr(keeper.subprocess, "run", run)
    return calls


DEAD = {"name": "client.4711", "cookie": "config"}
BROKEN = ["lock", "break", "gateway.conf", "lock", "client.4711", "--lock-cookie", "config"]


def test_ceph_iscsis_lock_is_taken_from_a_dead_holder(keeper, cluster, told, broken):
    told("")
    cluster.dead = DEAD
    keeper.main(*ARGUMENTS)
    assert broken == [BROKEN]
    assert cluster.calls.count("renew") >= 15, "our own lock would have run out meanwhile"


def test_ceph_iscsis_lock_is_waited_for(keeper, cluster, told, broken, monkeypatch):
    told("")
    cluster.dead = DEAD
    monkeypatch.setattr(keeper.time, "sleep", lambda seconds: setattr(cluster, "dead", None))
    keeper.main(*ARGUMENTS)
    assert broken == []


def test_ceph_iscsis_lock_is_looked_after_when_asked(keeper, cluster, told, broken, capsys):
    told("free\n")
    read = sys.stdin.readline

    def line():
        cluster.dead = DEAD
        return read()

    sys.stdin.readline = line
    keeper.main(*ARGUMENTS)
    assert broken == [BROKEN]
    assert capsys.readouterr().out == "locked\nok\n"
