"""Clocks of nodes that know nothing of each other, brought together by the messages between them."""

import numpy as np
import pytest

from dni_actors.observe.clocks import aligned, aligned_messages, corrections, offsets
from dni_actors.observe.trace import EVENTS, MESSAGES


def exchanged(rng, clocks, boundaries, n=50, least=0.010):
    """MESSAGES both ways over boundaries between nodes, each at least `least` seconds on its way; `clocks` [nodes]."""
    found = np.zeros((len(boundaries), 2, n), MESSAGES)
    for of_boundary, (left, right) in zip(found, boundaries, strict=True):
        for one, (here, there) in zip(of_boundary, ((left, right), (right, left)), strict=True):
            sent = np.sort(rng.uniform(0, 10, n))
            arrived = sent + least + rng.exponential(0.005, n)
            one["from_node"], one["to_node"] = here, there
            one["sent"], one["arrived"] = sent + clocks[here], arrived + clocks[there]
            one["taken"] = one["arrived"] + 0.001
    return found.ravel()


def test_clocks_agree_to_within_half_a_round_trip_along_a_chain_of_nodes(rng):
    clocks = np.array([500.0, 12.0, 90000.0])
    found = offsets(exchanged(rng, clocks, [(0, 1), (1, 2)]), 3)
    assert found == pytest.approx(clocks - clocks[0], abs=2e-3)
    assert found[0] == 0


def test_no_message_arrives_before_it_was_sent(rng):
    clocks = np.array([3.0, -7.0])
    found = exchanged(rng, clocks, [(0, 1)])
    events = np.zeros(2, EVENTS)
    events["node"], events["begin"] = [0, 1], clocks
    events["end"] = events["begin"] + 11
    added = corrections(events, offsets(found, 2))
    corrected = aligned_messages(found, added)
    assert (corrected["arrived"] >= corrected["sent"]).all()
    assert (corrected["taken"] - corrected["arrived"]) == pytest.approx(0.001)
    shifted = aligned(events, added)
    assert shifted["begin"] == pytest.approx([0, 0], abs=5e-3)
    assert events["begin"].tolist() == clocks.tolist()


def test_a_node_that_is_heard_from_one_side_only_keeps_its_clock(rng):
    found = exchanged(rng, np.array([0.0, 5.0]), [(0, 1)])
    assert offsets(found[found["from_node"] == 0], 2).tolist() == [0, 0]
    assert offsets(found[:0], 2).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("second", "expected"),
    [(12.0, 12.0), (4.0, 11.0), (5000.0, 11.0)],
    ids=["a restart", "the machine was booted anew", "resumed the next day"],
)
def test_incarnations_follow_each_other(second, expected):
    spans = np.zeros(2, EVENTS)
    spans["incarnation"], spans["begin"], spans["end"] = [0, 1], [100, 100 + second], [110, 120 + second]
    shifted = aligned(spans, corrections(spans, np.zeros(1)))
    assert shifted["begin"].tolist() == [0, expected]
    assert shifted["end"].tolist() == [10, expected + 20]
