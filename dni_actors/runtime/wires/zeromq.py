"""The link of ZeroMQ sockets: a boundary has one ROUTER (left box, binds) and one DEALER (right box, connects).

Between boxes of one node the sockets are files in a private folder (`ipc://`); between nodes they are TCP with CURVE
encryption, and a ROUTER lets in exactly one key: its right neighbour's. Connections that break are made anew by ZeroMQ;
the DEALER's monitor tells, and the box says HELLO. What is not a message of this run is counted, told once and dropped.
"""

import errno
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import zmq
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils.monitor import parse_monitor_message

from dni_actors.box.errors import BoxError
from dni_actors.runtime.wires.frames import Frames
from dni_actors.runtime.wires.link import Intake

CONNECT_WITHIN = 20.0  # seconds
RECONNECT_AFTER = 1.0  # seconds that ZeroMQ itself gets to make a broken connection anew
HANDSHAKE = 1024  # bytes, more than any message of CURVE's handshake
DOMAIN = "dni"
HEARTBEAT = 5_000  # milliseconds; a peer that does not answer three of them has gone
READ, EVENTS = int(zmq.POLLIN), zmq.EVENTS
NOBLOCK, MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)  # as numbers: an enum's operators are Python code
GREETED, LOST = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_DISCONNECTED
REFUSED, FAILED = zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL


def send(socket: Any, frames: Sequence[Any]) -> None:
    """One message; zmq.Again if nobody is there to take it."""
    for frame in frames[:-1]:
        socket.send(frame, MORE)
    socket.send(frames[-1], NOBLOCK)


class Keys(NamedTuple):
    """A CURVE key pair; the secret one never leaves its process."""

    public: bytes
    secret: bytes

    @classmethod
    def new(cls) -> "Keys":
        return cls(*zmq.curve_keypair())


class OnlyOne:
    """What ZeroMQ asks who may come in: exactly one key. (Without it, all who know the server's key would.)"""

    def __init__(self, allowed: bytes) -> None:
        self._allowed = allowed

    def callback(self, domain: str, key: bytes) -> bool:
        return key == self._allowed


class ZeroMQ:
    """What both ends have. Each is for one thread, once it is bound or connected."""

    broken = 0

    def __init__(self, k: int, context: Any, kind: int, intake: Intake, frames: Frames) -> None:
        self._k, self._intake = k, intake
        socket = self._socket = context.socket(kind)
        socket.linger = 0
        socket.sndhwm = socket.rcvhwm = 0  # the lag is the flow control
        socket.maxmsgsize = HANDSHAKE + 4 * frames.largest  # beyond, ZeroMQ itself ends the connection
        socket.heartbeat_ivl, socket.heartbeat_timeout = HEARTBEAT, 3 * HEARTBEAT
        self._patience = 0  # milliseconds that the socket blocks
        self._monitor: Any = None

    @property
    def blocked(self) -> int | None:
        return None  # a thread of ZeroMQ's writes

    def receive(self) -> None:
        while self._socket.get(EVENTS) & READ:
            self._received(self._socket.recv_multipart(NOBLOCK))

    def wait(self, milliseconds: int, writable: int | None) -> bool:
        """Blocks on the socket, without a poller before it: that is a third cheaper for small messages."""
        if writable is not None:
            poller = zmq.Poller()
            poller.register(self._socket, zmq.POLLIN)
            poller.register(writable, zmq.POLLOUT)
            if self._socket not in dict(poller.poll(milliseconds)):
                return False
        if self._patience != milliseconds:
            self._socket.rcvtimeo = self._patience = milliseconds
        with suppress(zmq.Again):
            self._received(self._socket.recv_multipart())
            return True
        return False

    def _received(self, frames: list[bytes]) -> None:
        message = self._intake.decode(frames)
        if message is not None:
            self._intake.deliver(message)

    def _news(self) -> list[int]:
        """The monitor's events."""
        events = []
        while self._monitor.get(EVENTS) & READ:
            events.append(parse_monitor_message(self._monitor.recv_multipart())["event"])
            self.broken += events[-1] == LOST
        return events

    def watch(self) -> None:
        self._news()

    def close(self) -> None:
        if self._monitor is not None:
            self._socket.disable_monitor()
            self._monitor.close(linger=0)
        self._socket.close(linger=0)


class Router(ZeroMQ):
    """Box k's end for the box on the right."""

    def __init__(self, k: int, context: Any, intake: Intake, frames: Frames) -> None:
        super().__init__(k, context, zmq.ROUTER, intake, frames)
        self._context = context
        self._authenticator: ThreadAuthenticator | None = None
        self._peer: bytes | None = None  # the right box's address here, once it has greeted

    def bind(self, where: str, keys: Keys | None, allowed: bytes) -> str:
        """The address to connect to. Raises BoxError if there is none."""
        self._socket.ipv6 = "[" in where
        self._monitor = self._socket.get_monitor_socket(LOST)
        if keys is not None:
            self._authenticator = ThreadAuthenticator(self._context)
            self._authenticator.start()
            self._authenticator.configure_curve_callback(DOMAIN, OnlyOne(allowed))
            self._socket.zap_domain = DOMAIN.encode()
            self._socket.curve_server = True
            self._socket.curve_publickey, self._socket.curve_secretkey = keys
        try:
            self._socket.bind(where)
        except (zmq.ZMQError, ValueError) as error:
            long = isinstance(error, zmq.ZMQError) and error.errno == errno.ENAMETOOLONG
            remedy = "set TMPDIR to a folder with a shorter name" if long else "check the address, or use --wire ray"
            raise BoxError(self._k, 0, f"{where} cannot be bound ({error}); {remedy}") from error
        return str(self._socket.last_endpoint.decode())

    def send(self, frames: Sequence[Any]) -> None:
        if self._peer is not None:  # before it has greeted, it cannot be reached; its HELLO asks for all it missed
            send(self._socket, [self._peer, *frames])

    def _received(self, frames: list[bytes]) -> None:
        sender, *frames = frames
        message = self._intake.decode(frames)
        if message is None:
            return
        if self._intake.greets(message):
            self._peer = sender
        if sender == self._peer:
            self._intake.deliver(message)
        else:
            self._intake.drop("from a stranger")

    def close(self) -> None:
        if self._authenticator is not None:
            self._authenticator.stop()
        super().close()


class Dealer(ZeroMQ):
    """Box k's end for the box on the left."""

    def __init__(self, k: int, context: Any, intake: Intake, frames: Frames) -> None:
        super().__init__(k, context, zmq.DEALER, intake, frames)
        self._connect_by = 0.0  # 0: connected, or never to be
        self._lost = 0.0  # when the connection broke; 0: it has not, or was made anew
        self._why = "nobody answers there"

    def connect(self, address: str, connected: Callable[[], None], keys: Keys | None, server: bytes) -> None:
        self._address, self._connected = address, connected
        self._socket.ipv6 = "[" in address
        if keys is not None:
            self._socket.curve_serverkey = server
            self._socket.curve_publickey, self._socket.curve_secretkey = keys
        self._monitor = self._socket.get_monitor_socket(GREETED | REFUSED | FAILED | LOST)
        self._socket.connect(address)
        self._connect_by = time.monotonic() + CONNECT_WITHIN

    def send(self, frames: Sequence[Any]) -> None:
        with suppress(zmq.Again):  # a connection refused or not yet made; the box asks again
            send(self._socket, frames)

    def watch(self) -> None:
        """Connections made, refused, or lost."""
        for event in self._news():
            if event == GREETED:
                self._connect_by = self._lost = 0.0
                self._connected()
            elif event == LOST:
                self._lost = time.monotonic()
            elif event == REFUSED:  # for good: ZeroMQ does not try again
                self._why, self._connect_by = "it refuses our key", 1e-9
            else:
                self._why = "the handshake failed: it is not who it should be"
        if self._lost and time.monotonic() - self._lost > RECONNECT_AFTER:
            self._connect_again()
        if self._connect_by and time.monotonic() > self._connect_by:
            problem = f"box {self._k - 1} at {self._address} could not be reached ({self._why})"
            remedy = "check what listens there and that nodes reach each other's ports, or use --wire ray"
            raise BoxError(self._k, 0, f"{problem}; {remedy}")

    def _connect_again(self) -> None:
        """After a frame that is far too large, ZeroMQ gives up a connection that it has made itself, for good."""
        self._lost = time.monotonic()
        with suppress(zmq.ZMQError):  # it knows of none any more
            self._socket.disconnect(self._address)
        self._socket.connect(self._address)
