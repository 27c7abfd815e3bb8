"""Relays that stand between two boxes' sockets and do to their messages what networks do."""

import contextlib
import random
import socket
import threading

import zmq


class Weather:
    """Loses, repeats and holds back whole messages, as chance has it; `garbage` goes to either side now and then."""

    def __init__(self, upstream, folder, seed):
        self._rng = random.Random(seed)
        self._context = zmq.Context()
        self._right, self._left = self._context.socket(zmq.ROUTER), self._context.socket(zmq.DEALER)
        for end in (self._right, self._left):
            end.linger, end.sndhwm, end.rcvhwm = 0, 0, 0
        self.address = f"ipc://{folder}/weather-{seed}"
        self._right.bind(self.address)
        self._left.connect(upstream)
        self._sender, self._held = None, []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        poller = zmq.Poller()
        poller.register(self._right, zmq.POLLIN)
        poller.register(self._left, zmq.POLLIN)
        while not self._stopped.is_set():
            for end, _ in poller.poll(20):
                frames = end.recv_multipart()
                if end is self._right:
                    self._sender, *frames = frames
                self._pass_on(end is self._right, frames)
            if self._held and self._rng.random() < 0.5:
                self._send(*self._held.pop(self._rng.randrange(len(self._held))))
        self._context.destroy(linger=0)

    def _pass_on(self, to_left, frames):
        fate = self._rng.choice(["come"] * 12 + ["be lost", "come twice", "be late", "garbage"])
        if fate == "be late":
            self._held.append((to_left, frames))
        elif fate != "be lost":
            for _ in range(1 + (fate == "come twice")):
                self._send(to_left, frames)
            if fate == "garbage":
                self._send(to_left, [self._rng.randbytes(self._rng.randrange(80))])

    def _send(self, to_left, frames):
        if to_left:
            self._left.send_multipart(frames)
        elif self._sender is not None:
            self._right.send_multipart([self._sender, *frames])

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
        self._send(to_left, frames)
        for side, left in self.left.items():
            for _ in range(min(left, self.BURST)):
                self._send(side, self._forge(self._rng, side))
            self.left[side] = max(0, left - self.BURST)


class Cutter:
    """Passes bytes on, and cuts the connection in the middle of a message, several times."""

    def __init__(self, upstream, folder, seed, every=20_000, times=4):
        self._upstream, self._every, self.left = upstream, every, times
        self._server = socket.socket(socket.AF_UNIX if upstream.startswith("ipc") else socket.AF_INET)
        if upstream.startswith("ipc"):
            self._server.bind(f"{folder}/cutter-{seed}")
            self.address = f"ipc://{folder}/cutter-{seed}"
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
                if self._upstream.startswith("ipc"):
                    left.connect(self._upstream.removeprefix("ipc://"))
                else:
                    host, _, port = self._upstream.removeprefix("tcp://").rpartition(":")
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
