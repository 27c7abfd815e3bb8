"""The protocol: programs, channels, messages, cuts. No Ray, no clock, no threads, no I/O."""
