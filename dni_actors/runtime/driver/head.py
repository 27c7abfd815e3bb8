"""Watches the cluster's head. Without it, Ray lets its drivers run on for a minute, and then ends them on the spot."""

import socket
import time

from dni_actors.box.errors import RuntimeUnavailableError

LOOK_EVERY = 5.0  # seconds
ANSWER_WITHIN = 0.5  # seconds
LOST_AFTER = 30.0  # seconds; one that comes back sooner (with a store of its own) was only away


class HeadLostError(RuntimeUnavailableError):
    """Ray's head is gone, and every call to Ray would wait for it."""


class Head:
    """The head at host:port."""

    lost = False

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._address, self._place = address, (host.strip("[]"), int(port))
        self._answered = self._looked = time.monotonic()

    def check(self) -> None:
        """HeadLostError when it has not answered for long. Looks now and then, however often it is called."""
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        try:
            socket.create_connection(self._place, timeout=ANSWER_WITHIN).close()
            self._answered = now
        except OSError as error:
            away = now - self._answered
            if away > LOST_AFTER:
                self.lost = True
                told = f"the cluster's head at {self._address} has not answered for {away:.0f} s ({error})"
                remedy = "start a cluster again; the same command with --resume goes on from the last complete cut"
                raise HeadLostError(f"{told}; {remedy}") from error
