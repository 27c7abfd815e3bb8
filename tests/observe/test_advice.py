"""What the metrics give cause to warn of."""

import math

import pytest

from dni_actors.observe.advice import Health
from dni_actors.observe.events import Place, Started, Status
from tests.tiny import metrics_row, tiny

TICKS = 10_000


def warnings(rows, box=1, **fields):
    """Warnings of a chain of three boxes, of which one gives these rows, 100 ticks each."""
    health = Health(tiny(boxes=3, ticks=TICKS, **fields))
    found = []
    for i, row in enumerate(rows):
        given = metrics_row(box, first_tick=100 * i, last_tick=100 * i + 99, **row)
        found += health.take(Status(box, 100 * i + 100, "forward", rows=(given,)))
    return [warned.text for warned in found]


def test_a_healthy_run_is_told_nothing():
    assert warnings([{}] * 50) == []
    assert warnings([{"cosine": None, "norm_ratio": None, "received_norm": None}] * 50, box=2) == []


@pytest.mark.parametrize(
    ("row", "box", "fields", "sentence"),
    [
        ({"cosine": -0.1}, 0, {}, "box 0: synthetic gradient points away from the received one for 500 ticks; lower "),
        ({"cosine": 0.03}, 1, {}, "box 1: synthetic gradient hardly points along the received one (cosine 0.03)"),
        ({"cosine": 0.03}, 1, {"conditioned": False}, "use --conditioned: without the label there is little"),
        ({"norm_ratio": 7.0}, 0, {}, "box 0: synthetic gradient is 7 times as long as the received one for 500 ticks"),
        ({"loss": math.nan}, 2, {}, "box 2: loss or gradient no longer finite at tick 199; lower --learning-rate"),
    ],
    ids=str,
)
def test_an_ill_box_is_told_once_with_advice(row, box, fields, sentence):
    (text,) = warnings([row] * 60, box, **fields)
    assert sentence in text


def test_what_passes_is_not_told():
    away, well = {"cosine": -0.5}, {}
    assert warnings([away] * 4 + [well] + [away] * 4) == []


@pytest.mark.parametrize(("loss", "warned"), [(0.1, False), (0.9, True)])
def test_where_the_chain_has_learned_its_task_gradients_say_nothing_of_synthesizers(loss, warned):
    health = Health(tiny(boxes=3, ticks=TICKS))
    found = []
    for i in range(20):
        ticks = {"first_tick": 100 * i, "last_tick": 100 * i + 99}
        last = metrics_row(2, loss=loss if i else 1.0, cosine=None, norm_ratio=None, **ticks)
        found += health.take(Status(2, 0, "forward", rows=(last,)))
        ill = metrics_row(1, cosine=-0.5, norm_ratio=90.0, received_norm=1.0 if i > 9 else 0.01, **ticks)
        found += health.take(Status(1, 0, "forward", rows=(ill,)))
    assert len(found) == (3 if warned else 0)


def test_a_dull_cosine_upstream_is_no_sign():
    assert warnings([{"cosine": 0.03}] * 60, box=0) == []


def test_a_received_norm_that_grows_tenfold_is_told():
    (text,) = warnings([{"received_norm": 0.01}] * 9 + [{"received_norm": 0.2}] * 3)
    assert text.startswith("box 1: received gradient is 20 times as long as usual, at tick 1199; lower ")
    assert warnings([{"received_norm": 0.01}] * 9 + [{"received_norm": 0.09}] * 9) == []
    assert (
        warnings([{"received_norm": 0.01}] * 9 + [{"received_norm": 0.2}, {}] * 9) == []
    )  # a hard mini-batch is no sign
    assert warnings([{"received_norm": 0.01}] * 9 + [{"received_norm": 0.2}] * 9, box=0) == []  # nor is growth upstream


def test_ticks_that_are_done_again_do_not_count_twice():
    health = Health(tiny(boxes=3, ticks=TICKS))
    for start in range(8):
        given = metrics_row(1, first_tick=100 + start, last_tick=499, cosine=-0.5)
        assert health.take(Status(1, 500, "forward", rows=(given,))) == []
        health.take(Started((Place(0, 1, "n", "h", "k"),), 100))
