#!/usr/bin/python3
"""Hold a lock in the cluster for as long as standard input is open.

    lock.py CONF CLIENT POOL OBJECT HOLDER LIMIT

Prints ``locked`` when it has the lock; ends with the reason on standard error if it hasn't got it
within LIMIT seconds. The lock is renewed while this process lives, and ends half a minute after a
process or a host that died with it. Run by the distribution's Python, which has Ceph's modules.
"""

import select
import sys
import time

import rados

NAME, DURATION, RENEWAL = "change", 30, 8
LIBRADOS_LOCK_FLAG_MAY_RENEW = 1
# Seconds after which a cluster that doesn't answer is given up; Ceph alone waits for ever.
LIMITS = {
    "client_mount_timeout": "20",
    "rados_mon_op_timeout": "20",
    "rados_osd_op_timeout": "20",
}


def take(ioctx, key, holder, limit):
    """Get the lock, or end with who has it."""
    end = time.monotonic() + limit
    while True:
        try:
            return ioctx.lock_exclusive(key, NAME, "charm", holder, DURATION)
        except (rados.ObjectBusy, rados.ObjectExists):
            if time.monotonic() > end:
                sys.exit(f"another change goes on, and did not end within {limit:.0f} s")
        time.sleep(1)


def main(conf, client, pool, key, holder, limit):
    """Take the lock, keep it, give it back."""
    try:
        cluster = rados.Rados(conffile=conf, name=client, conf=LIMITS)
        cluster.connect()
        ioctx = cluster.open_ioctx(pool)
        take(ioctx, key, holder, float(limit))
        print("locked", flush=True)
        while not select.select([sys.stdin], [], [], RENEWAL)[0]:
            ioctx.lock_exclusive(
                key, NAME, "charm", holder, DURATION, LIBRADOS_LOCK_FLAG_MAY_RENEW
            )
        ioctx.unlock(key, NAME, "charm")
    except rados.Error as error:
        sys.exit(f"the Ceph cluster cannot be asked: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
