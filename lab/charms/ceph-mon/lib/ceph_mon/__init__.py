"""The ceph-mon companion of the lab: a real Ceph cluster and its broker."""
