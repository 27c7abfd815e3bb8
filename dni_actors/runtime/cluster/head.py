"""Watches the cluster's head, and the node of the driver. Without its head, Ray lets its drivers run on for a minute,
and then ends them on the spot."""

import socket
import time

from dni_actors.box.errors import RuntimeUnavailableError

LOOK_EVERY = 5.0  # seconds
ANSWER_WITHIN = 0.5  # seconds
LOST_AFTER = 30.0  # seconds; one that comes back sooner (with a store of its own) was only away


class HeadLostError(RuntimeUnavailableError):
    """Ray's head, or its node here, is gone, and calls to Ray would wait for it."""


class Head:
    """The head at host:port, and the socket's file of this machine's raylet, if one is given."""

    def __init__(self, address: str, raylet: str = "") -> None:
        host, _, port = address.rpartition(":")
        self._address, self._place = address, (host.strip("[]"), int(port))
        self._raylet = raylet
        self._answered = self._looked = time.monotonic()
        self._lost: HeadLostError | None = None

    def check(self) -> None:
        """HeadLostError when it has not answered for long. Looks now and then, however often it is called."""
        if self._lost is not None:
            raise self._lost
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
                problem = f"the cluster's head at {self._address} has not answered for {away:.0f} s ({error})"
                raise self._gone(problem) from error
        if self._raylet and not listens(self._raylet):
            raise self._gone("Ray's node on this machine has ended (nobody listens at its raylet's socket)")

    def _gone(self, problem: str) -> HeadLostError:
        remedy = "start a cluster again; the same command with --resume goes on from the last complete cut"
        self._lost = HeadLostError(f"{problem}; {remedy}")
        return self._lost


def listens(file: str) -> bool:
    """Whether a process listens at this socket's file, however busy it is."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(ANSWER_WITHIN)
        try:
            door.connect(file)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True
