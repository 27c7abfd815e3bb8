"""The wire of ZeroMQ sockets: one ROUTER (left box, binds) and one DEALER (right box, connects) per boundary.

Between boxes of one node the sockets are files in a private folder (`ipc://`); between nodes they are TCP with CURVE
encryption, and a ROUTER lets in exactly one key: its right neighbour's. Connections that break are made anew by ZeroMQ;
the DEALER's monitor tells, and the box says HELLO. What is not a message of this run is counted, told once and dropped.
"""

import errno
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import zmq
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils.monitor import parse_monitor_message

from dni_actors.box.errors import BoxError
from dni_actors.protocol.post import Kind, Message
from dni_actors.runtime.wires.frames import Frames, Malformed

CONNECT_WITHIN = 20.0  # seconds
RECONNECT_AFTER = 1.0  # seconds that ZeroMQ itself gets to make a broken connection anew
GLANCE = 0.1  # seconds that a box blocks on one socket, before it looks at the other and at the monitors
HANDSHAKE = 1024  # bytes, more than any message of CURVE's handshake
DOMAIN = "dni"
HEARTBEAT = 5_000  # milliseconds; a peer that does not answer three of them has gone
READ, EVENTS = int(zmq.POLLIN), zmq.EVENTS
NOBLOCK, MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)  # as numbers: an enum's operators are Python code
GREETED, LOST = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_DISCONNECTED
REFUSED, FAILED = zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
log = logging.getLogger(__name__)


def send(socket: Any, frames: list[Any]) -> None:
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
    """Box k's two sockets. `deliver` takes a message; `connected` is called when a connection to the left box was made.

    Once connected, it is for one thread. Raises BoxError when a socket cannot be made.
    """

    def __init__(
        self, k: int, frames: Frames, deliver: Callable[[Message], None], connected: Callable[[], None]
    ) -> None:
        self._k, self._frames, self._deliver, self._connected = k, frames, deliver, connected
        self._context = zmq.Context()
        self._router: Any = None
        self._dealer: Any = None
        self._monitors: list[Any] = []
        self._left: Any = None  # the monitor of the connection to the left box
        self._authenticator: ThreadAuthenticator | None = None
        self._peer: bytes | None = None  # the right box's address at our ROUTER, once it has greeted
        self._address = ""
        self._near = {-1: True, 1: True}
        self._patience: dict[int, int] = {}  # by side: milliseconds that its socket blocks, once that was told it
        self._connect_by = 0.0  # 0: connected, or never to be
        self._lost = 0.0  # when the connection to the left box broke; 0: it has not, or was made anew
        self._why = "nobody answers there"
        self.dropped = 0
        """what was no message of this run"""
        self.broken = 0
        """connections lost; most are made anew at once"""
        self.transit: dict[int, float] = {}

    def listen(self, where: str, keys: Keys | None = None, allowed: bytes = b"", near: bool = True) -> str:
        """Opens the end for the box on the right: `where` is ipc://PATH, or tcp://HOST:*; the address to connect to.

        `near`: whether that box shares this one's clock, being on the same machine.
        """
        self._near[1] = near
        self._router = self._socket(zmq.ROUTER, where)
        self._observe(self._router, LOST)
        if keys is not None:
            self._authenticator = ThreadAuthenticator(self._context)
            self._authenticator.start()
            self._authenticator.configure_curve_callback(DOMAIN, OnlyOne(allowed))
            self._router.zap_domain = DOMAIN.encode()
            self._router.curve_server = True
            self._router.curve_publickey, self._router.curve_secretkey = keys
        try:
            self._router.bind(where)
        except (zmq.ZMQError, ValueError) as error:
            long = isinstance(error, zmq.ZMQError) and error.errno == errno.ENAMETOOLONG
            remedy = "set TMPDIR to a folder with a shorter name" if long else "check the address, or use --wire ray"
            raise BoxError(self._k, 0, f"{where} cannot be bound ({error}); {remedy}") from error
        return str(self._router.last_endpoint.decode())

    def connect(self, address: str, keys: Keys | None = None, server: bytes = b"", near: bool = True) -> None:
        """Joins the box on the left, which listens at `address` with the public key `server`; `near` as in `listen`."""
        self._near[-1] = near
        self._dealer, self._address = self._socket(zmq.DEALER, address), address
        if keys is not None:
            self._dealer.curve_serverkey = server
            self._dealer.curve_publickey, self._dealer.curve_secretkey = keys
        self._left = self._observe(self._dealer, GREETED | REFUSED | FAILED | LOST)
        self._dealer.connect(address)
        self._connect_by = time.monotonic() + CONNECT_WITHIN

    def _socket(self, kind: int, address: str) -> Any:
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.sndhwm = socket.rcvhwm = 0  # the lag is the flow control
        socket.maxmsgsize = HANDSHAKE + 4 * self._frames.largest  # beyond, ZeroMQ itself ends the connection
        socket.ipv6 = "[" in address
        socket.heartbeat_ivl, socket.heartbeat_timeout = HEARTBEAT, 3 * HEARTBEAT
        return socket

    def _observe(self, socket: Any, events: int) -> Any:
        self._monitors.append(socket.get_monitor_socket(events))
        return self._monitors[-1]

    def carry(self, direction: int, message: Message) -> None:
        frames = self._frames.encode(message, time.perf_counter())
        if direction < 0:
            with suppress(zmq.Again):  # a connection refused or not yet made; the box asks again
                send(self._dealer, frames)
        elif self._peer is not None:  # before it has greeted, it cannot be reached; its HELLO asks for all it missed
            send(self._router, [self._peer, *frames])

    def poll(self, side: int) -> None:
        socket = self._router if side > 0 else self._dealer
        while socket is not None and socket.get(EVENTS) & READ:
            self._received(side, socket.recv_multipart(NOBLOCK))

    def wait(self, seconds: float, side: int) -> None:
        """Blocks on the socket of that side, without a poller before it: that is a third cheaper for small messages."""
        socket = self._router if side > 0 else self._dealer
        milliseconds = int(min(seconds, GLANCE) * 1000)
        if milliseconds and socket is not None:
            if self._patience.get(side) != milliseconds:
                socket.rcvtimeo = self._patience[side] = milliseconds
            with suppress(zmq.Again):
                return self._received(side, socket.recv_multipart())
        else:
            time.sleep(min(seconds, GLANCE))
        # Nothing has come: time to look around.
        self._watch()
        for one in (-1, 1):
            self.poll(one)
        return None

    def _received(self, side: int, frames: list[bytes]) -> None:
        sender = frames.pop(0) if side > 0 else b""
        try:
            message = self._decode(side, frames)
        except Malformed as error:
            return self._drop(str(error))
        if side > 0:
            # Who greets or asks, and knows the run's secret, is the neighbour; but for one of an earlier incarnation.
            if message.kind is not Kind.DATA and message.incarnation == self._frames.incarnation:
                self._peer = sender
            if sender != self._peer:
                return self._drop("from a stranger")
        transit = time.perf_counter() - message.sent
        if transit < self.transit.get(side, math.inf):
            self.transit[side] = transit
        return self._deliver(message if self._near[side] else message._replace(sent=0.0))

    def _decode(self, direction: int, frames: list[bytes]) -> Message:
        """A message from the box in that direction; Malformed if such a one cannot come from there."""
        message = self._frames.decode(frames or [b""])
        goes = message.channel.direction if message.kind is Kind.DATA else -message.channel.direction
        if goes != -direction:
            raise Malformed(f"{message.kind.name} {message.channel} from the wrong side")
        return message

    def _drop(self, reason: str) -> None:
        if not self.dropped:
            log.warning("box %d dropped a message (%s); further ones are only counted", self._k, reason)
        self.dropped += 1

    def _watch(self) -> None:
        """The monitors' news: connections made to the left box, refused, or lost."""
        for monitor in self._monitors:
            while monitor.get(EVENTS) & READ:
                event = parse_monitor_message(monitor.recv_multipart())["event"]
                if event == GREETED:
                    self._connect_by = self._lost = 0.0
                    self._connected()
                elif event == LOST:
                    self.broken += 1
                    self._lost = time.monotonic() if monitor is self._left else self._lost
                elif event == REFUSED:  # for good: ZeroMQ does not try again
                    self._why, self._connect_by = "it refuses our key", 1e-9
                else:
                    self._why = "the handshake failed: it is not who it should be"
        if self._lost and self._dealer is not None and time.monotonic() - self._lost > RECONNECT_AFTER:
            self._connect_again()
        if self._connect_by and time.monotonic() > self._connect_by:
            problem = f"box {self._k - 1} at {self._address} could not be reached ({self._why})"
            remedy = "check what listens there and that nodes reach each other's ports, or use --wire ray"
            raise BoxError(self._k, 0, f"{problem}; {remedy}")

    def _connect_again(self) -> None:
        """After a frame that is far too large, ZeroMQ gives up a connection that it has made itself, for good."""
        self._lost = time.monotonic()
        with suppress(zmq.ZMQError):  # it knows of none any more
            self._dealer.disconnect(self._address)
        self._dealer.connect(self._address)

    def close(self) -> None:
        for socket in (self._router, self._dealer):
            if socket is not None:
                socket.disable_monitor()
        if self._authenticator is not None:
            self._authenticator.stop()
        for socket in (self._router, self._dealer, *self._monitors):
            if socket is not None:
                socket.close(linger=0)
        self._context.term()
