"""The script that reads all images, on stand-ins for Ceph's modules, which are not on PyPI."""

import contextlib
import datetime
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "src" / "files" / "ceph" / "images.py"


HEADERS = {
    "rbd_header.11": {
        "size": (2048).to_bytes(8, "little"),
        "snap_seq": bytes(8),
        "data_pool_id": (7).to_bytes(8, "little"),
    },
    "rbd_header.22": {"size": (1024).to_bytes(8, "little"), "snap_seq": b"\x02" + bytes(7)},
}


@pytest.fixture
def script(monkeypatch):
    """The script, and a cluster of pool ``data`` with image ``one`` that has snapshots."""
    rados, rbd = ModuleType("rados"), ModuleType("rbd")
    rados.Error = type("Error", (Exception,), {})
    rados.ObjectNotFound = type("ObjectNotFound", (rados.Error,), {})
    rbd.Error = type("Error", (Exception,), {})
    rbd.ImageNotFound = type("ImageNotFound", (rbd.Error,), {})
    rbd.RBD_SNAP_NAMESPACE_TYPE_USER = 0

    class Rados:
        down = False

        def __init__(self, conffile, name, conf):
            assert all(int(limit) > 0 for limit in conf.values())

        def connect(self):
            if Rados.down:
                raise rados.ObjectNotFound("error connecting to the cluster")

        def shutdown(self):
            pass

        @contextlib.contextmanager
        def open_ioctx(self, pool):
            if pool != "data":
                raise rados.ObjectNotFound("error opening pool")
            yield Ioctx()

        def pool_reverse_lookup(self, number):
            return {7: "ec"}[number]

    class Ioctx:
        """Image ``plain`` has its header in reach, and must not be opened."""

        def get_pool_id(self):
            return 1

        def read(self, name):
            there = {"rbd_id.plain": b"\x02\x00\x00\x0011", "rbd_id.one": b"\x02\x00\x00\x0022"}
            if name not in there:
                raise rados.ObjectNotFound(name)
            return there[name]

        def get_omap_vals_by_keys(self, operation, keys):
            assert set(keys) <= set(HEADERS["rbd_header.11"])
            return operation, 0

        def operate_read_op(self, operation, name):
            operation.extend((key, HEADERS[name][key]) for key in HEADERS[name])

    class Image(contextlib.nullcontext):
        def __init__(self, ioctx, image, read_only):
            assert read_only
            super().__init__(self)
            if image == "broken":
                raise rbd.Error("error opening image")
            if image not in ("one", "coded"):
                raise rbd.ImageNotFound("gone")
            self.coded = image == "coded"

        def size(self):
            return 1024

        def data_pool_id(self):
            return 7 if self.coded else 1

        def list_snaps(self):
            if self.coded:
                return
            yield {"id": 1, "name": "s1", "size": 512, "namespace": 0}
            yield {"id": 2, "name": "trash", "size": 512, "namespace": 2}

        def get_snap_timestamp(self, number):
            return datetime.datetime(2026, 11, 26, 18, 0, number)

    rados.Rados, rbd.Image = Rados, Image
    rados.ReadOpCtx = lambda: contextlib.nullcontext([])
    monkeypatch.setitem(sys.modules, "rados", rados)
    monkeypatch.setitem(sys.modules, "rbd", rbd)
    spec = importlib.util.spec_from_file_location("images", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_image_is_told_or_why_not(script, capsys):
    script.main(
        "ceph.conf",
        "client.gw",
        "data/one",
        "data/two",
        "data/broken",
        "data/coded",
        "data/plain",
        "gone/one",
    )
    assert json.loads(capsys.readouterr().out) == {
        "data/one": {
            "size": 1024,
            "snapshots": [{"name": "s1", "size": 512, "created": "2026-11-26T18:00:01Z"}],
        },
        "data/two": {"problem": "its image is gone from the Ceph cluster"},
        "data/broken": {"problem": "error opening image"},
        "data/coded": {"size": 1024, "snapshots": [], "data_pool": "ec"},
        "data/plain": {"size": 2048, "snapshots": [], "data_pool": "ec"},
        "gone/one": {"problem": "its pool gone is gone from the Ceph cluster"},
    }


def test_a_cluster_that_does_not_answer_ends_it_with_its_words(script):
    script.rados.Rados.down = True
    with pytest.raises(SystemExit, match="error connecting to the cluster"):
        script.main("ceph.conf", "client.gw", "data/one")
