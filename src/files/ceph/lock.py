#!/usr/bin/python3
"""Hold a lock in the cluster for as long as standard input is open.

    lock.py CONF CLIENT POOL OBJECT HOLDER LIMIT

Prints ``locked`` when it has the lock, with the note that is on it; ends with the reason on
standard error if it hasn't got it within LIMIT seconds. The lock is renewed while this process
lives, and ends half a minute after a process or a host that died with it. ceph-iscsi's own lock on
its configuration does not: it is looked after before ``locked`` is printed, and when asked.
Lines on standard input, each answered by ``ok``:

    note WORDS    put a note on the lock that stays when it ends; without words, take it back
    free          break ceph-iscsi's lock if whoever had it is gone

Run by the distribution's Python, which has Ceph's modules.
"""

import json
import select
import subprocess
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
# ceph-iscsi's configuration and the lock that its daemons take for one read and one write of it.
CONFIG, CONFIG_LOCK = "gateway.conf", "lock"
# Seconds after which its holder must be dead; ceph-iscsi itself gives up then, mostly silently.
CONFIG_LIMIT = 30


def take(ioctx, ours, limit):
    """Get the lock, or end with who has it."""
    end = time.monotonic() + limit
    while True:
        try:
            return ioctx.lock_exclusive(*ours)
        except (rados.ObjectBusy, rados.ObjectExists):
            if time.monotonic() > end:
                sys.exit(f"another change goes on, and did not end within {limit:.0f} s")
        time.sleep(1)


def free(ioctx, command, renew):
    """Break ceph-iscsi's lock if it is not given back.

    While it is there, ceph-iscsi's API changes LIO, stores nothing and reports success.

    :param command: ``rados`` with what leads it to the pool
    :param renew: renews our own lock, as this may take as long as that lasts
    """
    end = time.monotonic() + CONFIG_LIMIT
    while time.monotonic() < end:
        try:
            ioctx.lock_exclusive(CONFIG, CONFIG_LOCK, "charm", "is it free?", DURATION)
            return ioctx.unlock(CONFIG, CONFIG_LOCK, "charm")
        except (rados.ObjectBusy, rados.ObjectExists):
            renew()
            time.sleep(1)
    # Python's module can't tell who has it.
    info = [*command, "lock", "info", CONFIG, CONFIG_LOCK]
    answer = subprocess.run(info, check=True, capture_output=True, timeout=60).stdout
    for locker in json.loads(answer)["lockers"]:
        name, cookie = locker["name"], locker["cookie"]
        what = [CONFIG, CONFIG_LOCK, name, "--lock-cookie", cookie]
        subprocess.run([*command, "lock", "break", *what], check=True, timeout=60)


def keep(ioctx, key, command, renew):
    """Renew the lock and do as told until standard input ends."""
    while True:
        if select.select([sys.stdin], [], [], RENEWAL)[0]:
            if not (line := sys.stdin.readline()):
                return
            verb, _, words = line.strip().partition(" ")
            if verb == "free":
                free(ioctx, command, renew)
            else:
                ioctx.write_full(key, words.encode())
            print("ok", flush=True)
        renew()


def main(conf, client, pool, key, holder, limit):
    """Take the lock, keep it, give it back."""
    command = ["rados", "--conf", conf, "--name", client, "--pool", pool]
    try:
        cluster = rados.Rados(conffile=conf, name=client, conf=LIMITS)
        cluster.connect()
        ioctx = cluster.open_ioctx(pool)
        ours = (key, NAME, "charm", holder, DURATION)
        take(ioctx, ours, float(limit))

        def renew():
            ioctx.lock_exclusive(*ours, LIBRADOS_LOCK_FLAG_MAY_RENEW)

        free(ioctx, command, renew)
        print(f"locked {ioctx.read(key).decode()}".strip(), flush=True)
        keep(ioctx, key, command, renew)
        ioctx.unlock(key, NAME, "charm")
    except (rados.Error, subprocess.SubprocessError) as error:
        sys.exit(f"the Ceph cluster cannot be asked: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
