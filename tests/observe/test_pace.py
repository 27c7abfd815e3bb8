"""The lag that `--lag auto` and the advice find by simulation: more than the closed form's where costs vary."""

import math

import pytest

from bench.law import least_lag as by_the_law
from dni_actors.observe.pace import Pace, larger, pace
from dni_actors.observe.spent import Cost
from dni_actors.timing.lag import busy, least_lag, trips
from tests.tiny import tiny

THIRD = 0.02 / 3
BOX = Cost(train=0.0, forward=THIRD, backward=THIRD, update=THIRD, cpu=0.0)
STEADY = Pace("synthetic", (BOX,) * 4, (0.03,) * 3, 0.0, (0.02, 0.02), (0.015, 0.015), math.inf)


def test_where_nothing_varies_it_is_that_of_the_law():
    assert least_lag(STEADY.scene(1)) == by_the_law([BOX] * 4, [0.03] * 3) == 3


def test_work_and_links_that_vary_take_a_larger_lag_to_be_hidden():
    """Both have the same means as before."""
    varying = STEADY._replace(work=(0.005, 0.035), delay=(0.005, 0.025))
    assert trips(varying.scene(1)) == pytest.approx(trips(STEADY.scene(1)))
    assert least_lag(varying.scene(1)) > least_lag(STEADY.scene(1))


def test_a_better_lag_comes_with_what_it_brings():
    better = larger(STEADY, 1)
    assert better == (3, pytest.approx(0.05), pytest.approx(0.02))
    assert larger(STEADY, 7).lag == 7


def test_boxes_that_share_cores_take_as_long_as_the_cores_need():
    working = STEADY._replace(costs=(BOX._replace(cpu=0.02),) * 4, work=(0.0, 0.0), cores=2.0)
    assert busy(working.scene(1)) == pytest.approx(0.04e9)


def test_what_is_emulated_comes_from_the_configuration():
    config = tiny(boxes=2, lag=2, compute_delay_ms="5:35", link_delay_ms="10", update="noise")
    found = pace(config, [BOX, BOX], [0.03], 2)
    assert (found.rule, found.work, found.delay) == ("truncated", (0.005, 0.035), (0.01, 0.01))
    scene = found.scene(2)
    assert scene.sleeps.sum(axis=0) == pytest.approx([20e6] * 2)
    assert (scene.latency.tolist(), len(scene.jitter), len(scene.emulated)) == ([15_000_000], 1, 4096)
