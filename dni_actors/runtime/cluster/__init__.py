"""The Ray beneath a run: a private one on this machine, or a cluster that is joined."""
