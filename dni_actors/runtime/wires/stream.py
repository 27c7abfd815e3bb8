"""The link of the system's own stream sockets, between boxes of one node: no thread but the box's own.

What a socket has no room for goes out while the box waits for messages: so two boxes that send much never block each
other. The left box listens. The system says which user a connection comes from: it must be the box's own. The neighbour
is the one that then greets and knows the run's secret. A connection that breaks is made anew by the right box.
"""

import math
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from dni_actors.box.errors import BoxError
from dni_actors.runtime.wires.connection import Connection, own, stream
from dni_actors.runtime.wires.frames import Frames
from dni_actors.runtime.wires.link import Intake

LONGEST = 107  # bytes of a path
CONNECT_WITHIN = 20.0  # seconds
RECONNECT_EVERY = 0.1  # seconds between two attempts
STRANGERS = 8  # connections at most that have not greeted; the oldest is closed for a new one


class Stream:
    """What both ends have: the connection to the neighbour, while there is one."""

    def __init__(self, k: int, address: str, intake: Intake, frames: Frames) -> None:
        self._k, self._address, self._intake, self._frames = k, address, intake, frames
        self._path = address.removeprefix("unix://")
        self._peer: Connection | None = None
        self.broken = 0

    @property
    def blocked(self) -> int | None:
        return self._peer.fileno() if self._peer is not None and self._peer.blocked else None

    def send(self, frames: Sequence[Any]) -> None:
        if self._peer is not None:  # else it is lost; the next connection begins with a greeting, which asks for it
            self._peer.send(frames)

    def receive(self) -> None:
        if self._peer is None:
            self.watch()
        self._heard()

    def wait(self, milliseconds: int, writable: int | None) -> bool:
        if self._peer is None:
            self.watch()
        poller = select.poll()
        for one in self._doors:
            poller.register(one, select.POLLIN)
        if self._peer is not None:
            poller.register(self._peer, select.POLLIN | select.POLLOUT * self._peer.blocked)
        if writable is not None:
            poller.register(writable, select.POLLOUT)
        poller.poll(milliseconds)
        return self._heard()

    @property
    def _doors(self) -> Sequence[socket.socket | Connection]:
        """Where something may come that `watch` sees to."""
        return ()

    def watch(self) -> None:
        raise NotImplementedError

    def _heard(self) -> bool:
        """Sends on, and takes what has come from the neighbour; whether anything has."""
        peer = self._peer
        if peer is None:
            return False
        peer.flush()
        messages = peer.receive()
        for frames in messages:
            message = self._intake.decode(frames)
            if message is not None:
                self._intake.deliver(message)
        if not peer.alive:
            self._lose()
        return bool(messages)

    def _lose(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None
            self.broken += 1

    def close(self) -> None:
        if self._peer is not None:
            self._peer.close()


class Listening(Stream):
    """Box k's end for the box on the right. Raises BoxError if it cannot listen there."""

    def __init__(self, k: int, address: str, intake: Intake, frames: Frames) -> None:
        super().__init__(k, address, intake, frames)
        self._strangers: list[Connection] = []  # who has not greeted yet
        self._door = stream()
        try:
            self._door.bind(self._path)
            self._door.listen()
        except OSError as error:
            self._door.close()
            long = len(os.fsencode(self._path)) > LONGEST
            remedy = "set TMPDIR to a folder with a shorter name" if long else "check the address, or use --wire ray"
            raise BoxError(k, 0, f"{address} cannot be bound ({error}); {remedy}") from error

    @property
    def _doors(self) -> Sequence[socket.socket | Connection]:
        return self._door, *self._strangers

    def watch(self) -> None:
        """Lets in who knocks, and hears which of them is the neighbour."""
        with suppress(BlockingIOError):
            while True:
                self._let_in(self._door.accept()[0])
        for stranger in tuple(self._strangers):
            self._hear(stranger)

    def _let_in(self, one: socket.socket) -> None:
        if not own(one):
            one.close()
            return self._intake.drop("from another user")
        self._strangers.append(Connection(one, self._frames))
        if len(self._strangers) > STRANGERS:
            self._strangers.pop(0).close()
        return None

    def _hear(self, stranger: Connection) -> None:
        for frames in stranger.receive():
            message = self._intake.decode(frames)
            if message is None:
                continue
            if stranger is not self._peer and self._intake.greets(message):
                self._strangers.remove(stranger)
                self._lose()
                self._peer = stranger
            if stranger is self._peer:
                self._intake.deliver(message)
            else:
                self._intake.drop("from a stranger")
        if not stranger.alive and stranger is not self._peer:
            self._strangers.remove(stranger)
            stranger.close()

    def close(self) -> None:
        super().close()
        for one in self._doors:
            one.close()


class Joining(Stream):
    """Box k's end for the box on the left. `connected` is called whenever a connection was made."""

    def __init__(self, k: int, address: str, intake: Intake, frames: Frames, connected: Callable[[], None]) -> None:
        super().__init__(k, address, intake, frames)
        self._connected = connected
        self._connect_by = time.monotonic() + CONNECT_WITHIN  # infinite: it was connected once
        self._again_at = 0.0

    def watch(self) -> None:
        """Makes the connection, if there is none."""
        now = time.monotonic()
        if self._peer is not None or now < self._again_at:
            return
        self._again_at = now + RECONNECT_EVERY
        one, why = stream(), "a process of another user listens there"
        try:
            one.connect(self._path)
            if own(one):
                self._peer = Connection(one, self._frames)
        except OSError as error:
            why = str(error)
        if self._peer is not None:
            self._connect_by = math.inf
            self._connected()
            return
        one.close()
        if now > self._connect_by:
            problem = f"box {self._k - 1} at {self._address} could not be reached ({why})"
            raise BoxError(self._k, 0, f"{problem}; check what listens there, or use --wire zmq")
