"""What may stand at a box's far boundary, or beside it: synthetic, exact, local, noise."""
