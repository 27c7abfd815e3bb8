"""The lag law, by hand: boxes of 10 ms (a third each forward, backward, update), links of 20 ms one way."""

import math

import pytest

from bench.law import busy, decoupled_period, least_lag, locked_period
from dni_actors.observe.spent import Cost

BOX = Cost(train=0.0, forward=0.01 / 3, backward=0.01 / 3, update=0.01 / 3, cpu=0.0)


def chain(boxes, delay):
    return [BOX] * boxes, [2 * delay] * (boxes - 1)


def test_sixteen_boxes_on_slow_links_run_as_fast_as_one_box_where_lock_step_crawls():
    costs, links = chain(16, 0.020)
    assert decoupled_period(costs, links, lag=8) == pytest.approx(0.010)
    assert 1 / locked_period(costs, links) == pytest.approx(1.41, abs=0.005)


def test_too_small_a_lag_waits_for_the_round_trip():
    costs, links = chain(2, 0.020)
    assert decoupled_period(costs, links, lag=2) == pytest.approx((3 * 0.01 / 3 + 0.040) / 2)


def test_the_least_lag_is_the_one_below_which_the_period_grows():
    for delay in (0.0, 0.001, 0.005, 0.02, 0.05):
        costs, links = chain(4, delay)
        lag = least_lag(costs, links)
        assert decoupled_period(costs, links, lag) == pytest.approx(busy(costs))
        assert lag == 1 or decoupled_period(costs, links, lag - 1) > busy(costs)


def test_pieces_overlap_and_so_shorten_lock_step():
    costs, links = chain(4, 0.0)
    assert locked_period(costs, links) == pytest.approx((4 * 2 + 1) * 0.01 / 3)
    assert locked_period(costs, links, pieces=4) == pytest.approx((7 / 4 * 2 + 1) * 0.01 / 3)


def test_boxes_that_share_cores_take_as_long_as_the_cores_need():
    working = [BOX._replace(cpu=0.01)] * 4
    assert busy(working, cores=2) == pytest.approx(0.02)
    # A round trip of 3 thirds at half speed, 20 ms, against ticks of 20 ms.
    assert least_lag(working, [0.0] * 3, cores=2) == 1
    assert least_lag(working, [0.001] * 3, cores=2) == 2


def test_one_box_has_nobody_to_wait_for():
    assert least_lag([BOX], [], cores=math.inf) == 1


def test_where_states_are_taken_late_too_half_the_lag_covers_a_round_trip():
    for link in (0.0, 0.01, 0.1):
        whole = least_lag([BOX, BOX], [link])
        assert least_lag([BOX, BOX], [link], lags=2) == (whole + 1) // 2
    assert decoupled_period([BOX], [], lag=1) == pytest.approx(0.01)


def test_no_lag_hides_a_link_that_carries_only_so_much():
    """A round trip of 2 s, and a link that a tick's messages occupy for 100 ms: a lag of 21 is enough, not 201."""
    costs, links = chain(3, 1.0)
    assert decoupled_period(costs, links, lag=500, line=0.1) == 0.1
    assert (least_lag(costs, links, line=0.1), least_lag(costs, links)) == (21, 201)
    assert decoupled_period(costs, links, lag=21, line=0.1) == 0.1
    assert decoupled_period(costs, links, lag=20, line=0.1) > 0.1
