"""The initiator companion of the lab: open-iscsi and multipath on one host."""
