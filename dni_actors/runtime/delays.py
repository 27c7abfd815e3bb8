"""Emulated heavy boxes and slow links, drawn apart from learning: they change how long a run takes, never its bits."""

import math
import time
from collections import deque
from typing import NamedTuple

from dni_actors.box.channel import Arrays, Channel, Inbox
from dni_actors.nn.streams import Stream, generator


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


class Arrival(NamedTuple):
    due: float
    message: tuple[Channel, int, Arrays]


class Arrivals:
    """Messages that reached a box's process, on their way to its inbox; a slow link keeps them here for a while.

    `add` may be called from any thread (an append to a deque is atomic); the rest belongs to the box's own thread.
    """

    def __init__(self, box: int, link: Delay, lag: int) -> None:
        self._box, self._link = box, link
        self._new: deque[Arrival] = deque()
        self._held: list[Arrival] = []
        # When the box's last ticks began, newest last: a message's slack counts from the tick it came in, and not from
        # the tick in which somebody looked.
        self._begun: deque[tuple[float, int]] = deque([(0.0, 0)], maxlen=lag + 1)

    def begin(self, tick: int) -> None:
        """The box begins a tick."""
        self._begun.append((time.perf_counter(), tick))

    def add(self, channel: Channel, index: int, arrays: Arrays) -> None:
        due = time.perf_counter()
        if self._link.high:
            due += self._link.draw(index, self._box * len(Channel) + list(Channel).index(channel))
        self._new.append(Arrival(due, (channel, index, arrays)))

    def move(self, inbox: Inbox, everything: bool = False) -> None:
        """Puts what is due, or everything, into the inbox."""
        now = math.inf if everything else time.perf_counter()
        while self._new:
            self._held.append(self._new.popleft())
        if not self._held:
            return
        for due, message in (arrival for arrival in self._held if arrival.due <= now):
            at_tick = next((tick for begun, tick in reversed(self._begun) if begun <= due), self._begun[0][1])
            inbox.add(*message, at_tick)
        self._held = [arrival for arrival in self._held if arrival.due > now]

    @property
    def next_due(self) -> float | None:
        """Seconds until a held message is due; None if none is held or new."""
        times = [arrival.due for arrival in (*self._held, *self._new)]
        return max(0.0, min(times) - time.perf_counter()) if times else None
