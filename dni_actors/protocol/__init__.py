"""How boxes work together: programs, channels, messages and cuts. No clock, no I/O, no threads."""
