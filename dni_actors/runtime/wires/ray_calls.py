"""The wire of plain Ray actor calls: slow (about a millisecond of CPU a message), but it needs no port of its own."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from dni_actors.protocol.post import Message

GLANCE = 0.1  # seconds at most until the box can look whether it shall stop


class RayCalls:
    """Sends a box's messages by calling `arrive` on its neighbours' actors (`left`, `right`; None at the ends).

    Ray serialises the arrays before a call returns. Calls keep their order from one caller, but nothing here relies on
    it: a message is known by its channel and index.
    """

    def __init__(self, left: Any, right: Any, deliver: Callable[[Message], None]) -> None:
        calls = {-1: left, 1: right}
        self._arrive = {d: box.arrive.options(num_returns=0) for d, box in calls.items() if box is not None}
        self._deliver = deliver
        self._arrived: deque[Message] = deque()
        self.dropped = self.broken = 0
        self.transit: dict[int, float] = {}
        self._news = threading.Event()

    def carry(self, direction: int, message: Message) -> None:
        self._arrive[direction].remote(message)

    def arrive(self, message: Message) -> None:
        """A neighbour's message, from the actor's main thread."""
        # Stamped here, when it comes, and not when the box looks: an emulated link's delay counts from then.
        self._arrived.append(message._replace(sent=time.perf_counter()))
        self._news.set()

    def poll(self, side: int) -> None:
        self._news.clear()
        while self._arrived:
            self._deliver(self._arrived.popleft())

    def wait(self, seconds: float, side: int) -> None:
        self._news.wait(min(seconds, GLANCE))
        self.poll(side)

    def close(self) -> None:
        pass
