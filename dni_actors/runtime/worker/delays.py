"""Emulated heavy boxes and slow links, drawn apart from learning: they change how long a run takes, never its bits."""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from dni_actors.nn.streams import Stream, generator
from dni_actors.protocol.channel import Channel, Take
from dni_actors.protocol.post import Message


class Delay(NamedTuple):
    """Seconds, uniform between low and high; a function of (seed, stream, index, lane)."""

    low: float
    high: float
    seed: int
    stream: Stream

    def draw(self, index: int, lane: int) -> float:
        if self.low == self.high:
            return self.low
        return float(generator(self.seed, self.stream, index, lane).uniform(self.low, self.high))


class Arrivals:
    """Messages that reached a box's process, but that an emulated slow link keeps from its inbox for a while.

    For the box's own thread alone.
    """

    def __init__(self, box: int, link: Delay, lag: int, admit: Callable[[Message, int, float], None]) -> None:
        """`admit` takes a message into the inbox: the tick it came in, and when that was."""
        self._box, self._link, self._admit = box, link, admit
        self._new: deque[tuple[float, Message]] = deque()
        self._held: list[tuple[float, Message]] = []
        # When the box's last ticks began, newest last: a message's slack counts from the tick it came in, and not from
        # the tick in which somebody looked.
        self._begun: deque[tuple[float, int]] = deque([(0.0, 0)], maxlen=lag + 1)

    def begin(self, tick: int) -> None:
        """The box begins a tick."""
        self._begun.append((time.perf_counter(), tick))

    def add(self, message: Message) -> None:
        """A message came. Its delay counts from when it was sent, where sender and receiver share a clock."""
        lane = self._box * len(Channel) + list(Channel).index(message.channel)
        now = time.perf_counter()
        left = min(message.sent, now) or now
        self._new.append((left + self._link.draw(message.index, lane), message))

    def move(self, everything: bool = False) -> None:
        """Puts what is due, or everything, into the box's inbox."""
        if not (self._new or self._held):
            return
        now = math.inf if everything else time.perf_counter()
        while self._new:
            self._held.append(self._new.popleft())
        for due, message in self._held:
            if due <= now:
                at_tick = next((tick for begun, tick in reversed(self._begun) if begun <= due), self._begun[0][1])
                self._admit(message, at_tick, due)
        self._held = [(due, message) for due, message in self._held if due > now]

    def expects(self, take: Take) -> bool:
        """Whether the message is on its way in this process."""
        return any(m.channel is take.channel and m.index == take.index for _, m in (*self._held, *self._new))

    @property
    def next_due(self) -> float | None:
        """Seconds until a held message is due; None if none is held or new."""
        times = [due for due, _ in (*self._held, *self._new)]
        return max(0.0, min(times) - time.perf_counter()) if times else None
