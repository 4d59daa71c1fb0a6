"""In the place of Ceph's library: a cluster that answers, and locks that nobody else wants.

A program that uses it counts as one call, as it begins.
"""

import os
import runpy
import sys

STAGE = runpy.run_path("/run/chaos/stand_in.py")
STAGE["point"](f"python3 {os.path.basename(sys.argv[0])}")


class Error(Exception):
    """What Ceph's errors have in common."""


class ObjectNotFound(Error):
    """No such pool or object."""


class ObjectBusy(Error):
    """Somebody else has the lock."""


class ObjectExists(Error):
    """One has the lock already."""


class Rados:
    """A cluster."""

    def __init__(self, **_):
        pass

    def connect(self):
        """Connect."""

    def shutdown(self):
        """Disconnect."""

    def open_ioctx(self, name):
        """A pool, to be closed or not."""
        return Pool(name)


class Pool:
    """A pool."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def get_pool_id(self):
        """Its number; one is enough here."""
        return 1

    def lock_exclusive(self, name, *_):
        """Get a lock, which makes its object."""
        with STAGE["world"]() as world:
            world["objects"].setdefault(name, "")

    def unlock(self, *_):
        """Give it back."""

    def read(self, name):
        """What is in an object."""
        with STAGE["world"]() as world:
            if name not in world["objects"]:
                raise ObjectNotFound(name)
            return world["objects"][name].encode()

    def write_full(self, name, content):
        """Write an object."""
        with STAGE["world"]() as world:
            world["objects"][name] = content.decode()
