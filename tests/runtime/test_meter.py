"""What boxes tell of themselves beside their ticks: strips, depths, messages put, norms, memory."""

import mmap

import numpy as np
import pytest

from dni_actors.box.data.held_out import HeldOut
from dni_actors.box.messages import Gradient
from dni_actors.box.tally import Tally
from dni_actors.box.time_box import TimeBox
from dni_actors.observe.standing import Standing
from dni_actors.protocol.channel import Channel, Phase
from dni_actors.runtime.inline import Chain
from dni_actors.runtime.worker.loop import own_memory
from dni_actors.runtime.worker.meter import NORM_EVERY, Meter
from dni_actors.runtime.worker.timeline import Clock
from tests.tiny import tiny


def test_a_chains_strips_show_its_phases_and_end_at_one_instant(monkeypatch):
    chain = Chain(tiny(ticks=200))
    chain.run()
    # By now the ticks lie before no full quarter of a second, perhaps: the wall clock moves on, theirs does not.
    monkeypatch.setattr("dni_actors.runtime.worker.meter.STRIP_EVERY", 1e-6)
    strips = [status.strip for status in chain.statuses()]
    for k, strip in enumerate(strips):
        assert set("FBUE") <= set(strip.letters)
        assert ("S" in strip.letters) == (k < 2)
        assert strip.ages == tuple(sorted(strip.ages, reverse=True))
    assert "g" in strips[0].letters or "h" in strips[1].letters


@pytest.mark.parametrize("update", ["synthetic", "truncated", "locked"])
def test_messages_and_bytes_are_counted_where_they_are_put(update):
    config = tiny(update=update, ticks=10, evaluate_every=0)
    chain = Chain(config)
    chain.run()
    standing = Standing(config)
    for status in chain.statuses():
        standing.take(status)
    chunks = chain.steppers[0].box.held_out.chunks
    states, gradients = 2 * 10, 2 * 10 * (update != "truncated")
    assert standing.sent == (2 * 2 * 10 + 2 * chunks, (states + gradients + 2 * chunks) * 2 * 4 * 4)


def test_depths_stay_within_the_lag():
    chain = Chain(tiny(ticks=50, lag=3))
    for _ in chain.turns():
        for stepper in chain.steppers:
            status = stepper.status()
            assert 0 <= status.unanswered <= 3
            assert 0 <= status.waiting <= 6
    assert chain.steppers[0].status().unanswered == 3  # the last gradients stay untaken


def test_the_received_norm_is_that_of_a_sample_in_every_sixteenth_gradient():
    config = tiny(ticks=40)
    meter = Meter(config, 0, 0, Clock())
    for n in range(40):
        loud = np.full((2, 4), 3.0 if n % NORM_EVERY == 0 else 1e9, np.float32)
        meter.work(Phase.TRAIN)
        meter.took(Channel.GRADIENT, 1, Gradient(loud))
        meter.end(n, 0)
    meter.close_row(39, Tally())
    (row,) = meter.new_rows()
    assert row.received_norm == pytest.approx(6.0)


def test_without_gradients_there_is_no_norm():
    meter = Meter(tiny(ticks=1), 0, 0, Clock())
    meter.took(Channel.GRADIENT, 1, Gradient())
    meter.end(0, 0)
    meter.close_row(0, Tally())
    assert meter.new_rows()[0].received_norm is None


class Hands:
    """Clocks that a test turns."""

    now = 100.0

    def read(self):
        return self.now

    time = perf_counter = thread_time = read


def turned(monkeypatch):
    """Every clock of a box."""
    hands = Hands()
    for module in ("meter", "timeline"):
        monkeypatch.setattr(f"dni_actors.runtime.worker.{module}.time", hands)
    return hands


@pytest.mark.parametrize("boxes", [1, 3])
def test_evaluations_are_no_part_of_the_training_time(monkeypatch, boxes):
    """An update takes a second, a chunk of an evaluation a minute, and nothing else any time."""
    hands = turned(monkeypatch)

    def takes(seconds, method):
        def slow(*args):
            hands.now += seconds
            return method(*args)

        return slow

    monkeypatch.setattr(HeldOut, "score", takes(60, HeldOut.score))
    monkeypatch.setattr(TimeBox, "update", takes(1, TimeBox.update))
    chain = Chain(tiny(unroll=(7,) if boxes == 1 else (3, 2, 2), ticks=4, evaluate_every=1))
    for stepper in chain.steppers[: boxes == 1]:
        stepper.begin(Clock())  # as the only box of its process
    chain.run()
    last = chain.statuses()[-1]
    assert last.seconds == 4 * boxes
    assert last.elapsed == 4 * boxes + 4 * boxes * chain.steppers[0].box.held_out.chunks * 60


def test_a_wait_counts_for_the_channel_that_was_waited_for(monkeypatch):
    hands = turned(monkeypatch)
    meter = Meter(tiny(ticks=1), 0, 0, Clock())
    for seconds, channel in ((3, Channel.GRADIENT), (5, Channel.STATE), (0, Channel.STATE)):
        if seconds:
            meter.wait(channel)
        hands.now += seconds
        meter.took(channel, 0, Gradient())
        hands.now += 10  # at work
    meter.end(0, 0)
    meter.close_row(0, Tally())
    (row,) = meter.new_rows()
    assert (row.wait_gradient_seconds, row.wait_state_seconds, row.seconds) == (3, 5, 38)


def test_memory_is_that_of_this_process_alone():
    before = own_memory()
    if before is None:
        pytest.skip("this system does not tell")
    held = mmap.mmap(
        -1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    )  # new pages, whatever the allocator has kept of what others gave back
    held.write(b"1" * len(held))
    assert 0.9 * len(held) < own_memory() - before < 2 * len(held)
    held.close()
