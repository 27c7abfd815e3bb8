import numpy as np
import pytest

from dni_actors.box.errors import ProtocolError
from dni_actors.box.messages import Gradient, State
from dni_actors.protocol.channel import Channel, Put, Take
from dni_actors.protocol.inbox import Inbox


@pytest.fixture
def inbox():
    return Inbox(1, {Channel.STATE: 2, Channel.GRADIENT: 1})


def test_a_message_waits_for_its_index_whatever_the_order_of_arrival(inbox):
    inbox.first[Channel.STATE] = 7
    inbox.add(Channel.STATE, 8, State(np.ones(1)), at_tick=3)
    inbox.add(Channel.STATE, 7, State(np.zeros(1)), at_tick=4)
    assert inbox.holds(Take(Channel.STATE, 7))
    assert not inbox.holds(Take(Channel.GRADIENT, 7))
    assert inbox.take(Take(Channel.STATE, 7)).at_tick == 4
    assert inbox.holds(Take(Channel.STATE, 8))


def test_a_message_beyond_its_channels_bound_is_out_of_reach_until_its_time_comes(inbox):
    inbox.add(Channel.GRADIENT, 0, Gradient(), at_tick=5)
    assert not inbox.within_reach(Channel.GRADIENT, 1)
    inbox.take(Take(Channel.GRADIENT, 0))
    assert inbox.within_reach(Channel.GRADIENT, 1)
    inbox.skip(Channel.STATE, 9)
    assert inbox.within_reach(Channel.STATE, 10)
    assert not inbox.add(Channel.STATE, 8, State(np.zeros(1)), at_tick=6)


def test_more_states_out_than_the_bound_are_a_defect(inbox):
    for n in range(2):
        inbox.sent(Put(Channel.STATE, n, State(np.zeros(1))))
    inbox.add(Channel.GRADIENT, 0, Gradient(), at_tick=1)
    inbox.take(Take(Channel.GRADIENT, 0))
    inbox.sent(Put(Channel.STATE, 2, State(np.zeros(1))))
    with pytest.raises(ProtocolError, match="box 1, tick 3: 3 states are out unanswered at put State 3"):
        inbox.sent(Put(Channel.STATE, 3, State(np.zeros(1))))


def test_a_message_that_comes_twice_is_left_out(inbox):
    assert inbox.add(Channel.STATE, 0, State(np.zeros(1)), at_tick=5)
    assert not inbox.add(Channel.STATE, 0, State(np.ones(1)), at_tick=5)
    assert inbox.take(Take(Channel.STATE, 0)).contents.state == 0
    assert not inbox.add(Channel.STATE, 0, State(np.zeros(1)), at_tick=6)
    assert not inbox.holds(Take(Channel.STATE, 0))
