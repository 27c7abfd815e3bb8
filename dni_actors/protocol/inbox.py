"""A box's inbox: where messages wait for their turn, within the bounds that the lag gives (docs/protocol.md)."""

from typing import NamedTuple

from dni_actors.box.errors import ProtocolError
from dni_actors.box.messages import Contents
from dni_actors.protocol.channel import Channel, Put, Take


class Arrived(NamedTuple):
    """A message that came."""

    contents: Contents
    at_tick: int
    """the tick its box was in when it came: a gradient's slack is its turn's tick minus this"""
    mark: bool
    """on a State: after its tick comes a cut"""


class Inbox:
    """Messages that came and were not taken yet."""

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

    def add(self, channel: Channel, index: int, contents: Contents, at_tick: int, mark: bool = False) -> bool:
        """Keeps a message within reach; False, and nothing is kept, if it came before."""
        waiting = self._waiting[channel]
        if index < self.first[channel] or index in waiting:
            return False
        waiting[index] = Arrived(contents, at_tick, mark)
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
