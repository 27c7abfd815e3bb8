"""What carries messages between actors, one file per wire."""
