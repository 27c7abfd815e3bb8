"""What the system's own stream sockets could do to two boxes, and do not."""

import errno
import os
import socket

import numpy as np
import pytest

from dni_actors.box.errors import BoxError
from dni_actors.box.messages import Gradient, State
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.layout import layout
from dni_actors.protocol.post import Kind, Message
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.wires import connection, stream
from dni_actors.runtime.wires.folder import SocketFolder
from dni_actors.runtime.wires.frames import Frames
from dni_actors.runtime.wires.links import Links
from tests.processes import eventually
from tests.runtime.wires.relays import packed
from tests.runtime.wires.test_links import CASES, MORE, RUN, Threads, setting
from tests.tiny import states

SHAPE = (256, 512)
GREETING = Message(Kind.HELLO, Channel.STATE, 0)


class Pair:
    """The two ends of a boundary, and what came to them."""

    def __init__(self, folder, shape=SHAPE):
        self.frames = Frames(RUN, states(shape))
        self.path = f"{folder}/000"
        self.came = {-1: [], 1: []}  # by the side from where it came
        self.left = Links(0, self.frames, self.came[1].append, lambda: None)
        self.right = Links(1, self.frames, self.came[-1].append, lambda: self.right.carry(-1, GREETING))
        self.left.listen(f"unix://{self.path}")
        self.right.connect(f"unix://{self.path}")

    def turn(self):
        self.left.wait(0.01, 1)
        self.right.wait(0.01, -1)

    def meet(self):
        assert eventually(lambda: self.turn() or GREETING.kind in [m.kind for m in self.came[1]])

    def data(self, side):
        return [message for message in self.came[side] if message.kind is Kind.DATA]

    def close(self):
        self.left.close()
        self.right.close()


@pytest.fixture
def folder():
    made = SocketFolder(0)
    yield made.path
    made.close()


@pytest.fixture
def pair(folder):
    made = Pair(folder)
    yield made
    made.close()


def state(index, value):
    return Message(Kind.DATA, Channel.STATE, index, 0, State(np.full(SHAPE, value, np.float32)))


def gradient(index, value, shape=SHAPE):
    return Message(Kind.DATA, Channel.GRADIENT, index, 0, Gradient(np.full(shape, value, np.float32)))


def test_two_boxes_that_fill_each_others_buffers_lose_nothing_and_do_not_block(pair):
    """30 MiB in either direction before anybody reads: more than any socket takes."""
    pair.meet()
    for n in range(60):
        pair.left.carry(1, state(n, n))
        pair.right.carry(-1, gradient(n, -n))
    assert None not in (pair.left._links[1].blocked, pair.right._links[-1].blocked), "more than they take at once"
    assert eventually(lambda: pair.turn() or (len(pair.data(1)), len(pair.data(-1))) == (60, 60))
    for n, (there, back) in enumerate(zip(pair.data(-1), pair.data(1), strict=True)):
        assert (there.index, back.index) == (n, n)
        assert (there.contents.state == n).all()
        assert (back.contents.gradient == -n).all()
    assert pair.left._links[1].blocked is pair.right._links[-1].blocked is None
    assert pair.left.broken + pair.right.broken + pair.left.dropped + pair.right.dropped == 0


@pytest.mark.parametrize("scheme", ["unix", "ipc"])
def test_the_rest_of_a_message_goes_out_while_the_box_waits_for_the_other_neighbour(folder, scheme):
    """A box in the middle of a chain, over either kind of link on its left."""
    came, frames = [], Frames(RUN, states(SHAPE))
    first, middle = (Links(k, frames, lambda _: None, lambda: None) for k in (0, 1))
    last = Links(2, frames, came.append, lambda: last.carry(-1, GREETING))
    middle.connect(first.listen(f"{scheme}://{folder}/000"))
    last.connect(middle.listen(f"unix://{folder}/001"))
    assert eventually(lambda: last.wait(0.01, -1) or middle.wait(0.01, 1) or middle._links[1]._peer is not None)
    for n in range(60):
        middle.carry(1, state(n, n))
    assert middle._links[1].blocked is not None
    assert eventually(lambda: last.poll(-1) or middle.wait(0.05, -1) or len(came) == 60)
    for one in (first, middle, last):
        one.close()


def test_half_a_message_is_none_until_the_rest_has_come(folder):
    pair = Pair(folder, shape=(8, 16))
    pair.meet()
    pair.right._links[-1]._peer.close()  # somebody else takes the place, with the same secret
    one = socket.socket(socket.AF_UNIX)
    one.connect(pair.path)
    one.sendall(packed(pair.frames.encode(GREETING, 0.0)))
    frames = [bytes(frame) for frame in pair.frames.encode(gradient(0, 1, (8, 16)), 0.0)]
    data = packed(frames)
    one.sendall(data[:300])
    for _ in range(5):
        pair.left.wait(0.01, 1)
    assert pair.data(1) == []
    one.sendall(data[300:])
    assert eventually(lambda: pair.left.wait(0.01, 1) or len(pair.data(1)) == 1)
    one.sendall(data[:300])
    one.close()
    assert eventually(lambda: pair.left.wait(0.01, 1) or pair.left.broken >= 2)
    assert len(pair.data(1)) == 1
    assert pair.left.dropped == 0
    pair.close()


@pytest.mark.parametrize("case", ["synthetic", "GPipe", "shared weights"])
def test_the_digest_is_that_of_the_inline_runtime_where_sockets_take_a_part_of_a_message_at_a_time(
    folder, case, monkeypatch
):
    monkeypatch.setattr(connection, "ROOM", 1)  # the system makes it a few kilobytes
    config = setting(hidden=400, **(CASES | MORE)[case])
    chain = Threads(config, folder, "unix")
    assert chain.run() == Chain(config).run()
    assert chain.counts("no message of this run") == chain.counts("connections lost") == 0


def test_after_a_write_that_fails_nothing_follows_the_half_message(folder, monkeypatch):
    """The system may be short of memory for a moment: then the rest of a message is lost, and the connection works."""

    class Short(socket.socket):
        calls = 0

        def sendmsg(self, views):
            self.calls += 1
            if self.calls % 20 == 19:
                data = b"".join(views)
                return self.send(data[: len(data) // 2])
            if self.calls % 20 == 0:
                raise OSError(errno.ENOBUFS, "No buffer space available")
            return super().sendmsg(views)

    def short():
        one = Short(socket.AF_UNIX)
        one.setblocking(False)
        return one

    monkeypatch.setattr(stream, "stream", short)
    config = setting(boxes=3)
    chain = Threads(config, folder, "unix")
    assert chain.run() == Chain(config).run()
    assert chain.counts("connections lost") > 0
    assert chain.counts("no message of this run") == 0


def test_a_stranger_that_stays_does_not_keep_the_neighbour_out(folder):
    config = setting()
    chain = Threads(config, folder, "unix")
    path = chain.addresses[0].removeprefix("unix://")
    strangers = [socket.socket(socket.AF_UNIX) for _ in range(3 * stream.STRANGERS)]
    for one in strangers:
        one.connect(path)
    strangers[-1].sendall(packed([b"x" * 54, b"y"]) + b"and half a")
    assert chain.run() == Chain(config).run()
    assert chain.counts("no message of this run") == 1
    for one in strangers:
        one.close()


def test_another_users_process_is_refused_on_either_side(folder, monkeypatch):
    monkeypatch.setattr(connection.os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(stream, "CONNECT_WITHIN", 0.3)
    pair = Pair(folder)
    with pytest.raises(BoxError, match=r"box 0 at unix://\S+ could not be reached \(a process of another user listens"):
        eventually(pair.turn)
    assert pair.came == {-1: [], 1: []}
    assert pair.left.dropped > 0
    pair.close()


@pytest.mark.parametrize("path", ["/tmp/" + "x" * 120, "/nowhere/at/all"])
def test_an_address_that_cannot_be_bound_is_told_with_a_remedy(path):
    wire = Links(2, Frames(RUN, states((2, 4))), lambda _: None, lambda: None)
    remedy = "set TMPDIR to a folder with a shorter name" if "x" in path else "check the address, or use --wire ray"
    with pytest.raises(BoxError, match=rf"box 2, tick 0: unix://{path} cannot be bound \(.*\); {remedy}"):
        wire.listen(f"unix://{path}")
    wire.close()


def test_a_system_without_credentials_or_without_room_for_the_messages_has_no_such_link(monkeypatch):
    assert connection.fits(Frames(RUN, layout(setting())).heaviest)
    assert not connection.fits(1 << 30)
    monkeypatch.delattr(connection.socket, "SO_PEERCRED")
    assert not connection.fits(1)


@pytest.mark.parametrize("fits", [True, False])
def test_a_box_takes_zeromq_where_the_states_under_way_do_not_fit(ray_cluster, folder, monkeypatch, fits):
    config, asked = setting(lag=5), []
    monkeypatch.setattr("dni_actors.runtime.worker.actor.fits", lambda size: asked.append(size) or fits)
    from dni_actors.runtime.worker.actor import BoxActor  # late: Ray reads settings as it is imported

    box = object.__new__(BoxActor)  # whose making changes its process
    box._k, box._loop, box._folder = 0, None, None
    box.stand(config, RUN, 0, None)
    assert box.listen(f"unix://{folder}/000", b"", True) == f"{'unix' if fits else 'ipc'}://{folder}/000"
    assert asked == [5 * Frames(RUN, layout(config)).heaviest]
    box.rest()
