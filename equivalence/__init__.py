"""The equivalence kit: any ceph-iscsi charm, judged against the reference's contract."""
