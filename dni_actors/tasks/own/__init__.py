"""Anybody's own samples: columns of a file, what their labels mean, who learns from which, and their scales."""
