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


class Arrivals:
    """Messages that reached a box's process, on their way to its inbox; a slow link keeps them here for a while.

    `add` may be called from any thread (an append to a deque is atomic); the rest belongs to the box's own thread.
    """

    def __init__(self, box: int, link: Delay) -> None:
        self._box = box
        self._link = link
        self._new: deque[tuple[float, Channel, int, Arrays, int]] = deque()
        self._held: list[tuple[float, Channel, int, Arrays, int]] = []

    def add(self, channel: Channel, index: int, arrays: Arrays, at_tick: int) -> None:
        ready = 0.0
        if self._link.high:
            lane = self._box * len(Channel) + list(Channel).index(channel)
            ready = time.perf_counter() + self._link.draw(index, lane)
        self._new.append((ready, channel, index, arrays, at_tick))

    def move(self, inbox: Inbox, at_tick: int, everything: bool = False) -> None:
        """Puts what is due, or everything, into the inbox."""
        while self._new:
            arrival = self._new.popleft()
            if arrival[0] and not everything:
                self._held.append(arrival)
            else:
                inbox.add(*arrival[1:])
        if self._held:
            now = math.inf if everything else time.perf_counter()
            due = [arrival for arrival in self._held if arrival[0] <= now]
            self._held = [arrival for arrival in self._held if arrival[0] > now]
            for _, channel, index, arrays, _ in due:
                inbox.add(channel, index, arrays, at_tick)

    @property
    def next_due(self) -> float | None:
        """Seconds until a held message is due; None if none is held or new."""
        times = [a[0] for a in (*self._held, *self._new)]
        return max(0.0, min(times) - time.perf_counter()) if times else None
