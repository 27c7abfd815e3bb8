"""What the chain's standing says of its lag."""

import pytest

from dni_actors.observe.events import Status
from dni_actors.observe.standing import Standing
from tests.tiny import metrics_row, tiny


def hints(*rows, lag=4, **fields):
    """Of a chain whose boxes gave these rows."""
    standing = Standing(tiny(boxes=len(rows), lag=lag, ticks=100, **({"runtime": "ray"} | fields)))
    for k, row in enumerate(rows):
        told = metrics_row(k, first_tick=50, last_tick=99, **row)
        standing.take(Status(k, 100, "done", rows=(told,), messages=(("asked", k), ("came twice", 0))))
    assert standing.messages == ({"asked": sum(range(len(rows)))} if len(rows) > 1 else {})
    return standing.hints


STARVED = ({"slack": 0.0, "wait_gradient_seconds": 0.8}, {"slack": None, "wait_state_seconds": 0.7})


def test_slack_zero_on_a_boundary_where_both_boxes_wait_means_too_small_a_lag():
    (hint,) = hints(*STARVED)
    assert hint.startswith("slack 0: box 0 waits 80% of its time for gradients, box 1 70% for states: the lag of 4 is")


def test_a_box_that_a_slower_one_holds_back_is_as_it_should_be():
    assert hints(STARVED[0], {"slack": None, "wait_state_seconds": 0.0}) == []


def test_slack_of_the_whole_lag_everywhere_means_too_large_a_lag():
    fresh = {"slack": 3.0, "wait_gradient_seconds": 0.0, "wait_state_seconds": 0.0}
    (hint,) = hints(fresh, fresh, fresh | {"slack": None})
    assert hint.startswith("slack 3.0, always: the lag of 4 is larger than needed")
    assert hints(fresh, fresh | {"slack": 1.0}, fresh | {"slack": None}) == []


@pytest.mark.parametrize("fields", [{"update": "locked"}, {"runtime": "inline"}], ids=str)
def test_where_waiting_says_nothing_of_the_lag_nothing_is_said(fields):
    assert hints(*STARVED, lag=2, **fields) == []
