"""What a box is and learns: its weights, its pieces of work, its synthesizer. No Ray, no clock, no threads, no I/O."""
