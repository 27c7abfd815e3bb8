"""The timeline: instants in a ring, and what is read off it: strips, sums of the metrics, slices of the trace."""

import numpy as np
import pytest

from dni_actors.box.tally import Tally
from dni_actors.observe.strip import MOST, Strip
from dni_actors.observe.trace import CODES, ROWS, SLICES
from dni_actors.protocol.channel import Channel, Phase
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.worker import timeline
from dni_actors.runtime.worker.meter import Meter
from dni_actors.runtime.worker.timeline import SIZE, Clock, Timeline
from dni_actors.runtime.worker.tracer import Tracer
from tests.tiny import tiny


class Hands:
    """Clocks that a test turns."""

    def __init__(self):
        self.now = self.cpu = 0.0

    def perf_counter(self):
        return self.now

    def thread_time(self):
        return self.cpu


@pytest.fixture
def hands(monkeypatch):
    found = Hands()
    monkeypatch.setattr(timeline, "time", found)
    return found


BY_LETTER = {"F": "forward", "B": "backward", "U": "update", "h": "wait State", "p": "prepare"}


def line(hands, *several):
    found = Timeline(Clock())
    for now, letter in several:
        hands.now = now
        found.add(timeline.CODES[BY_LETTER[letter]], 0)
    return found


def test_a_strip_holds_the_marks_before_its_end_and_what_was_going_on_a_second_ago(hands):
    found = line(hands, (0.0, "F"), (1.0, "B"), (2.5, "U"), (2.9, "p"), (3.0, "h"), (3.5, "F"))
    strip = found.strip(3.25, 100.0)
    assert (strip.until, strip.letters) == (100.0, "BUh"), "preparing has no letter of its own"
    assert strip.ages == pytest.approx((2.25, 0.75, 0.25))
    assert line(hands).strip(3.0, 100.0) == Strip(100.0, (), "")


def test_the_ring_forgets_and_a_strip_has_no_more_marks_than_it_may(hands):
    found = line(hands, *((i * 1e-5, "FB"[i % 2]) for i in range(3 * SIZE + 5)))
    end = (3 * SIZE + 4) * 1e-5
    strip = found.strip(end, 0.0)
    assert len(strip.letters) == len(strip.ages) == MOST
    assert strip.ages[-1] == pytest.approx(0.0)
    assert strip.ages[0] == pytest.approx((MOST - 1) * 1e-5)
    assert found.strip(0.0, 0.0).letters == ""  # long overwritten


def turn(hands, wall, cpu=None):
    hands.now += wall
    hands.cpu += wall if cpu is None else cpu


def test_a_row_tells_where_the_time_went(hands):
    """CPU time by phase, waits by the wall; what lies between ticks, or in others' turns, is none of the row's."""
    spans = []
    meter = Meter(tiny(ticks=1), 0, 0, Clock(), settled=spans.append)
    meter.run(True)
    meter.between(0)
    meter.work(Phase.EVALUATE)
    turn(hands, 100.0)
    meter.begin(0)
    turn(hands, 1.0)  # preparing
    meter.wait(Channel.STATE)
    turn(hands, 8.0, cpu=0.5)
    meter.run(False)
    turn(hands, 4.0, cpu=3.0)  # somebody else's CPU time
    meter.run(True)
    meter.took(Channel.STATE, 0, None)
    meter.work(Phase.FORWARD)
    turn(hands, 2.0)
    meter.delayed(16.0)
    meter.work(Phase.UPDATE)
    turn(hands, 32.0, cpu=31.0)
    meter.end(0, 7)
    meter.close_row(0, Tally())
    (row,) = meter.new_rows()
    assert (row.prepare_seconds, row.forward_seconds, row.update_seconds) == (1.5, 18.0, 31.0)
    assert (row.train_seconds, row.synthesize_seconds, row.backward_seconds) == (0, 0, 0)
    assert (row.wait_state_seconds, row.wait_gradient_seconds) == (12.0, 0.0)
    assert (row.cpu_seconds, row.delay_seconds, row.seconds) == (34.5, 16.0, 47.0)
    assert (meter.cpu_seconds, meter.elapsed) == (134.5, 147.0)


def test_nothing_is_lost_when_the_ring_comes_round(hands):
    meter = Meter(tiny(ticks=1), 0, 0, Clock())
    meter.run(True)
    meter.begin(0)
    for i in range(2 * SIZE):
        meter.work(Phase.BACKWARD if i % 2 else Phase.FORWARD)
        turn(hands, 3.0 if i % 2 else 1.0)
    meter.end(0, 0)
    meter.close_row(0, Tally())
    (row,) = meter.new_rows()
    assert (row.forward_seconds, row.backward_seconds) == (SIZE, 3 * SIZE)


def test_slivers_belong_to_the_slice_after_them_but_never_to_another_tick(hands):
    tracer = Tracer(tiny(ticks=2, trace="full"), 0)
    meter = Meter(tiny(ticks=2), 0, 0, Clock(), settled=tracer.spans)
    for n in range(2):
        meter.begin(n)
        turn(hands, 1e-6)
        for phase, seconds in ((Phase.FORWARD, 1.0), (Phase.SYNTHESIZE, 1e-6), (Phase.BACKWARD, 2.0)):
            meter.work(phase)
            turn(hands, seconds)
        meter.work(Phase.UPDATE)
        turn(hands, 2e-6)
        meter.end(n, 0)
        turn(hands, 1.0)
    meter.settle()
    rows = np.frombuffer(tracer.new().rows, ROWS)
    known = {CODES[name]: name for name in SLICES}
    told = [(known[row["kind"]], int(row["tick"]), round(float(row["end"] - row["begin"]), 7)) for row in rows]
    assert (
        told
        == [
            ("forward", 0, 1.000001),
            ("backward", 0, 2.000001),
            ("prepare", 1, 1.0),
            ("forward", 1, 1.000001),
            ("backward", 1, 2.000001),
            ("prepare", 2, 1.0),
        ][: len(told)]
    )
    assert len(told) >= 5


def test_boxes_without_a_synthesizer_train_none():
    chain = Chain(tiny(ticks=60))
    chain.run()
    trained = [sum(row.train_seconds for row in status.rows) for status in chain.statuses()]
    assert trained[0] > 0
    assert trained[1] > 0
    assert trained[2] == 0, "the last box"
    locked = Chain(tiny(ticks=20, update="locked"))
    locked.run()
    assert [row.train_seconds for status in locked.statuses() for row in status.rows if row.train_seconds] == []
