"""A box's post: keeps messages whole over wires that lose, repeat and delay them. No clock, no I/O: a wire carries.

    DATA    a message of a channel
    HELLO   "I am here, and want this channel from this index on": a box greets the one before it whenever a connection
            is made, which answers with a HELLO of its own
    ASK     "I want this channel from this index on": after waiting for long, and at once where an index is left out

A sender keeps copies of the last messages of each channel, as many as can be under way (schedule.bounds), and sends
again from the index wanted. What comes twice, from an earlier incarnation of the run, or far ahead, is dropped.
"""

from collections import Counter, deque
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from dni_actors.box.messages import Contents
from dni_actors.nn.arrays import Array
from dni_actors.nn.narrow import narrow, wide
from dni_actors.protocol.channel import Channel, Put, Take
from dni_actors.protocol.inbox import Inbox
from dni_actors.protocol.layout import Layout, Spec, contents_of


class Kind(IntEnum):
    DATA = 0
    HELLO = 1
    ASK = 2


class Message(NamedTuple):
    """What a wire carries between two neighbours."""

    kind: Kind
    channel: Channel
    index: int  # type: ignore[assignment]  # as in Take
    incarnation: int = 0
    contents: Contents | None = None
    """of DATA"""
    sent: float = 0.0
    """the sender's clock, if its runtime has set it"""
    mark: bool = False
    """on a State: every box that takes it puts its part of a cut aside after that tick"""


Carry = Callable[[int, Message], None]
IN_STEP = (Channel.STATE, Channel.GRADIENT)  # whose indices go up by one: a leap means a loss


class Post:
    """One box's end of all its channels. `carry(direction, message)` sends to the next (+1) or previous (-1) box."""

    def __init__(
        self, inbox: Inbox, bounds: dict[Channel, int], layout: Layout, carry: Carry, incarnation: int = 0
    ) -> None:
        self._inbox, self._layout, self._carry, self._incarnation = inbox, layout, carry, incarnation
        state = layout[Channel.STATE][0]
        assert state is not None
        self._wire = state.dtype
        self._kept: dict[Channel, deque[Message]] = {c: deque(maxlen=bound) for c, bound in bounds.items()}
        self._next = dict(inbox.first)  # by channel: the index after the highest that came
        self.counts: Counter[str] = Counter()
        """messages asked for, sent again, and dropped, by reason"""
        self.sent = self.sent_bytes = 0
        """messages put, and their arrays' bytes as the wire carries them; what is sent again does not count again"""

    def put(self, put: Put, mark: bool = False) -> None:
        """Sends a message of the box's program; copies its arrays, rounded to the wire's types."""
        self._inbox.sent(put)
        fields = zip(put.contents, self._layout[put.channel], strict=True)
        narrowed = [None if a is None or spec is None else frozen(narrow(a, spec.dtype)) for a, spec in fields]
        copies = contents_of(put.channel, narrowed)
        message = Message(Kind.DATA, put.channel, put.index, self._incarnation, copies, 0.0, mark)
        self.sent += 1
        for copy in copies:
            if copy is not None:
                self.sent_bytes += copy.nbytes
        self._kept[put.channel].append(message)
        self._carry(put.channel.direction, message)

    def kept(self, channel: Channel, first: int) -> dict[int, Contents]:
        """What was put from index `first` on, by index, as far as it may still have to be sent again."""
        messages = [message for message in self._kept[channel] if message.index >= first]
        return {message.index: message.contents for message in messages if message.contents is not None}

    def keep(self, channel: Channel, put: dict[int, Contents]) -> None:
        """As if the box had put what was `kept` before: it is sent again on request."""
        for index, contents in sorted(put.items()):
            copies = contents_of(channel, [None if a is None else frozen(a.copy()) for a in contents])
            self._kept[channel].append(Message(Kind.DATA, channel, index, self._incarnation, copies))

    def receive(self, message: Message) -> bool:
        """A message came: True if it is data on its way to the inbox; everything else is dealt with here."""
        kind, channel, index, incarnation = message[:4]
        if incarnation != self._incarnation:
            self.counts["of another incarnation"] += 1
            return False
        if kind is not Kind.DATA:
            again = self._send_again(channel, index)
            if kind is Kind.ASK:
                self.counts["sent again"] += again
            elif channel.direction > 0:
                self.greet(1)
            return False
        if not self._inbox.within_reach(channel, index):
            self.counts["far ahead"] += 1
            return False
        if channel in IN_STEP:
            if index > self._next[channel]:
                self.counts["asked"] += 1
                self._want(Kind.ASK, channel, self._next[channel])
            self._next[channel] = max(self._next[channel], index + 1)
        return True

    def admit(self, message: Message, at_tick: int, dtype: str) -> None:
        """Data that has arrived goes into the inbox, in the box's own type, unless it came before."""
        contents = message.contents
        assert contents is not None
        if self._wire != dtype:  # narrow on the wire only
            fields = zip(contents, self._layout[message.channel], strict=True)
            contents = contents_of(message.channel, [self._widened(a, spec, dtype) for a, spec in fields])
        if not self._inbox.add(message.channel, message.index, contents, at_tick, message.mark):
            self.counts["came twice"] += 1

    def _widened(self, array: Array | None, spec: Spec | None, dtype: str) -> Array | None:
        if array is None or spec is None or spec.dtype != self._wire:
            return array
        return frozen(wide(array, self._wire, dtype))

    def ask(self, take: Take) -> None:
        """The box has waited for long."""
        self.counts["asked"] += 1
        self._want(Kind.ASK, take.channel, take.index)

    def greet(self, direction: int) -> None:
        """A connection to the next (+1) or previous (-1) box was made: says what is wanted from there."""
        kind = Kind.HELLO
        for channel, index in self._inbox.first.items():
            if channel.direction == -direction:
                self._want(kind, channel, index)
                kind = Kind.ASK

    def _want(self, kind: Kind, channel: Channel, index: int) -> None:
        self._carry(-channel.direction, Message(kind, channel, index, self._incarnation))

    def _send_again(self, channel: Channel, index: int) -> int:
        """All that is kept from an index on; how many."""
        wanted = [message for message in self._kept[channel] if message.index >= index]
        for message in wanted:
            self._carry(channel.direction, message)
        return len(wanted)


def frozen(array: Array) -> Array:
    """The array, read-only, as messages are."""
    array.flags.writeable = False
    return array
