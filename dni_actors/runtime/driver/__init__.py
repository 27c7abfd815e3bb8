"""The driver's side of a run: starts boxes, watches them, starts them again."""
