"""Relays that stand between two boxes' sockets and do to their messages what networks do."""

import contextlib
import random
import select
import socket
import threading

import zmq

from dni_actors.runtime.wires.connection import SIZES
from dni_actors.runtime.wires.frames import MOST


class ZeroMQEnds:
    """Where the right box connects, and where the left one listens: whole messages come and go."""

    def __init__(self, upstream, path):
        self._context = zmq.Context()
        self._right, self._left = self._context.socket(zmq.ROUTER), self._context.socket(zmq.DEALER)
        self.address = f"ipc://{path}"
        self._poller = zmq.Poller()
        for end in (self._right, self._left):
            end.linger, end.sndhwm, end.rcvhwm = 0, 0, 0
            self._poller.register(end, zmq.POLLIN)
        self._right.bind(self.address)
        self._left.connect(upstream)
        self._sender = None

    def receive(self):
        """(to the left box?, frames) of what comes within 20 ms."""
        for end, _ in self._poller.poll(20):
            frames = end.recv_multipart()
            if end is self._right:
                self._sender, *frames = frames
            yield end is self._right, frames

    def send(self, to_left, frames):
        if to_left:
            self._left.send_multipart(frames)
        elif self._sender is not None:
            self._right.send_multipart([self._sender, *frames])

    def close(self):
        self._context.destroy(linger=0)


class StreamEnds:
    """The same for the system's stream sockets; a connection that one side ends is ended on the other, too."""

    def __init__(self, upstream, path):
        self._upstream = upstream.removeprefix("unix://")
        self.address = f"unix://{path}"
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(path)
        self._door.listen()
        self._ends = {}  # by whether it leads to the left box

    def receive(self):
        ready, _, _ = select.select([self._door, *self._ends.values()], [], [], 0.02)
        if self._door in ready:
            self._hang_up()
            self._ends = {False: self._door.accept()[0], True: socket.socket(socket.AF_UNIX)}
            self._ends[True].connect(self._upstream)
        for leads_left, end in tuple(self._ends.items()):
            if end in ready:
                try:
                    sizes = SIZES.unpack(exactly(end, SIZES.size))
                    frames = [exactly(end, size) for size in sizes if size]
                except OSError:
                    return self._hang_up()
                yield not leads_left, frames

    def send(self, to_left, frames):
        if to_left in self._ends:
            with contextlib.suppress(OSError):
                self._ends[to_left].sendall(packed(frames))

    def _hang_up(self):
        for end in self._ends.values():
            end.close()
        self._ends = {}

    def close(self):
        self._hang_up()
        self._door.close()


def packed(frames):
    """A message as bytes on a stream socket."""
    sizes = [len(frame) for frame in frames]
    return b"".join([SIZES.pack(*sizes, *[0] * (1 + MOST - len(sizes))), *frames])


def exactly(end, size):
    data = bytearray()
    while len(data) < size:
        part = end.recv(size - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return bytes(data)


class Weather:
    """Loses, repeats and holds back whole messages, as chance has it; `garbage` goes to either side now and then."""

    def __init__(self, upstream, folder, seed):
        self._rng, self._held = random.Random(seed), []
        kind = StreamEnds if upstream.startswith("unix:") else ZeroMQEnds
        self._ends = kind(upstream, f"{folder}/weather-{seed}")
        self.address = self._ends.address
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stopped.is_set():
            for to_left, frames in self._ends.receive():
                self._pass_on(to_left, frames)
            if self._held and self._rng.random() < 0.5:
                self._ends.send(*self._held.pop(self._rng.randrange(len(self._held))))
        self._ends.close()

    def _pass_on(self, to_left, frames):
        fate = self._rng.choice(["come"] * 12 + ["be lost", "come twice", "be late", "garbage"])
        if fate == "be late":
            self._held.append((to_left, frames))
        elif fate != "be lost":
            for _ in range(1 + (fate == "come twice")):
                self._ends.send(to_left, frames)
            if fate == "garbage":
                self._ends.send(to_left, [self._rng.randbytes(self._rng.randrange(80))])

    def close(self):
        self._stopped.set()
        self._thread.join()


class Forger(Weather):
    """Passes all on; among it come `count` messages to either side that `forge(rng, to_left)` makes, in the name of the
    peer."""

    BURST = 25

    def __init__(self, upstream, folder, seed, forge, count):
        self._forge, self.left = forge, {True: count, False: count}
        super().__init__(upstream, folder, seed)

    def _pass_on(self, to_left, frames):
        self._ends.send(to_left, frames)
        for side, left in self.left.items():
            for _ in range(min(left, self.BURST)):
                self._ends.send(side, self._forge(self._rng, side))
            self.left[side] = max(0, left - self.BURST)


class Cutter:
    """Passes bytes on, and cuts the connection in the middle of a message, several times."""

    def __init__(self, upstream, folder, seed, every=20_000, times=4):
        self._every, self.left = every, times
        self._scheme, _, self._where = upstream.partition("://")
        self._server = socket.socket(socket.AF_INET if self._scheme == "tcp" else socket.AF_UNIX)
        if self._scheme != "tcp":
            self._server.bind(f"{folder}/cutter-{seed}")
            self.address = f"{self._scheme}://{folder}/cutter-{seed}"
        else:
            self._server.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                right, _ = self._server.accept()
                left = socket.socket(right.family)
                if self._scheme != "tcp":
                    left.connect(self._where)
                else:
                    host, _, port = self._where.rpartition(":")
                    left.connect((host, int(port)))
                budget = [self._every]
                for a, b in ((left, right), (right, left)):
                    threading.Thread(target=self._pump, args=(a, b, budget), daemon=True).start()

    def _pump(self, source, target, budget):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.left > 0 and len(data) > budget[0]:
                    target.sendall(data[: budget[0]])
                    self.left -= 1
                    break
                budget[0] -= len(data)
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self):
        self._server.close()
