"""The driver's side: starts boxes, watches them, starts them again; and the Ray beneath them."""
