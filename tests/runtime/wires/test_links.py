"""Boxes on real sockets, one thread each, with networks between them that behave as networks do."""

import os
import struct
import threading

import numpy as np
import pytest
import zmq

from dni_actors.box.errors import BoxError
from dni_actors.box.messages import Gradient, State
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.layout import layout
from dni_actors.protocol.post import Kind, Message
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.wires import folder as folder_module
from dni_actors.runtime.wires import zeromq
from dni_actors.runtime.wires.folder import SocketFolder
from dni_actors.runtime.wires.frames import Frames
from dni_actors.runtime.wires.links import Links
from dni_actors.runtime.wires.zeromq import Keys
from dni_actors.runtime.worker.loop import Loop
from tests.processes import eventually
from tests.runtime.wires.relays import Cutter, Forger, Weather
from tests.tiny import states, tiny

RUN = b"r" * 16


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("dni_actors.runtime.worker.loop.ASK_AFTER", 0.05)


@pytest.fixture
def folder():
    made = SocketFolder(0)
    yield made.path
    made.close()


class Threads:
    """A chain of boxes, a thread each, linked in one of WAYS; `between(address, k)` may stand a relay at boundary k."""

    def __init__(self, config, folder, way, between=None, incarnation=0):
        curve = way == "curve"
        self.loops = [Loop(config, k, incarnation) for k in range(config.boxes)]
        frames = Frames(RUN, layout(config), incarnation)
        keys = [Keys.new() if curve else None for _ in self.loops]
        self.addresses, self.ended = [], []
        for k, loop in enumerate(self.loops):
            wire = loop.wire = Links(k, frames, loop.deliver, loop.connected)
            if k:
                wire.connect(self.addresses[-1], keys[k], keys[k - 1].public if curve else b"")
            if k < config.boxes - 1:
                where = "tcp://127.0.0.1:*" if curve else f"{way}://{folder}/{k:03}"
                address = wire.listen(where, keys[k], keys[k + 1].public if curve else b"")
                self.addresses.append(between(address, k) if between else address)

    def run(self, until=lambda: True):
        """To the end, and on, listening still, until something is so: the boxes' digests."""
        for loop in self.loops:
            loop.start()
        try:
            ended = eventually(lambda: all(r.digest or r.error for r in self.statuses()), within=100)
            assert ended, [(r.state, r.messages) for r in self.statuses()]
            assert eventually(until)
            assert [status.error for status in self.statuses()] == [None] * len(self.loops)
            self.ended = self.statuses()  # before the first one leaves
            return [status.digest for status in self.ended]
        finally:
            self.stop()

    def statuses(self):
        return [loop.status() for loop in self.loops]

    def counts(self, reason):
        return sum(dict(status.messages).get(reason, 0) for status in self.ended or self.statuses())

    def stop(self):
        for loop in self.loops:
            loop._stopped = True
        for loop in self.loops:
            loop.stop()


WAYS = ("unix", "ipc", "curve")
FILES = WAYS[:2]
CASES = {
    "synthetic": {},
    "lag 5": {"lag": 5},
    "truncated": {"update": "truncated"},
    "delayed": {"update": "delayed"},
    "locked": {"update": "locked"},
    "GPipe": {"update": "locked", "batch": 6, "micro_batches": 3},
    "half precision": {"wire_dtype": "float16"},
    "bytes, and a scale each row": {"wire_dtype": "int8", "cell": "lstm"},
}
MORE = {
    "shared weights": {"weights": "shared", "sync_every": 2},
    "bytes of float64": {"wire_dtype": "int8", "precision": "float64"},
    "noise": {"update": "noise", "update_probability": 0.5},
    "float64, a read-out alone": {"precision": "float64", "unroll": (3, 4, 0)},
}


def setting(**fields):
    size = {} if "unroll" in fields else {"boxes": 4}
    return tiny(**size | {"ticks": 60, "hidden": 16, "evaluate_every": 7} | fields)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES | MORE)
def test_the_digest_is_that_of_the_inline_runtime(folder, case, way):
    config = setting(**(CASES | MORE)[case])
    chain = Threads(config, folder, way)
    assert chain.run() == Chain(config).run()
    assert chain.counts("no message of this run") == 0


@pytest.mark.parametrize("way", FILES)
@pytest.mark.parametrize("case", CASES)
def test_lost_repeated_late_and_garbled_messages_leave_the_digest_alone(folder, case, way):
    config, relays = setting(**CASES[case], ticks=30), []

    def between(address, k):
        relays.append(Weather(address, folder, seed=k))
        return relays[-1].address

    chain = Threads(config, folder, way, between=between)
    try:
        assert chain.run() == Chain(config).run()
    finally:
        for relay in relays:
            relay.close()
    assert chain.counts("sent again") > 0
    assert chain.counts("no message of this run") > 0


@pytest.mark.parametrize("way", FILES)
def test_ten_thousand_forged_messages_of_the_neighbour_itself_change_nothing(folder, way):
    """They come over its own connection, in both directions, and know the secret. Every one is counted."""
    config, relays, count = setting(), [], 10_000 // 6 + 1
    frames, foreign = (Frames(run, layout(config), incarnation=3) for run in (RUN, b"x" * 16))
    array = np.zeros((config.rows, config.chain.hidden), config.wire_dtype)

    def forge(rng, to_left):
        channel, other = (Channel.GRADIENT, Channel.STATE) if to_left else (Channel.STATE, Channel.GRADIENT)

        def data(index, incarnation, by=frames):
            contents = Gradient(array) if to_left else State(array)
            message = Message(Kind.DATA, channel, index, incarnation, contents)
            return [bytes(frame) for frame in by.encode(message, 0.0)]

        header, body = data(rng.randrange(60), 3)
        size = struct.calcsize("<4sHBB16sIqdBBB")  # where the first array's rows and columns begin
        rest = header[size + 8 :]
        return rng.choice(
            [
                lambda: [rng.randbytes(rng.randrange(200)) for _ in range(rng.randrange(1, 4))],
                lambda: [header[:size] + rng.randbytes(8) + rest, body],
                lambda: [header[:size] + b"\xff" * 8 + rest, body],
                lambda: [header, body * 3],
                lambda: [header, body[:-1]],
                lambda: data(rng.randrange(60), 3, foreign),
                lambda: data(rng.randrange(60), rng.randrange(3)),
                lambda: frames.encode(Message(Kind.HELLO, other, rng.randrange(60), rng.randrange(3)), 0.0),
                lambda: frames.encode(Message(Kind.ASK, other, rng.randrange(60), rng.randrange(3)), 0.0),
                lambda: data(rng.randrange(2**20, 2**62), 3),
            ]
        )()

    def between(address, k):
        relays.append(Forger(address, folder, k, forge, count))
        return relays[-1].address

    chain = Threads(config, folder, way, between=between, incarnation=3)

    def dropped():
        return [chain.counts(reason) for reason in ("no message of this run", "of another incarnation", "far ahead")]

    try:
        assert chain.run(until=lambda: sum(dropped()) >= 6 * count) == Chain(config).run()
    finally:
        for relay in relays:
            relay.close()
    assert [relay.left for relay in relays] == [{True: 0, False: 0}] * 3
    assert sum(dropped()) == 6 * count >= 10_000
    assert min(dropped()) > 500, "of every kind"
    assert chain.counts("connections lost") == 0


@pytest.mark.parametrize("way", FILES)
def test_frames_that_are_far_too_large_end_connections_which_are_made_anew(folder, way, monkeypatch):
    """To the left box and to the right one, by and by. (ZeroMQ gives up, for good, a connection that it has made.)"""
    monkeypatch.setattr(zeromq, "RECONNECT_AFTER", 0.1)
    config, relays = setting(), []

    def between(address, k):
        relays.append(Forger(address, folder, k, lambda rng, to_left: [bytes(1_000_000)], count=2))
        relays[-1].BURST = 1
        return relays[-1].address

    chain = Threads(config, folder, way, between=between)
    try:
        assert chain.run() == Chain(config).run()
    finally:
        for relay in relays:
            relay.close()
    assert chain.counts("connections lost") >= 3 * 2


@pytest.mark.parametrize("way", WAYS)
def test_cut_connections_are_made_anew_and_greeting_is_enough(folder, way, monkeypatch):
    """With patience for the whole test, nobody ever asks: what the cut took is sent again because the boxes greet."""
    monkeypatch.setattr("dni_actors.runtime.worker.loop.ASK_AFTER", 1000.0)
    config, relays = setting(), []

    def between(address, k):
        relays.append(Cutter(address, folder, seed=k, every=4_000))
        return relays[-1].address

    chain = Threads(config, folder, way, between)
    try:
        assert chain.run() == Chain(config).run()
    finally:
        for relay in relays:
            relay.close()
    assert chain.counts("connections lost") >= 3 * 4
    assert all(relay.left <= 0 for relay in relays), "every boundary was cut as often as it was to be"


def test_a_stranger_cannot_take_the_neighbours_place(folder):
    """It connects first, knows nothing of the run, and stays."""
    config = setting()
    chain = Threads(config, folder, "ipc")
    context = zmq.Context()
    stranger = context.socket(zmq.DEALER)
    stranger.linger = 0
    stranger.connect(chain.addresses[0])
    for frames in ([b""], [b"x" * 54, b"y"], [b"z"] * 5):
        stranger.send_multipart(frames)
    assert chain.run() == Chain(config).run()
    assert chain.counts("no message of this run") == 3
    assert not stranger.poll(0)
    context.destroy()


def test_curve_lets_in_exactly_one_key(folder, monkeypatch):
    frames, nothing = Frames(RUN, states((2, 4))), lambda *_: None
    left, right, other = Keys.new(), Keys.new(), Keys.new()
    server = Links(0, frames, nothing, nothing)
    address = server.listen("tcp://127.0.0.1:*", left, right.public)
    for keys, key, fits in ((right, left.public, True), (other, left.public, False), (right, other.public, False)):
        came = threading.Event()
        client = Links(1, frames, nothing, came.set)
        client.connect(address, keys, key)
        if fits:
            assert eventually(lambda client=client, came=came: client.wait(0.1, -1) or came.is_set(), within=10)
        else:
            monkeypatch.setattr(zeromq, "CONNECT_WITHIN", 1.5)
            why = "it refuses our key" if keys is other else "nobody answers there|it is not who it should be"
            told = rf"box 1, tick 0: box 0 at tcp://127.0.0.1:\d+ could not be reached \(.*({why})\); .*--wire ray"
            with pytest.raises(BoxError, match=told):
                eventually(lambda client=client: client.wait(0.1, -1), within=10)
            assert not came.is_set()
        client.close()
    server.close()


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("ipc://" + "/tmp/" + "x" * 120, "set TMPDIR to a folder with a shorter name"),
        ("ipc:///nowhere/at/all", "check the address, or use --wire ray"),
        ("tcp://192.0.2.1:*", "check the address, or use --wire ray"),
    ],
)
def test_an_address_that_cannot_be_bound_is_told_with_a_remedy(where, sentence):
    wire = Links(2, Frames(RUN, states((2, 4))), lambda _: None, lambda: None)
    with pytest.raises(BoxError, match=rf"box 2, tick 0: {where.replace('*', '.')} cannot be bound \(.*\); {sentence}"):
        wire.listen(where)
    wire.close()


def test_the_folder_is_private_and_gone_after_its_maker(tmp_path):
    made = SocketFolder(0)
    assert os.stat(made.path).st_mode & 0o777 == 0o700
    made.close()
    assert eventually(lambda: not os.path.exists(made.path))


def test_a_box_whose_key_is_refused_says_so_even_while_it_asks():
    config = setting()
    frames, keys = Frames(RUN, layout(config)), Keys.new()
    server = Links(0, frames, lambda _: None, lambda: None)
    address = server.listen("tcp://127.0.0.1:*", keys, Keys.new().public)
    loop = Loop(config, 1)
    wire = loop.wire = Links(1, frames, loop.deliver, loop.connected)
    wire.connect(address, Keys.new(), keys.public)
    loop.start()
    assert eventually(lambda: loop.status().error is not None, within=20)
    assert "could not be reached (it refuses our key)" in str(loop.status().error)
    loop.stop()
    server.close()


def test_a_folder_that_cannot_be_made_is_told_with_box_and_remedy(monkeypatch):
    monkeypatch.setattr(folder_module, "JANITOR", "import sys; sys.exit('No space left on device')")
    with pytest.raises(
        BoxError, match=r"box 3, tick 0: no folder .* \(No space left on device\); set TMPDIR .* --wire ray"
    ):
        SocketFolder(3)
