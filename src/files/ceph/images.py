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

# Seconds after which a cluster that doesn't answer is given up; Ceph alone waits for ever.
LIMITS = {"client_mount_timeout": "8", "rados_mon_op_timeout": "8", "rados_osd_op_timeout": "8"}


def look(cluster, name):
    """What is to be said of one image."""
    pool, _, image = name.partition("/")
    try:
        with cluster.open_ioctx(pool) as ioctx, rbd.Image(ioctx, image, read_only=True) as opened:
            found = {"size": opened.size(), "snapshots": snapshots(opened)}
            if opened.data_pool_id() != ioctx.get_pool_id():
                found["data_pool"] = cluster.pool_reverse_lookup(opened.data_pool_id())
            return found
    except rbd.ImageNotFound:
        return {"problem": "its image is gone from the Ceph cluster"}
    except rados.ObjectNotFound:
        return {"problem": f"its pool {pool} is gone from the Ceph cluster"}
    except (rados.Error, rbd.Error) as error:
        return {"problem": str(error)}


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
