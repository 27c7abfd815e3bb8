"""Small chains, exhaustively: each course ends, within the bounds, and brings the same to every box (claims 1 to 3)."""

import pytest

from dni_actors.config.run import RunConfig
from dni_actors.protocol.post import Post
from tests.protocol.explorer import Explorer
from tests.tiny import tiny

TWO, THREE, FOUR = (4, 3), (3, 2, 2), (2, 2, 2, 1)  # unrolls
COURSES = [
    # boxes, lag, ticks, what else, faults at most
    (TWO, 1, 5, {}, 3),
    (TWO, 2, 5, {}, 3),
    (THREE, 1, 4, {}, 2),
    (THREE, 2, 3, {}, 2),
    (FOUR, 1, 3, {}, 1),
    (TWO, 1, 3, {"update": "locked", "micro_batches": 2}, 3),
    (THREE, 1, 2, {"update": "locked", "micro_batches": 2}, 2),
    (TWO, 1, 4, {"unlock": "full"}, 3),
    (THREE, 1, 3, {"unlock": "full"}, 1),
    (TWO, 1, 4, {"task": "copy", "streams": 1}, 2),
    (THREE, 1, 3, {"task": "copy", "streams": 2}, 1),
]


def explored(unroll, lag, ticks, fields, faults):
    config = tiny(RunConfig.lenient, unroll=unroll, lag=lag, ticks=ticks, batch=10, evaluate_every=0, **fields)
    explorer = Explorer(config, faults)
    return explorer, explorer.explore()


def without_end(explorer, before):
    """The states from which no course leads to the run's end."""
    left = [state for state in before if explorer.ended(state)]
    found = set(left)
    while left:
        for state in before[left.pop()]:
            if state not in found:
                found.add(state)
                left.append(state)
    return before.keys() - found


@pytest.mark.parametrize(("unroll", "lag", "ticks", "fields", "faults"), COURSES, ids=str)
def test_every_course_ends_within_its_bounds_and_brings_the_same_to_every_box(unroll, lag, ticks, fields, faults):
    explorer, before = explored(unroll, lag, ticks, fields, faults)
    assert not without_end(explorer, before)
    assert len({explorer.values(state) for state in before if explorer.ended(state)}) == 1


def test_a_course_that_cannot_end_is_found(monkeypatch):
    """One message lost, and nobody asks."""
    monkeypatch.setattr(Post, "ask", lambda post, take: None)
    assert not without_end(*explored(TWO, 1, 3, {}, 0))
    assert without_end(*explored(TWO, 1, 3, {}, 1))
