"""Two engines that share no line of the protocol agree to the nanosecond, on whatever chain."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dni_actors.simulate import events
from dni_actors.simulate.cycle import path
from dni_actors.timing import recurrence
from dni_actors.timing.scene import Failures, Late, Nodes, Scene, Work, lognormal, no_noise, uniform

RULES = ("synthetic", "delayed", "local", "truncated", "locked")
COSTS = st.integers(0, 50)


@st.composite
def scenes(draw, failures=True):
    boxes, update = draw(st.integers(1, 6)), draw(st.sampled_from(RULES))

    def several(count):
        return np.array(draw(st.lists(COSTS, min_size=count, max_size=count)), np.int64)

    work = Work(*(several(boxes) for _ in Work._fields))
    dies = failures and draw(st.booleans())
    return Scene(
        update=update,
        lag=draw(st.integers(1, 5)),
        pieces=draw(st.integers(1, 3)) if update == "locked" else 1,
        work=work,
        latency=several(boxes - 1),
        sending=several(boxes - 1),
        noise=draw(st.sampled_from((no_noise(), lognormal(0.5), uniform(1.0, 3.0)))),
        asleep=Work(*(of // 2 for of in work)) if draw(st.booleans()) else None,
        emulated=draw(st.sampled_from((no_noise(), uniform(0.0, 1.0)))),
        jitter=draw(st.sampled_from((no_noise(), lognormal(1.0)))),
        # A death on average every few ticks, and cuts often enough to get on.
        failures=Failures(20 * sum(int(c.sum()) for c in work) + 2000.0, draw(COSTS), 1) if dies else None,
        seed=draw(st.integers(0, 1000)),
    )


@given(scenes(), st.integers(1, 15))
@settings(max_examples=300, deadline=None)
def test_both_engines_find_the_same_nanosecond(scene, ticks):
    one, other = recurrence.run(scene, ticks, 16), events.run(scene, ticks, 16)
    np.testing.assert_array_equal(one.finished, other.finished)
    assert (one.elapsed, one.rewinds, one.redone) == (other.elapsed, other.rewinds, other.redone)
    if scene.update != "locked":
        np.testing.assert_array_equal(one.late.state[:ticks], other.late.state[:ticks])
        np.testing.assert_array_equal(one.late.gradient[:ticks], other.late.gradient[:ticks])


@given(scenes(), st.integers(1, 10))
@settings(max_examples=50, deadline=None)
def test_nodes_with_a_core_for_each_box_change_nothing(scene, ticks):
    own = replace(scene, nodes=Nodes(tuple(range(scene.boxes)), cores=1, shared_uplink=False))
    np.testing.assert_array_equal(events.run(own, ticks).finished, recurrence.run(scene, ticks).finished)


def equal_boxes(boxes, lag=2, latency=0, **fields):
    third, none = np.full(boxes, 10), np.zeros(boxes, np.int64)
    links = np.full(boxes - 1, latency)
    return Scene("synthetic", lag, 1, Work(none, none, third, none, third, third), links, 0 * links, **fields)


def test_boxes_that_share_cores_take_as_long_as_the_cores_need():
    scene = equal_boxes(4, nodes=Nodes((0, 0, 1, 1), cores=1))
    finished = events.run(scene, 200).finished
    assert (finished[-1] - finished[99]) / 100 == pytest.approx(60)


def test_boxes_that_sleep_need_no_core():
    scene = equal_boxes(4, lag=8, nodes=Nodes((0,) * 4, cores=1))
    half = Work(*(of // 2 for of in scene.work))
    finished = events.run(replace(scene, asleep=half), 200).finished
    assert (finished[-1] - finished[99]) / 100 == pytest.approx(
        60, rel=0.01
    )  # of 120 ns of work in all, half needs the core


def test_a_chain_that_shares_cores_does_not_look_faster_towards_its_end():
    """The first boxes do not leave their cores to the others when they have done the last tick that is asked for."""
    scene = equal_boxes(8, lag=8, latency=100, nodes=Nodes((0,) * 8, cores=2), noise=lognormal(0.5))
    longer = events.run(scene, 80).finished
    np.testing.assert_array_equal(events.run(scene, 40).finished, longer[:40])


def test_a_shared_uplink_carries_one_message_after_the_other():
    scene = equal_boxes(4, lag=16, nodes=Nodes((0, 1, 0, 1), shared_uplink=True))
    slow = replace(scene, sending=np.full(3, 25))
    finished = events.run(slow, 400).finished
    # Node 0 sends states 0 -> 1 and 2 -> 3 and gradient 2 -> 1; so does node 1, the other way.
    assert (finished[-1] - finished[199]) / 200 == pytest.approx(75, rel=0.05)


def test_a_rewind_loses_what_came_after_the_last_cut():
    scene = equal_boxes(3, failures=Failures(2000.0, 100, 300), seed=1)
    calm = recurrence.run(equal_boxes(3), 300)
    times = recurrence.run(scene, 300)
    assert times.rewinds > 0
    assert times.redone > 0
    assert times.finished[-1] > calm.finished[-1] + 50 * times.rewinds


def test_both_engines_agree_where_links_queue_and_everything_varies():
    """Long enough for gradients to queue behind others, and for that to hold boxes up."""
    scene = equal_boxes(4, lag=3, latency=5, noise=lognormal(2.0), jitter=lognormal(2.0), seed=2)
    scene = replace(scene, sending=np.full(3, 12))
    one, other = recurrence.run(scene, 600), events.run(scene, 600)
    np.testing.assert_array_equal(one.finished, other.finished)


def test_cores_serve_first_who_came_first():
    scene = equal_boxes(4, lag=8, nodes=Nodes((0,) * 4, cores=1), noise=lognormal(1.0))
    most = max(int(scene.row(n).work.total.max()) for n in range(200))
    waited = events.run(scene, 200, 200).late.queue
    assert waited.max() <= 3 * 3 * most  # in each of three phases, for one phase of each other box


def test_the_path_back_accounts_for_every_tick():
    late = Late.of(8, 2)
    late.state[7, 1] = late.gradient[7, 0] = True  # tick 7 of box 1 waited for box 0, and that for tick 3 of box 1
    late.queue[7, 0], late.queue[2, 1], late.queue[6, 0] = 5, 3, 100
    own, crossed, queued = path(late, lag=4, ticks=8)
    assert (dict(own), dict(crossed)) == ({1: 4}, {0: 4})
    assert queued.total() == 8
