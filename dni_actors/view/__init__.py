"""What a person sees: the console."""
