import numpy as np
import pytest

from dni_actors.box.messages import Gradient, State
from dni_actors.nn.streams import Stream
from dni_actors.protocol.channel import Channel, Take
from dni_actors.protocol.layout import on_the_line
from dni_actors.protocol.post import Kind, Message
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.worker import delays
from dni_actors.runtime.worker.delays import Delay, SlowLink
from tests.tiny import tiny


class Hands:
    """A clock that a test turns."""

    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        return self.now


def link(delay, monkeypatch):
    """Of box 0, its clock, and what it has delivered."""
    clock, came = Hands(), []
    monkeypatch.setattr(delays, "time", clock)
    return SlowLink(tiny(link_delay_ms=delay), 0, came.append), clock, came


def test_a_slow_link_holds_a_message_until_its_time_comes(monkeypatch):
    slow, clock, came = link("2000", monkeypatch)
    message = Message(Kind.DATA, Channel.GRADIENT, 0)
    slow.add(message)
    clock.now = 101.0
    slow.release()
    assert (came, slow.next_due) == ([], 1.0)
    clock.now = 102.5
    slow.release()
    assert (came, slow.next_due) == ([message], None)


def test_a_slow_link_counts_from_when_the_message_was_sent(monkeypatch):
    slow, _, _ = link("2000", monkeypatch)
    slow.add(Message(Kind.DATA, Channel.STATE, 0, sent=99.5))
    assert slow.next_due == 1.5
    assert slow.holds(Take(Channel.STATE, 0))
    assert not slow.holds(Take(Channel.STATE, 1))


def test_a_narrow_link_carries_one_message_after_the_other_in_each_direction(monkeypatch):
    """8 Mbit/s are a byte in a microsecond: 10 ms for 10,000 bytes, and then 100 ms under way."""
    clock, came = Hands(), []
    monkeypatch.setattr(delays, "time", clock)
    narrow = SlowLink(tiny(link_mbps=8, link_delay_ms="100"), 1, came.append)

    def data(channel, index, kind):
        return Message(Kind.DATA, channel, index, 0, kind(np.zeros((25, 100), np.float32)), sent=clock.now)

    def due():
        return [round(at - 100.0, 6) for at, _ in narrow._held]

    for index in range(3):
        narrow.add(data(Channel.STATE, index, State))
    assert due() == [0.11, 0.12, 0.13]
    narrow.add(data(Channel.GRADIENT, 0, Gradient))  # the other way nothing is before it
    assert due()[3:] == [0.11]
    narrow.add(Message(Kind.ASK, Channel.GRADIENT, 0))  # from the left box: behind the states, and of no size
    assert due()[4:] == [0.13]
    clock.now = 100.5
    narrow.release()
    assert len(came) == 5
    narrow.add(data(Channel.STATE, 3, State))  # the link stood idle: nothing is saved up
    assert due() == [0.61]


def test_a_ticks_seconds_on_the_line_are_those_of_its_messages():
    bare = tiny(boxes=3, link_mbps=8)
    size = bare.rows * bare.state_width * 4
    assert on_the_line(bare) == pytest.approx((size * 1e-6, size * 1e-6))
    for kind, times in (("float16", 0.5), ("int8", 0.25)):
        scales = 4 * bare.rows if kind == "int8" else 0
        assert on_the_line(bare.replace(wire_dtype=kind))[0] == pytest.approx((times * size + scales) * 1e-6)
    assert on_the_line(bare.replace(auxiliary=True, synthesizer="mlp1"))[1] == pytest.approx(size * 2e-6)
    assert on_the_line(bare.replace(link_mbps=0)) == (0.0, 0.0)


def test_a_gradients_slack_counts_from_the_tick_in_which_it_came():
    """In an inline chain nothing comes later than it was put, so a gradient is ready in the tick of its put."""
    config = tiny(boxes=2, ticks=40, lag=3, evaluate_every=0, compute_delay_ms="1", link_delay_ms="4")
    chain = Chain(config)
    chain.run()
    slacks = [row.slack for row in chain.statuses()[0].rows if row.first_tick > 10]
    assert max(slacks) < 3, "the link's delay takes a part of the lag"


def test_delays_are_functions_of_their_place_within_their_bounds():
    delay = Delay(0.1, 0.3, 5, Stream.COMPUTE_DELAY)
    drawn = [delay.draw(n, lane) for n in range(50) for lane in range(2)]
    assert drawn == [delay.draw(n, lane) for n in range(50) for lane in range(2)]
    assert len(set(drawn)) == 100
    assert all(0.1 <= seconds <= 0.3 for seconds in drawn)
    assert Delay(0.2, 0.2, 5, Stream.COMPUTE_DELAY).draw(7, 0) == 0.2
