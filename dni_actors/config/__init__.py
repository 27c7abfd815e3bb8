"""The configuration of a run: its parts, the facts derived from them, the rules they must keep, presets, and flags."""
