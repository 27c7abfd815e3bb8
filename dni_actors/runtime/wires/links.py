"""The wire of sockets: a link to each neighbour, of the kind that its address names.

    unix://PATH          the system's own stream sockets, between boxes of one node
    ipc://PATH           ZeroMQ's files, between boxes of one node
    tcp://HOST:PORT      ZeroMQ over TCP with CURVE encryption, between nodes

The left box of a boundary listens, the right one connects.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import zmq

from dni_actors.protocol.post import Message
from dni_actors.runtime.wires.frames import Frames
from dni_actors.runtime.wires.link import Intake, Link
from dni_actors.runtime.wires.stream import Joining, Listening
from dni_actors.runtime.wires.zeromq import Dealer, Keys, Router

GLANCE = 0.1  # seconds that a box waits for one neighbour, before it looks at the other and after its connections


class Links:
    """Box k's. `deliver` takes a message; `connected` is called when a connection to the left box was made.

    Once connected, it is for one thread. Raises BoxError when a socket cannot be made.
    """

    def __init__(
        self, k: int, frames: Frames, deliver: Callable[[Message], None], connected: Callable[[], None]
    ) -> None:
        self._k, self._frames, self._deliver, self._connected = k, frames, deliver, connected
        self._links: dict[int, Link] = {}
        self._intakes: dict[int, Intake] = {}
        self._context: Any = None  # of ZeroMQ, whose threads serve both links

    def listen(self, where: str, keys: Keys | None = None, allowed: bytes = b"", near: bool = True) -> str:
        """Opens the end for the box on the right: `where` is unix://PATH, ipc://PATH, or tcp://HOST:*; the address to
        connect to. With keys, it lets in the box with the public key `allowed` only.

        `near`: whether that box shares this one's clock, being on the same machine.
        """
        intake = self._intake(1, near)
        if where.startswith("unix:"):
            self._links[1] = Listening(self._k, where, intake, self._frames)
            return where
        router = self._links[1] = Router(self._k, self._zeromq(), intake, self._frames)
        return router.bind(where, keys, allowed)

    def connect(self, address: str, keys: Keys | None = None, server: bytes = b"", near: bool = True) -> None:
        """Joins the box on the left, which listens at `address` with the public key `server`; `near` as in `listen`."""
        intake = self._intake(-1, near)
        if address.startswith("unix:"):
            self._links[-1] = Joining(self._k, address, intake, self._frames, self._connected)
        else:
            dealer = self._links[-1] = Dealer(self._k, self._zeromq(), intake, self._frames)
            dealer.connect(address, self._connected, keys, server)

    def _intake(self, side: int, near: bool) -> Intake:
        self._intakes[side] = Intake(self._k, side, self._frames, self._deliver, near)
        return self._intakes[side]

    def _zeromq(self) -> Any:
        self._context = self._context or zmq.Context()
        return self._context

    @property
    def dropped(self) -> int:
        return sum(intake.dropped for intake in self._intakes.values())

    @property
    def broken(self) -> int:
        return sum(link.broken for link in self._links.values())

    @property
    def transit(self) -> dict[int, float]:
        return {side: one.transit for side, one in self._intakes.items() if one.transit < math.inf}

    def carry(self, direction: int, message: Message) -> None:
        self._links[direction].send(self._frames.encode(message, time.perf_counter()))

    def poll(self, side: int) -> None:
        link = self._links.get(side)
        if link is not None:
            link.receive()

    def wait(self, seconds: float, side: int) -> None:
        milliseconds = int(min(seconds, GLANCE) * 1000)
        link, other = self._links.get(side), self._links.get(-side)
        if link is None or not milliseconds:
            time.sleep(min(seconds, GLANCE))
        elif link.wait(milliseconds, None if other is None else other.blocked):
            return
        # Nothing has come: time to look around.
        for one in self._links.values():
            one.watch()
            one.receive()

    def close(self) -> None:
        for link in self._links.values():
            link.close()
        if self._context is not None:
            self._context.term()
