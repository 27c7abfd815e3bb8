"""What a run leaves on disk: configuration, manifest, metrics, result."""
