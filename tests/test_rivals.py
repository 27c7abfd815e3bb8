"""The rival of exact backpropagation (bench/rivals) does the job that one box of ours does."""

from multiprocessing import get_context

import numpy as np
import pytest

from bench.rivals import data_parallel
from bench.rivals.common import Job
from bench.rivals.data_parallel import Exchange, Outer, Wires, run
from dni_actors.config.run import RunConfig
from dni_actors.nn.digest import digest
from dni_actors.nn.parameters import Parameters
from dni_actors.runtime.inline import Chain

TICKS, HIDDEN, RATE = 40, 8, 2e-3


def test_numpy_bptt_is_one_box_of_ours():
    shared = {"task": "rows", "boxes": 1, "update": "locked", "decay": "none", "evaluate_every": 0}
    config = RunConfig.of(**shared, hidden=HIDDEN, batch=32, ticks=TICKS, learning_rate=RATE)
    job = Job(32, HIDDEN, TICKS, RATE, None, config.learning.seed)
    figures, weights = run(job, 0, Wires(get_context("spawn"), 1, 1), 0.0, 0.0, 0.0)
    chain = Chain(config)
    chain.run()
    assert weights == digest(list(chain.steppers[0].box.named_weights().items()))
    (evaluation,) = chain.statuses()[0].evaluations
    assert figures.test_accuracy == pytest.approx(evaluation.accuracy)
    assert np.isfinite(figures.rate)


class Clock:
    """Stands still but for sleeping."""

    now = 100.0

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_a_narrow_link_carries_one_gradient_after_the_other_each_way_and_then_delays_it(monkeypatch):
    """As SlowLink does between boxes: 1,000 float32 at 8 megabits a second are 4 ms (tests/runtime/test_delays.py)."""
    clock = Clock()
    monkeypatch.setattr(data_parallel, "time", clock)
    wires = Wires(get_context("spawn"), 2, 1000)
    exchange, stamps = Exchange(wires, 0, delay=0.1, megabits=8), np.ctypeslib.as_array(wires.stamps)
    came = []
    # The last one was sent long after the one before it had passed: nothing is saved up, nothing is left over.
    for turn, sent in ((0, 100.0), (1, 100.001), (0, 200.0)):
        stamps[2 * turn + 1] = sent
        wires.sent[1][0].release()
        clock.now = sent
        exchange.add_up(np.ones(1000, np.float32))
        came.append(round(clock.now, 6))
    assert came == [100.104, 100.108, 200.104]


def test_an_outer_step_is_nesterovs_from_the_mean_way_and_all_go_on_from_it():
    """DiLoCo, algorithm 1, lines 8 to 12: rate .7, momentum .9; every second step here, of one process."""
    shared, inner = (Parameters({"w": (3,)}, np.float32) for _ in range(2))
    outer = Outer(shared, processes=1, every=2)
    expected, velocity = np.zeros(3), np.zeros(3)
    for n in range(1, 7):
        inner["w"][:] += [1, -2, n]
        if n % 2 == 0:
            went = expected - inner["w"]
            velocity = 0.9 * velocity + went
            expected = expected - 0.7 * (went + 0.9 * velocity)
        outer.step(inner, None)
        if n % 2 == 0:
            np.testing.assert_allclose(shared["w"], expected, rtol=1e-5)
            assert (inner["w"] == shared["w"]).all()
