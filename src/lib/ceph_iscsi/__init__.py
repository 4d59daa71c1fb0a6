"""What the charm knows about an iSCSI gateway; one concern a module.

Nothing in here imports charmhelpers or charms.reactive: these modules decide and act, the charm
class in ``charm.openstack.ceph_iscsi`` tells them about the model and the model about them.
"""
