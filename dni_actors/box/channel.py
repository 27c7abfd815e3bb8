"""Channels, the three requests of a box's program, and the inbox where its messages wait for their turn.

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

from dni_actors.box.errors import ProtocolError
from dni_actors.nn.arrays import Array

Arrays = tuple[Array, ...]


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
    """Wait for a message; the runtime answers with its arrays."""

    channel: Channel
    index: int  # type: ignore[assignment]  # the message's index, not tuple.index, which nobody calls here

    def __str__(self) -> str:
        return f"take {self.channel} {self.index}"


class Put(NamedTuple):
    """Send a message. The arrays are the box's work arrays: the runtime copies what it keeps before it goes on."""

    channel: Channel
    index: int  # type: ignore[assignment]  # as in Take
    arrays: Arrays

    def __str__(self) -> str:
        return f"put {self.channel} {self.index}"


class Work(NamedTuple):
    """Marks what comes next."""

    phase: Phase

    def __str__(self) -> str:
        return self.phase


Request = Take | Put | Work


class Arrived(NamedTuple):
    arrays: Arrays
    at_tick: int
    """the tick its box was in when it came: a gradient's slack is its turn's tick minus this"""
    mark: bool
    """on a State: after its tick comes a cut"""


class Inbox:
    """Messages that came and were not taken yet, within the bounds that the lag gives (docs/protocol.md)."""

    def __init__(
        self, box: int, reach: dict[Channel, int], first: dict[Channel, int] | None = None, most: int | None = None
    ) -> None:
        """`reach`: by channel, how far beyond the first index still to be taken a message can be. `first`: that one.
        `most`: states that may be out unanswered."""
        self._box = box
        self._reach = reach
        self._most = reach.get(Channel.STATE, 0) if most is None else most
        self.unanswered = 0
        """states put and not yet answered by a gradient taken: waiting at the next box, in its hand, or on the way"""
        self.first = dict.fromkeys(reach, 0) if first is None else first
        """by channel: every index below has been taken, or will never come"""
        self._waiting: dict[Channel, dict[int, Arrived]] = {channel: {} for channel in reach}

    def within_reach(self, channel: Channel, index: int) -> bool:
        return index < self.first[channel] + self._reach[channel]

    def add(self, channel: Channel, index: int, arrays: Arrays, at_tick: int, mark: bool = False) -> bool:
        """Keeps a message within reach; False, and nothing is kept, if it came before."""
        waiting = self._waiting[channel]
        if index < self.first[channel] or index in waiting:
            return False
        waiting[index] = Arrived(arrays, at_tick, mark)
        return True

    def skip(self, channel: Channel, index: int) -> None:
        """Every message of the channel below this index will never come."""
        self.first[channel] = index

    @property
    def waiting(self) -> int:
        """States and gradients that came and were not taken yet; from any thread."""
        return sum(len(waiting) for channel, waiting in self._waiting.items() if channel is not Channel.SCORE)

    def holds(self, take: Take) -> bool:
        return take.index in self._waiting[take.channel]

    def take(self, take: Take) -> Arrived:
        self.unanswered -= take.channel is Channel.GRADIENT
        self.first[take.channel] = take.index + 1
        return self._waiting[take.channel].pop(take.index)

    def sent(self, put: Put) -> None:
        """The box puts a message; ProtocolError if more states are out than the bound."""
        self.unanswered += put.channel is Channel.STATE
        if self.unanswered > self._most:
            raise ProtocolError(self._box, put.index, f"{self.unanswered} states are out unanswered at {put}")
