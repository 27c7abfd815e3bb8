"""One time for all of a trace: what to add to each node's clock, in each incarnation of the run.

Nodes' clocks have nothing to do with each other. But messages go both ways over a boundary, and none arrives before it
was sent, which bounds by how much the right clock can be ahead of the left one:

    - min(back)  <=  ahead  <=  min(there)          there: State,    received (right clock) - sent (left clock)
                                                    back:  Gradient, received (left clock) - sent (right clock)

The middle of it (as in NTP, of the messages that were fastest) is off by half the shortest round trip at most. Drift is
left alone: what is looked at in one picture took seconds.
"""

import numpy as np

from dni_actors.nn.arrays import Array

GAP = 60.0  # seconds between two incarnations; what is more, or less than none, tells of other clocks
PAUSE = 1.0  # seconds, instead


def ahead(there: Array, back: Array) -> float:
    """Seconds by which the right clock is ahead of the left one: [n] and [m] apparent times of flight."""
    return float(there.min() - back.min()) / 2


def offsets(found: Array, nodes: int) -> Array:
    """MESSAGES -> [nodes] seconds to take off each node's clock, so that all agree with the first node's.

    A node that no messages join to the others keeps its clock.
    """
    off, settled = np.zeros(nodes), np.zeros(nodes, bool)
    flight = found["arrived"] - found["sent"]
    for root in range(nodes):
        waiting = [] if settled[root] else [root]
        settled[root] = True
        while waiting:
            here = waiting.pop()
            for other in range(nodes):
                there = flight[(found["from_node"] == here) & (found["to_node"] == other)]
                back = flight[(found["from_node"] == other) & (found["to_node"] == here)]
                if not settled[other] and len(there) and len(back):
                    off[other] = off[here] + ahead(there, back)
                    settled[other] = True
                    waiting.append(other)
    return off


def corrections(spans: Array, off: Array) -> dict[int, Array]:
    """By incarnation, [nodes] seconds to add: clocks agree, the trace begins at 0, and incarnations follow each other.

    `spans`: EVENTS that reach from the beginning to the end of each incarnation. One that began before the last one's
    end, or long after, ran on another clock, or after a pause that nobody wants to look at.
    """
    found: dict[int, Array] = {}
    end: float | None = None
    for incarnation in np.unique(spans["incarnation"]).tolist():
        mine = spans[spans["incarnation"] == incarnation]
        begins, ends = (mine[name] - off[mine["node"]] for name in ("begin", "end"))
        begin = float(begins.min())
        if end is None:
            add = -begin
        elif not 0 <= begin + add - end <= GAP:
            add = end + PAUSE - begin
        found[incarnation] = add - off
        end = float(ends.max()) + add
    return found


def aligned(events: Array, found: dict[int, Array]) -> Array:
    """EVENTS with corrected times."""
    events = events.copy()
    for incarnation, add in found.items():
        mine = events["incarnation"] == incarnation
        for name in ("begin", "end"):
            events[name][mine] += add[events["node"][mine]]
    return events


def aligned_messages(found: Array, add: dict[int, Array]) -> Array:
    """MESSAGES with corrected times."""
    found = found.copy()
    for incarnation, seconds in add.items():
        mine = found["incarnation"] == incarnation
        found["sent"][mine] += seconds[found["from_node"][mine]]
        for name in ("arrived", "taken"):
            found[name][mine] += seconds[found["to_node"][mine]]
    return found
