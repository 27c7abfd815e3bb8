"""Emulated heavy boxes and slow links, drawn apart from learning: they change how long a run takes, never its bits."""

import time
from collections.abc import Callable
from typing import NamedTuple

from dni_actors.config.run import RunConfig
from dni_actors.nn.streams import Stream, generator
from dni_actors.protocol.channel import Channel, Take
from dni_actors.protocol.post import Kind, Message

PLACES = {channel: place for place, channel in enumerate(Channel)}


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


class SlowLink:
    """Stands between a wire and box k: holds each message back for as long as the link is slow.

    A link of so many megabits a second carries one message after the other in each direction: a message sets out when
    it was sent and those before it have passed, passes for its arrays' bytes, and is then under way for the delay. For
    the box's own thread alone.
    """

    def __init__(self, config: RunConfig, k: int, deliver: Callable[[Message], None]) -> None:
        self._delay = Delay(*config.link_delay, config.learning.seed, Stream.LINK_DELAY)
        self._k, self._deliver = k, deliver
        megabits = config.execution.link_mbps
        self._per_byte = 8e-6 / megabits if megabits else 0.0  # seconds
        self._free = {-1: 0.0, 1: 0.0}  # by the direction of the messages: when the last one has passed
        self._held: list[tuple[float, Message]] = []

    def add(self, message: Message) -> None:
        """A message came. Its delay counts from when it was sent, where sender and receiver share a clock."""
        lane, now = self._k * len(Channel) + PLACES[message.channel], time.perf_counter()
        left = min(message.sent, now) or now
        if self._per_byte:
            size = sum(field.nbytes for field in message.contents or () if field is not None)
            goes = message.channel.direction if message.kind is Kind.DATA else -message.channel.direction
            left = self._free[goes] = max(left, self._free[goes]) + size * self._per_byte
        self._held.append((left + self._delay.draw(message.index, lane), message))

    def release(self) -> None:
        """Delivers what is due."""
        if not self._held:
            return
        now = time.perf_counter()
        due = [message for at, message in self._held if at <= now]
        if due:
            self._held = [(at, message) for at, message in self._held if at > now]
            for message in due:
                self._deliver(message)

    def holds(self, take: Take) -> bool:
        """Whether the message is on its way here."""
        return any(m.channel is take.channel and m.index == take.index for _, m in self._held)

    @property
    def next_due(self) -> float | None:
        """Seconds until the next message is due; None if none is held."""
        return max(0.0, min(at for at, _ in self._held) - time.perf_counter()) if self._held else None
