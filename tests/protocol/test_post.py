from collections import Counter

import numpy as np
import pytest

from dni_actors.box.messages import Gradient, State
from dni_actors.protocol.channel import Channel, Put, Take
from dni_actors.protocol.inbox import Inbox
from dni_actors.protocol.post import Kind, Message, Post
from tests.tiny import states

REACH = {Channel.STATE: 3, Channel.GRADIENT: 3, Channel.SCORE: 8}


class Pair:
    """A box, and what it has sent."""

    def __init__(self, dtype="float32", first=None):
        self.sent = []
        self.inbox = Inbox(0, dict(REACH), first)
        self.post = Post(self.inbox, REACH, states((2, 3), dtype), lambda *sent: self.sent.append(sent))

    def told(self):
        """What was sent since the last call, as (direction, kind, channel, index)."""
        told = [(d, m.kind.name, str(m.channel), m.index) for d, m in self.sent]
        self.sent.clear()
        return told


@pytest.fixture
def box():
    return Pair()


WORK = np.ones((2, 3), np.float32)


def data(channel, index, incarnation=0):
    return Message(Kind.DATA, channel, index, incarnation, State(WORK))


def test_a_put_goes_where_its_channel_goes_as_a_read_only_copy(box):
    work = np.ones((2, 3), np.float32)
    box.post.put(Put(Channel.STATE, 0, State(work)))
    work[:] = 5
    (direction, message), *rest = box.sent
    assert (direction, rest) == (1, [])
    assert message.contents.state.max() == 1
    assert not message.contents.state.flags.writeable


def test_an_ask_is_answered_with_all_that_is_kept_from_its_index_on(box):
    for n in range(5):
        box.post.put(Put(Channel.GRADIENT, n, Gradient()))
    box.told()
    box.post.receive(Message(Kind.ASK, Channel.GRADIENT, 3))
    assert box.told() == [(-1, "DATA", "Gradient", 3), (-1, "DATA", "Gradient", 4)]
    box.post.receive(Message(Kind.ASK, Channel.GRADIENT, 0))
    assert box.told() == [(-1, "DATA", "Gradient", n) for n in (2, 3, 4)], "as many as can be under way"
    assert box.post.counts["sent again"] == 5


def test_a_hello_from_the_right_is_answered_by_one_and_from_the_left_is_not(box):
    box.post.put(Put(Channel.STATE, 0, State(WORK)))
    box.told()
    box.post.receive(Message(Kind.HELLO, Channel.STATE, 0))
    assert box.told() == [(1, "DATA", "State", 0), (1, "HELLO", "Gradient", 0)]
    box.post.receive(Message(Kind.HELLO, Channel.GRADIENT, 0))
    assert box.told() == []


def test_a_box_greets_with_what_it_still_wants():
    box = Pair(first={Channel.STATE: 7, Channel.GRADIENT: 5, Channel.SCORE: 40})
    box.post.greet(-1)
    assert box.told() == [(-1, "HELLO", "State", 7), (-1, "ASK", "Score", 40)]


def test_an_index_left_out_is_asked_for_at_once(box):
    assert box.post.receive(data(Channel.STATE, 0))
    assert box.told() == []
    assert box.post.receive(data(Channel.STATE, 2))
    assert box.told() == [(-1, "ASK", "State", 1)]
    assert box.post.receive(data(Channel.STATE, 1))
    assert box.told() == []


def test_what_came_before_is_of_another_incarnation_or_far_ahead_is_dropped_and_counted(box):
    assert not box.post.receive(data(Channel.STATE, 0, incarnation=1))
    assert not box.post.receive(data(Channel.STATE, 3))
    for _ in range(2):
        box.post.receive(data(Channel.STATE, 0))
        box.post.admit(data(Channel.STATE, 0), 0, "float32")
    assert box.post.counts == Counter({"of another incarnation": 1, "far ahead": 1, "came twice": 1})
    assert box.inbox.holds(Take(Channel.STATE, 0))
    assert not box.inbox.holds(Take(Channel.STATE, 3))


def test_who_waits_asks_the_side_that_the_channel_comes_from(box):
    box.post.ask(Take(Channel.STATE, 4))
    box.post.ask(Take(Channel.GRADIENT, 2))
    assert box.told() == [(-1, "ASK", "State", 4), (1, "ASK", "Gradient", 2)]


def test_half_precision_rounds_on_the_way_and_the_box_gets_its_own_type():
    box = Pair(dtype="float16")
    box.post.put(Put(Channel.STATE, 0, State(np.array([1 / 3], np.float32))))
    message = box.sent[0][1]
    assert message.contents.state.dtype == np.float16
    box.post.admit(message, 0, "float32")
    array = box.inbox.take(Take(Channel.STATE, 0)).contents.state
    assert array.dtype == np.float32
    assert array[0] == np.float32(np.float16(1 / 3))
