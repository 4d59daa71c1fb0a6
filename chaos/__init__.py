"""What the charm does when it is killed, and when its surroundings fail: see docs/chaos.md."""
