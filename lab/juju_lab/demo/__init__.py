"""`make demo`: the built charm serves multipath I/O, shown step by step on a running lab."""
