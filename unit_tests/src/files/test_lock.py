"""The keeper of the lock, against an object in memory in the place of the cluster's."""

import importlib.util
import io
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
    """A cluster with one lock; what was done with it is in ``calls``."""

    def __init__(self):
        self.holder = None
        self.calls = []
        self.down = False

    def connect(self):
        if self.down:
            raise Error("timed out")

    def open_ioctx(self, pool):
        assert pool == "iscsi"
        return self

    def lock_exclusive(self, key, name, cookie, desc, duration, flags=0):
        if self.holder and not (flags and self.holder == desc):
            raise ObjectBusy("busy")
        self.holder = desc
        self.calls.append("renew" if flags else "take")
        assert duration == 30

    def unlock(self, key, name, cookie):
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


def test_who_finds_it_taken_gets_it_when_it_is_free(keeper, cluster, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(keeper.select, "select", lambda *arguments: ([sys.stdin], [], []))
    cluster.holder = "gw/1"
    monkeypatch.setattr(keeper.time, "sleep", lambda seconds: setattr(cluster, "holder", None))
    keeper.main(*ARGUMENTS[:-1], "60")
    assert cluster.calls == ["take", "give back"]


def test_a_cluster_that_does_not_answer_is_told(keeper, cluster):
    cluster.down = True
    with pytest.raises(SystemExit, match="the Ceph cluster cannot be asked: timed out"):
        keeper.main(*ARGUMENTS)
