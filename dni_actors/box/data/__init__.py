"""What a box sees: its window of the samples or of a stream, and held-out samples."""
