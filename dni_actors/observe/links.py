"""What carries the messages of a boundary: the kinds of links, as a run tells them."""

from collections import Counter
from collections.abc import Sequence

KINDS = {"unix": "stream sockets", "ipc": "ZeroMQ files", "tcp": "ZeroMQ with CURVE"}
"""by the scheme of the address at which a box listens for the next one"""
CALLS = "Ray calls"


def told(links: Sequence[str]) -> str:
    """The kinds, and how many links of each there are if there are several kinds."""
    counts = Counter(links)
    return ", ".join(kind if len(counts) == 1 else f"{count} {kind}" for kind, count in counts.items())
