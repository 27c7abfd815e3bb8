"""The engines, by which `--lag auto` and the advice go, find what the lag law says in closed form, where it applies:
fixed costs, and nothing shared."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.law import decoupled_period, least_lag, locked_period
from dni_actors.observe.spent import Cost
from dni_actors.timing import recurrence
from dni_actors.timing.scene import Scene, Work

TICKS = 1200


@st.composite
def chains(draw, update):
    boxes = draw(st.integers(1, 6))

    def several(count, most=100):
        return np.array(draw(st.lists(st.integers(0, most), min_size=count, max_size=count)), np.int64)

    train, forward, synthesize, backward, update_ = (several(boxes) for _ in range(5))
    train[-1] = synthesize[-1] = 0
    if update != "synthetic":
        train[:] = synthesize[:] = 0
    work = Work(np.zeros(boxes, np.int64), train, 1 + forward, synthesize, backward, update_)
    return Scene(update, draw(st.integers(1, 6)), 1, work, several(boxes - 1, 500), several(boxes - 1))


def costs(scene):
    work = scene.work
    back = work.synthesize + work.backward
    return [Cost(*map(float, of), cpu=0.0) for of in zip(work.train, work.forward, back, work.update, strict=True)]


def links(scene):
    return (2.0 * scene.latency + scene.sending + scene.gradient_sending).tolist()


@given(st.sampled_from(("synthetic", "delayed")).flatmap(chains))
@settings(max_examples=150, deadline=None)
def test_the_law_gives_the_period_of_a_decoupled_chain(scene):
    scene = replace(scene, warm=True)  # `delayed` as after its first L (K-1) ticks
    law = decoupled_period(costs(scene), links(scene), scene.lag, line=float(scene.sending.max(initial=0)))
    assert recurrence.run(scene, TICKS).period == pytest.approx(law, rel=0.01)


@given(chains("locked"))
@settings(max_examples=50, deadline=None)
def test_the_law_gives_the_period_of_a_locked_chain_or_a_little_more(scene):
    """Its update may hide behind other boxes' work: the law counts the longest one in full."""
    law, found = locked_period(costs(scene), links(scene)), recurrence.run(scene, 100).period
    assert found <= law + 1e-6
    assert found >= law - scene.work.update.max()


@given(chains("synthetic"))
@settings(max_examples=50, deadline=None)
def test_the_least_lag_of_the_law_is_the_least_that_is_as_fast_as_can_be(scene):
    least = least_lag(costs(scene), links(scene), line=float(scene.sending.max(initial=0)))
    best, at, below = (
        recurrence.run(replace(scene, lag=lag), TICKS).period for lag in (10 * least, least, max(1, least - 1))
    )
    assert at == pytest.approx(best, rel=0.01)
    if least > 1:
        assert below > best
