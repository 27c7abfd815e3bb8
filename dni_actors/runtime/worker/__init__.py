"""One box at work: its loop, its clocks, its checkpoints; in an actor of its own, or beside others."""
