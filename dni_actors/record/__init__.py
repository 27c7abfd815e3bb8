"""What a run leaves on disk: configuration, manifest, metrics, cuts, trace, result; and how it is read back."""
