"""What carries the messages over one boundary, and what is done with everything that comes over it."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from dni_actors.protocol.post import Kind, Message
from dni_actors.runtime.wires.frames import Buffer, Frames, Malformed

log = logging.getLogger(__name__)


class Link(Protocol):
    """To one neighbour; used by the box's loop thread only. What comes is handed to the link's intake."""

    broken: int
    """connections lost; most are made anew at once"""

    def send(self, frames: Sequence[Any]) -> None:
        """One message; never waits. It is lost if nobody is there to take it."""

    def receive(self) -> None:
        """Takes what has come, without waiting."""

    def wait(self, milliseconds: int, writable: int | None) -> bool:
        """Waits for something to come and takes it; False if nothing came, or the file `writable` can be written."""

    def watch(self) -> None:
        """Looks after the connection, now and then. Raises BoxError if it cannot be made."""

    @property
    def blocked(self) -> int | None:
        """The file that must become writable for the rest of what was sent; None if there is no rest."""

    def close(self) -> None:
        """Gives back all that the link holds."""


class Intake:
    """Decodes, checks and delivers what box k gets from the next (+1) or the previous (-1) box.

    `near`: whether that box shares this one's clock, being on the same machine.
    """

    def __init__(self, k: int, side: int, frames: Frames, deliver: Callable[[Message], None], near: bool) -> None:
        self._k, self._side, self._frames, self._deliver, self._near = k, side, frames, deliver, near
        self.dropped = 0
        """what was no message of this run"""
        self.transit = math.inf
        """the least seconds from the sending of a message to its receiving here, by the two boxes' own clocks"""

    def decode(self, frames: Sequence[Buffer]) -> Message | None:
        """A message from that side; None, and it is counted, if such a one cannot come from there."""
        try:
            message = self._frames.decode(frames or [b""])
        except Malformed as error:
            self.drop(str(error))
            return None
        goes = message.channel.direction if message.kind is Kind.DATA else -message.channel.direction
        if goes != -self._side:
            self.drop(f"{message.kind.name} {message.channel} from the wrong side")
            return None
        return message

    def greets(self, message: Message) -> bool:
        """Whether it shows that its sender is the neighbour: it greets or asks, knows the run's secret, and is not one
        of an earlier incarnation."""
        return message.kind is not Kind.DATA and message.incarnation == self._frames.incarnation

    def deliver(self, message: Message) -> None:
        self.transit = min(self.transit, time.perf_counter() - message.sent)
        self._deliver(message if self._near else message._replace(sent=0.0))

    def drop(self, reason: str) -> None:
        if not self.dropped:
            log.warning("box %d dropped a message (%s); further ones are only counted", self._k, reason)
        self.dropped += 1
