import numpy as np

from dni_actors.nn.streams import Stream
from dni_actors.protocol.channel import Channel, Take
from dni_actors.protocol.post import Kind, Message
from dni_actors.runtime.worker import delays
from dni_actors.runtime.worker.delays import Arrivals, Delay


class Hands:
    """A clock that a test turns."""

    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        return self.now


def test_a_slow_link_holds_a_message_and_its_slack_counts_from_when_it_came(monkeypatch):
    clock = Hands()
    monkeypatch.setattr(delays, "time", clock)
    came = []
    link = Delay(2.0, 2.0, 0, Stream.LINK_DELAY)
    arrivals = Arrivals(0, link, lag=8, admit=lambda message, tick, at: came.append((message.index, tick, at)))
    arrivals.begin(3)
    arrivals.add(Message(Kind.DATA, Channel.GRADIENT, 0, 0, (np.ones(1),)))
    clock.now = 101.0
    arrivals.begin(4)
    arrivals.move()
    assert came == []
    assert arrivals.next_due == 1.0
    for n in (5, 6, 7):  # it comes in tick 4 + 1 s, and is looked for in tick 7
        clock.now += 0.9
        arrivals.begin(n)
    arrivals.move()
    assert came == [(0, 5, 102.0)]
    assert arrivals.next_due is None


def test_a_slow_link_counts_from_when_the_message_was_sent(monkeypatch):
    clock = Hands()
    monkeypatch.setattr(delays, "time", clock)
    arrivals = Arrivals(0, Delay(2.0, 2.0, 0, Stream.LINK_DELAY), lag=1, admit=lambda *_: None)
    arrivals.add(Message(Kind.DATA, Channel.STATE, 0, sent=99.5))
    assert arrivals.next_due == 1.5
    assert arrivals.expects(Take(Channel.STATE, 0))
    assert not arrivals.expects(Take(Channel.STATE, 1))


def test_delays_are_functions_of_their_place_within_their_bounds():
    delay = Delay(0.1, 0.3, 5, Stream.COMPUTE_DELAY)
    drawn = [delay.draw(n, lane) for n in range(50) for lane in range(2)]
    assert drawn == [delay.draw(n, lane) for n in range(50) for lane in range(2)]
    assert len(set(drawn)) == 100
    assert all(0.1 <= seconds <= 0.3 for seconds in drawn)
    assert Delay(0.2, 0.2, 5, Stream.COMPUTE_DELAY).draw(7, 0) == 0.2
