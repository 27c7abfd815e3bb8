import tracemalloc

import numpy as np
import pytest

from dni_actors.box.errors import NonFiniteError
from dni_actors.box.messages import Gradient
from dni_actors.box.piece import Judged
from dni_actors.box.rates import Rates
from dni_actors.box.tally import Tally
from dni_actors.box.time_box import TimeBox
from dni_actors.config.run import RunConfig
from dni_actors.nn.synthesizer import Agreement
from tests.numerics import frozen
from tests.tiny import tiny


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"local_readout": False},
        {"cell": "lstm"},
        {"cell": "gru"},
        {"trust": "readout", "synthetic_scale": 0.5},
        {"update": "local"},
    ],
    ids=str,
)
def test_state_names_everything_that_a_box_carries(fields):
    """A fresh box that gets the state of another one goes on as that one does."""
    config = tiny(optimizer="adam", **fields)
    shape = (2, config.state_width)

    def tick(box, n):
        if n >= box.lag and config.learning.update == "synthetic":
            box.learn(n, Gradient(frozen(np.full(shape, 0.1 * n, np.float32))))
        box.load(n)
        box.forward(frozen(np.full(shape, 0.1, np.float32)))
        sent, used = box.synthesize(n)
        box.backward(sent)
        if used is not sent:
            box.backward_again(used)
        box.update(n)

    whole, first = TimeBox(config, 1), TimeBox(config, 1)
    for n in range(8):
        tick(whole, n)
    for n in range(4):
        tick(first, n)
    second = TimeBox(config, 1)
    for name, array in first.state().items():
        second.state()[name][...] = array
    for n in range(4, 8):
        tick(second, n)
    assert second.digest() == whole.digest()
    np.testing.assert_array_equal(second.tally.sums, whole.tally.sums)


def test_a_steady_tick_allocates_no_array():
    """Its largest arrays are 256 KiB; what is left are view objects, and the epoch's few indices."""
    config = RunConfig.of(task="rows", boxes=2, batch=256, hidden=256, lag=1)
    for k in range(2):
        box = TimeBox(config, k)
        message = frozen(np.full((256, 256), 0.01, np.float32))

        def tick(n, box=box, message=message):
            box.load(n)
            box.forward(message)
            box.backward(box.synthesize(n)[0])
            box.update(n)
            if not box.is_last:
                box.learn(n + 1, Gradient(message))

        tick(0)
        tracemalloc.start()
        tick(1)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20_000


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ("none", [1, 1, 1, 1]),
        ("linear", [1, 0.75, 0.5, 0]),
        ("cosine", [1, 0.854, 0.5, 0]),
        ("warm-cosine", [0.5, 0.933, 0.587, 0]),
    ],
)
def test_rates_go_as_the_decay_says(decay, expected):
    rates = Rates(
        tiny(ticks=20, decay=decay, learning_rate=[0.5, 9, 9], synthesizer_learning_rate=2.0, local_learning_rate=4.0),
        k=0,
    )
    for rate, whole in ((rates.box, 0.5), (rates.synthesizer, 2.0), (rates.local, 4.0)):
        assert [rate(n) / whole for n in (0, 5, 10, 20)] == pytest.approx(expected, abs=1e-3)


def test_the_update_is_clipped_to_its_norm():
    config = tiny(optimizer="sgd", learning_rate=1.0, clip=1e-3, update="locked")
    box = TimeBox(config, 0)
    before = box.parameters.values.copy()
    box.load(0)
    box.forward(box.enter(0, None))
    box.backward(frozen(np.ones((2, 4), np.float32)))
    box.update(0)
    assert np.linalg.norm(box.parameters.values - before) == pytest.approx(1e-3, rel=1e-3)


@np.errstate(all="ignore")
def test_what_is_not_finite_is_named_with_box_tick_and_knob():
    box = TimeBox(tiny(), 1)
    box.load(3)
    box.forward(box.enter(0, None))
    box.synthesize(3)
    box.backward(frozen(np.full((2, 4), np.nan, np.float32)))
    with pytest.raises(NonFiniteError, match="box 1, tick 3: the weight gradient is no longer finite; lower --learn"):
        box.update(3)
    box.parameters["recurrent"][1, 2] = np.inf
    with pytest.raises(NonFiniteError, match="box 1, tick 4: a weight is no longer finite"):
        box.verify(4)
    with pytest.raises(NonFiniteError, match=r"box 1, tick 5: the synthesizer's gradient .* lower --synthesizer-learn"):
        box.learn(5, Gradient(frozen(np.full((2, 4), np.inf, np.float32))))


def test_a_box_with_a_loss_tells_its_mean_and_the_share_of_right_answers():
    box = TimeBox(tiny(boxes=1), 0)
    box.load(0)
    box.forward(box.enter(0, None))
    right, loss = box._pieces[0].read().correct.mean(), box._pieces[0].read().loss.mean()
    box.backward(None)
    means = box.tally.means()
    assert means["accuracy"] == right
    assert means["loss"] == pytest.approx(loss)


def test_a_tally_gives_means_and_none_where_there_is_nothing():
    tally = Tally()
    assert tally.means() == {
        "updates": 0, "loss": None, "accuracy": None, "synthesizer_error": None, "cosine": None, "norm_ratio": None
    }  # fmt: skip
    tally.updated()
    tally.learned(Judged(4, 3, 2.0, 4))
    tally.trained(Agreement(1.0, 0.5, 2.0))
    tally.trained(Agreement(3.0, 0.0, 1.0))
    assert tally.means() == {
        "updates": 1, "loss": 0.5, "accuracy": 0.75, "synthesizer_error": 2.0, "cosine": 0.25, "norm_ratio": 1.5
    }  # fmt: skip
    tally.reset()
    assert not tally.sums.any()
