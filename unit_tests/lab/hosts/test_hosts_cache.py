"""Artefacts are whole or absent, made once, and kept while somebody uses them."""

import contextlib
import os
import threading
import time
from pathlib import Path

import pytest
from juju_lab.hosts.cache import Cache, stamp, tree_digest
from juju_lab.hosts.locks import locked


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def test_a_stamp_follows_the_recipe_and_nothing_else():
    assert stamp(["a", {"b": 1, "c": 2}]) == stamp(["a", {"c": 2, "b": 1}])
    assert stamp(["a"]) != stamp(["b"])
    assert len(stamp([])) == 12


def test_a_tree_digest_follows_names_modes_and_contents(tmp_path):
    (tmp_path / "file").write_text("x")
    digests = {tree_digest(tmp_path)}
    (tmp_path / "file").write_text("y")
    digests.add(tree_digest(tmp_path))
    (tmp_path / "file").chmod(0o755)
    digests.add(tree_digest(tmp_path))
    (tmp_path / "file").rename(tmp_path / "other")
    digests.add(tree_digest(tmp_path))
    assert len(digests) == 4


def test_an_artefact_is_made_once(cache):
    built = []

    def build(target):
        built.append(target)
        target.write_text("whole")

    path = cache.path("thing", ["recipe"])
    cache.make(path, build)
    cache.make(path, build)
    assert len(built) == 1
    assert path.read_text() == "whole"


def test_a_failed_build_leaves_nothing_behind(cache):
    def build(target):
        target.mkdir()
        (target / "half").touch()
        raise RuntimeError("no space")

    path = cache.path("thing", [])
    with pytest.raises(RuntimeError):
        cache.make(path, build)
    assert not list(cache.directory.glob("thing-*"))


def test_what_a_killed_build_left_is_built_over(cache):
    path = cache.path("thing", [])
    partial = path.with_name(f"{path.name}.partial")
    partial.mkdir(parents=True)
    (partial / "half").touch()
    cache.make(path, lambda target: target.mkdir())
    assert path.is_dir()
    assert not list(path.iterdir())
    assert not partial.exists()


def test_two_builders_of_one_artefact_build_it_once(cache):
    built = []
    both = threading.Barrier(2)

    def build(target):
        built.append(target)
        target.touch()

    def make():
        both.wait()
        cache.make(cache.path("thing", []), build)

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def _make(cache, name, recipe):
    return cache.make(cache.path(name, recipe), lambda target: target.touch())


def test_an_old_artefact_goes_when_nobody_claims_it(cache):
    old, new = _make(cache, "thing", 1), _make(cache, "thing", 2)
    other = _make(cache, "other-thing", 1)
    cache.prune(new)
    assert not old.exists()
    assert new.exists()
    assert other.exists()


def test_a_claimed_artefact_stays_until_its_owner_is_gone(cache, tmp_path):
    old, new = _make(cache, "thing", 1), _make(cache, "thing", 2)
    host = tmp_path / "host"
    host.mkdir()
    cache.claim(old, host)
    cache.claim(old, host)
    cache.prune(new)
    assert old.exists()
    host.rmdir()
    cache.prune(new)
    assert not old.exists()
    assert not list((cache.directory / "claims").iterdir())


def descriptors_of(path):
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists the directory
            links.append(os.readlink(descriptor))
    return links.count(str(path))


def test_a_lock_whose_file_was_removed_is_taken_on_the_new_file(tmp_path):
    path = tmp_path / "state" / "lock"
    order = []

    def wait():
        with locked(path):
            order.append("second")
            assert path.exists()

    with locked(path):
        thread = threading.Thread(target=wait)
        thread.start()
        while descriptors_of(path) < 2:  # the other one waits with the file open
            time.sleep(0.001)
        path.unlink()
        path.parent.rmdir()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
