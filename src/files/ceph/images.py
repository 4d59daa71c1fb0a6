#!/usr/bin/python3
"""Sizes and snapshots of RBD images: one process for all, where ``rbd`` takes one for each.

    images.py CONF CLIENT [POOL/IMAGE...]

Prints JSON, by image: ``{"size": bytes, "snapshots": [{"name", "size", "created"}]}``, with
``"data_pool"`` if that is another one, or ``{"problem": words}``. Run by the distribution's
Python, which has Ceph's modules.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import rados
import rbd

# What an image's header says of it, each a little-endian number.
HEADER = ("size", "snap_seq", "data_pool_id")
# Seconds after which a cluster that doesn't answer is given up; Ceph alone waits for ever.
LIMITS = {"client_mount_timeout": "8", "rados_mon_op_timeout": "8", "rados_osd_op_timeout": "8"}


def look(cluster, name):
    """What is to be said of one image."""
    pool, _, image = name.partition("/")
    try:
        with cluster.open_ioctx(pool) as ioctx:
            found, data_pool = from_header(ioctx, image) or from_image(ioctx, image)
            if data_pool != ioctx.get_pool_id():
                found["data_pool"] = cluster.pool_reverse_lookup(data_pool)
            return found
    except rbd.ImageNotFound:
        return {"problem": "its image is gone from the Ceph cluster"}
    except rados.ObjectNotFound:
        return {"problem": f"its pool {pool} is gone from the Ceph cluster"}
    except (rados.Error, rbd.Error) as error:
        return {"problem": str(error)}


def from_header(ioctx, image):
    """An image that never had a snapshot, and the number of the pool of its data; else None.

    In two requests of Ceph's format 2 of images; librbd needs ten to open one.
    """
    try:
        identity = ioctx.read(f"rbd_id.{image}")[4:].decode()
        with rados.ReadOpCtx() as operation:
            values, _ = ioctx.get_omap_vals_by_keys(operation, HEADER)
            ioctx.operate_read_op(operation, f"rbd_header.{identity}")
            header = {key: int.from_bytes(value, "little") for key, value in values}
    except rados.ObjectNotFound:
        return None
    if header.get("snap_seq") != 0:
        return None
    found = {"size": header["size"], "snapshots": []}
    return found, header.get("data_pool_id", ioctx.get_pool_id())


def from_image(ioctx, image):
    """An image, and the number of the pool of its data."""
    with rbd.Image(ioctx, image, read_only=True) as opened:
        found = {"size": opened.size(), "snapshots": snapshots(opened)}
        return found, opened.data_pool_id()


def snapshots(opened):
    """Snapshots that users made; trash and mirroring have others."""
    return [
        {
            "name": snap["name"],
            "size": snap["size"],
            "created": f"{opened.get_snap_timestamp(snap['id']):%Y-%m-%dT%H:%M:%SZ}",
        }
        for snap in opened.list_snaps()
        if snap.get("namespace", 0) == rbd.RBD_SNAP_NAMESPACE_TYPE_USER
    ]


def main(conf, client, *names):
    """Look at all images, some at a time."""
    try:
        cluster = rados.Rados(conffile=conf, name=client, conf=LIMITS)
        cluster.connect()
    except rados.Error as error:
        sys.exit(str(error))
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = pool.map(lambda name: look(cluster, name), names)
        print(json.dumps(dict(zip(names, found, strict=True))))
    cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
