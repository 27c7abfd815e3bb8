"""Channels, and the requests of a box's program.

Boundary k lies between box k and box k+1; a ring's last one between box K-1 and box 0. Seen from a box:

    channel    goes      from / to                       index
    State      forward   taken on the left, put right    the tick; in a ring box 0 takes the last box's, G ticks later
    Gradient   back      taken on the right, put left    the tick in which it is put
    Score      forward   taken on the left, put right    cut * chunks + chunk  (evaluation: hidden states of test rows)
    Probe      forward   taken on the left, put right    the tick after the cut  (exact gradients, nothing is learned)
    ProbeGradient back   taken on the right, put left    the same

An index names a message for good: two messages of equal channel and index are the same message.
"""

from enum import StrEnum
from typing import NamedTuple

from dni_actors.box.messages import Contents


class Channel(StrEnum):
    STATE = "State"
    GRADIENT = "Gradient"
    SCORE = "Score"
    PROBE = "Probe"
    PROBE_GRADIENT = "ProbeGradient"

    __hash__ = str.__hash__  # an enum's own is Python code, and channels are looked up many times a tick

    @property
    def direction(self) -> int:
        """+1: to the next box, -1: to the one before."""
        return -1 if self in (Channel.GRADIENT, Channel.PROBE_GRADIENT) else 1


class Phase(StrEnum):
    """What a box does next: the runtime times it, delays it, or only counts it."""

    FORWARD = "forward"
    SYNTHESIZE = "synthesize"
    BACKWARD = "backward"
    UPDATE = "update"
    TRAIN = "train synthesizer"
    EVALUATE = "evaluate"

    __hash__ = str.__hash__  # as in Channel


class Take(NamedTuple):
    """Wait for a message; the runtime answers with its contents."""

    channel: Channel
    index: int  # type: ignore[assignment]  # the message's index, not tuple.index, which nobody calls here

    def __str__(self) -> str:
        return f"take {self.channel} {self.index}"


class Put(NamedTuple):
    """Send a message. It holds the box's work arrays: the runtime copies what it keeps before it goes on."""

    channel: Channel
    index: int  # type: ignore[assignment]  # as in Take
    contents: Contents

    def __str__(self) -> str:
        return f"put {self.channel} {self.index}"


class Work(NamedTuple):
    """Marks what comes next."""

    phase: Phase

    def __str__(self) -> str:
        return self.phase


class Point(StrEnum):
    """Where a run stands: the runtime keeps its clocks, decides on cuts, and closes rows of the metrics there."""

    BETWEEN = "between ticks"
    """evaluations and probes lie here: what they cost is no tick's"""
    BEGIN = "tick begins"
    END = "tick ends"
    """the runtime answers whether a cut lies after it"""
    ROW = "row ends"
    """of the metrics"""
    CUT = "cut"
    """the box's part of it is put aside"""


class At(NamedTuple):
    """The run has come to a point: of tick n, or of the cut before it."""

    point: Point
    tick: int


class Found(NamedTuple):
    """What an evaluation or a probe has found, for whoever watches."""

    what: object


Step = Take | Put | Work
"""what a box does in a tick, or between two"""
Request = Step | At | Found
