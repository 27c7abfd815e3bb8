"""Pure numerics on NumPy arrays: no Ray, no clock, no I/O."""
