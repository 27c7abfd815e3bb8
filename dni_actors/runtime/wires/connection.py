"""A stream socket of the system's (AF_UNIX) that carries messages, and what is on its way through it.

One call sends a message, one call may bring several. What the socket has no room for is kept here until it has. Before
each message stand the sizes of its frames, as many as a message can have; 0 where there is none.
"""

import os
import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any

from dni_actors.runtime.wires.frames import MOST, Buffer, Frames

SIZES = struct.Struct(f"<{1 + MOST}I")  # bytes of header and arrays
CREDENTIALS = struct.Struct("3i")  # process, user, group
ROOM = 4 << 20  # bytes that the system is asked to keep for a socket; it may give less
BUFFER = 256 << 10  # bytes, at least, for what comes in one call


def fits(size: int) -> bool:
    """Whether this system has such sockets, and one takes so many bytes that nobody has read yet.

    What it does not take at once, the box sends when it waits the next time: late, if it has long to compute.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return False
    with stream() as one:
        return one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= 2 * size  # half of it is the system's own


def stream() -> socket.socket:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.setblocking(False)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
    return one


def own(one: socket.socket) -> bool:
    """Whether the process at the other end belongs to this user."""
    credentials = one.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return bool(CREDENTIALS.unpack(credentials)[1] == os.geteuid())


class Connection:
    """A connected socket, and what is on its way through it."""

    def __init__(self, one: socket.socket, frames: Frames) -> None:
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        self._socket = one
        self._unsent: deque[memoryview] = deque()  # of the Post's copies, which nobody changes
        self._buffer = memoryview(bytearray(max(BUFFER, 2 * (SIZES.size + frames.heaviest))))
        self._filled = 0  # bytes of the buffer, from its beginning
        self.alive = True
        """until it has ended, or half a message was sent whose rest cannot follow: it stays dead then"""

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def blocked(self) -> bool:
        return bool(self._unsent)

    def send(self, frames: Sequence[Any]) -> None:
        """A header and arrays: what there is no room for is kept until `flush`."""
        if not self.alive:
            return
        header, *arrays = frames
        sizes = [len(header), *(array.nbytes for array in arrays)]
        whole = [SIZES.pack(*sizes, *[0] * (1 + MOST - len(sizes))) + header, *arrays]
        sent = 0 if self._unsent else self._write(whole)
        if sent < SIZES.size + sum(sizes) and self.alive:
            self._unsent.extend(rest([memoryview(part).cast("B") for part in whole], sent))

    def flush(self) -> None:
        """Sends on what is left of what was sent, as far as there is room."""
        while self._unsent and (sent := self._write([self._unsent[0]])):
            view = self._unsent.popleft()
            if sent < view.nbytes:
                self._unsent.appendleft(view[sent:])

    def _write(self, views: Sequence[Buffer]) -> int:
        """Bytes that the socket took."""
        try:
            return self._socket.sendmsg(views)
        except BlockingIOError:
            pass
        except OSError:  # it may work again at once, but then the next message would pass for the rest of this one
            self.alive = False
            self._unsent.clear()
        return 0

    def receive(self) -> list[list[Buffer]]:
        """The messages that have come, each in frames of its own memory; what one call brings."""
        try:
            count = self._socket.recv_into(self._buffer[self._filled :])
        except BlockingIOError:
            return []
        except OSError:
            count = 0
        self.alive &= count > 0
        self._filled += count
        messages: list[list[Buffer]] = []
        begin = 0
        while self._filled - begin >= SIZES.size:
            sizes = SIZES.unpack_from(self._buffer, begin)
            end = begin + SIZES.size + sum(sizes)
            if end - begin > len(self._buffer):  # such a message is none, and what follows cannot be found
                self.alive = False
                return messages
            if end > self._filled:
                break
            messages.append(self._cut(begin + SIZES.size, sizes))
            begin = end
        if begin:
            self._filled -= begin
            self._buffer[: self._filled] = bytes(self._buffer[begin : begin + self._filled])
        return messages

    def _cut(self, at: int, sizes: Sequence[int]) -> list[Buffer]:
        frames: list[Buffer] = []
        for size in sizes:
            if size:
                frames.append(bytes(self._buffer[at : at + size]))
                at += size
        return frames

    def close(self) -> None:
        self._socket.close()


def rest(views: list[memoryview], sent: int) -> list[memoryview]:
    """What is left of the bytes after the first `sent` ones."""
    left = []
    for view in views:
        if sent < view.nbytes:
            left.append(view[sent:])
        sent = max(0, sent - view.nbytes)
    return left
