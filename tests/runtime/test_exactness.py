"""Transparency: waiting for the true gradient, or synthesizing it exactly, is backpropagation through time."""

import numpy as np
import pytest

from dni_actors.box.data.feed import Feed
from dni_actors.box.time_box import TimeBox
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import zeros
from dni_actors.nn.cell import CELLS
from dni_actors.nn.synthesizer import Agreement
from dni_actors.runtime.inline import Chain
from tests.bptt import bptt
from tests.numerics import numeric_gradient
from tests.tiny import Tiny, tiny

UNROLLS = [(7,), (4, 3), (1, 6), (5, 1, 1), (2, 2, 3, 0), (1, 1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 1, 1, 1, 0)]
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
RATE, TICKS = 0.1, 6


def weights_of(chain):
    return [{name: w.copy() for name, w in stepper.box.parameters.items()} for stepper in chain.steppers]


def reference(config, boxes):
    """Trains by the oracle, one process, plain SGD: (final weights, true boundary gradients of every tick)."""
    batch = config.learning.batch
    feeds = [Feed(config, config.window(k)) for k in range(config.boxes)]
    boundaries = []
    for n in range(config.ticks):
        x = [zeros((steps, batch, Tiny.inputs + 1), config.chain.precision) for steps in config.unrolls]
        labels = np.zeros(batch, np.int64)
        for feed, window in zip(feeds, x, strict=True):
            feed.train(n, 0, window, labels)
        found = bptt(boxes, [w[..., :-1] for w in x], labels, np.zeros((batch, config.chain.hidden)))
        boundaries.append(found.boundaries)
        for weights, gradients in zip(boxes, found.weights, strict=True):
            for name, gradient in gradients.items():
                weights[name] -= RATE * gradient
    return boxes, boundaries


def setting(unroll, precision, update, **fields):
    chosen = {
        "ticks": TICKS,
        "batch": 3,
        "clip": 0.0,
        "optimizer": "sgd",
        "learning_rate": RATE,
        "local_readout": False,
    }
    shape = {"boxes": 3} if unroll is None else {"unroll": unroll}
    return tiny(RunConfig.lenient, **shape, precision=precision, update=update, **(chosen | fields))


def assert_same_weights(found, expected, tolerance):
    for box, wanted in zip(found, expected, strict=True):
        assert box.keys() == wanted.keys()
        for name, weight in box.items():
            np.testing.assert_allclose(weight, wanted[name], rtol=tolerance, atol=tolerance * np.abs(weight).max())


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("unroll", UNROLLS, ids=str)
def test_locked_boxes_do_backpropagation_through_time(unroll, precision):
    config = setting(unroll, precision, "locked")
    chain = Chain(config)
    expected, _ = reference(config, weights_of(chain))
    chain.run()
    assert_same_weights(weights_of(chain), expected, TOLERANCE[precision])


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("pieces", [2, 3, 6])
def test_so_do_they_with_their_mini_batch_in_pieces(pieces, precision):
    config = setting((2, 2, 3, 0), precision, "locked", batch=6, micro_batches=pieces)
    chain = Chain(config)
    expected, _ = reference(config, weights_of(chain))
    chain.run()
    assert_same_weights(weights_of(chain), expected, TOLERANCE[precision])


def late_gradients(config, boxes):
    """The rule `delayed`, said plainly: in tick n box k goes back through tick n - L (K-1-k), by today's weights, or
    with the corrections `stash` and `both` by those of then; with `nesterov` and `both` its steps look ahead."""
    correction = config.learning.delay_correction
    stashes, looks_ahead = correction in ("stash", "both"), correction in ("nesterov", "both")
    velocity = [{name: np.zeros_like(w) for name, w in weights.items()} for weights in boxes]
    lag, last, batch = config.learning.lag, config.boxes - 1, config.learning.batch
    feeds = [Feed(config, config.window(k)) for k in range(config.boxes)]
    trails, sent = {}, {}  # by (box, tick): what went forward, and what was sent back, and of which tick it is
    for n in range(config.ticks):
        h, labels, steps = np.zeros((batch, config.chain.hidden)), np.zeros(batch, np.int64), []
        for k, weights in enumerate(boxes):
            x = zeros((config.unrolls[k], batch, Tiny.inputs + 1), "float64")
            feeds[k].train(n, 0, x, labels)
            trail = [h]
            for x_t in x:
                trail.append(np.tanh(x_t @ weights["input"] + trail[-1] @ weights["recurrent"]))
            then = {name: w.copy() for name, w in weights.items()} if stashes else weights
            trails[k, n], h = (x, trail, labels.copy(), then), trail[-1]
        for k, weights in enumerate(boxes):
            of = n - lag * (last - k)
            if of < 0:
                continue
            x, trail, labels_then, then = trails[k, of]
            step = {name: np.zeros_like(w) for name, w in weights.items()}
            if k == last:
                p = np.exp(trail[-1] @ weights["readout"] + weights["readout_bias"])
                d_logits = p / p.sum(axis=1, keepdims=True) - np.eye(Tiny.classes)[labels_then]
                step["readout"], step["readout_bias"] = trail[-1].T @ d_logits / batch, d_logits.mean(axis=0)
                d = d_logits @ weights["readout"].T
            else:
                d = sent[k + 1, n - lag]
            for t in reversed(range(len(x))):
                a = (1 - trail[t + 1] ** 2) * d
                step["input"] += x[t].T @ a / batch
                step["recurrent"] += trail[t].T @ a / batch
                d = a @ then["recurrent"].T
            sent[k, n] = d
            mu = 0.9 + 0.09 * (last - k) / (last + 1) if config.learning.momentum_by_delay else 0.99
            steps.append((weights, velocity[k], mu, step))
        for weights, v, mu, step in steps:
            for name, gradient in step.items():
                v[name] = mu * v[name] + (1 - mu) * gradient
                weights[name] -= RATE * (mu * v[name] + (1 - mu) * gradient if looks_ahead else gradient)
    return boxes


@pytest.mark.parametrize("unroll", [(7,), (4, 3), (3, 2, 2), (2, 2, 3, 0)], ids=str)
@pytest.mark.parametrize("lag", [1, 2])
@pytest.mark.parametrize("correction", ["none", "stash", "nesterov", "both", "both, momentum by delay"])
def test_delayed_boxes_use_the_true_gradient_lag_ticks_late_per_boundary(unroll, lag, correction):
    correction, _, by_delay = correction.partition(", ")
    given = {"delay_correction": correction, "momentum_by_delay": bool(by_delay)}
    config = setting(unroll, "float64", "delayed", lag=lag, ticks=12, **given)
    chain = Chain(config)
    expected = late_gradients(config, weights_of(chain))
    chain.run()
    assert_same_weights(weights_of(chain), expected, TOLERANCE["float64"])


class Exact:
    """A synthesizer that knows: tick by tick, the true gradient at its boundary."""

    def __init__(self, gradients):
        self._gradients = iter(gradients)

    def predict(self, z):
        return next(self._gradients)

    def weight_gradients(self, z, received, next_synthetic=None):
        return Agreement(0, 1, 1)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("unroll", UNROLLS[1:], ids=str)
def test_decoupled_boxes_with_the_exact_gradient_do_too(unroll, precision):
    config = setting(unroll, precision, "synthetic")
    chain = Chain(config)
    expected, boundaries = reference(config, weights_of(chain))
    for k, stepper in enumerate(chain.steppers[:-1]):
        stepper.box.boundary._synthesizer = Exact([tick[k].astype(precision) for tick in boundaries])
    chain.run()
    assert_same_weights(weights_of(chain), expected, TOLERANCE[precision])


def test_without_the_exact_gradient_they_do_not():
    config = setting((4, 3), "float64", "truncated")
    chain = Chain(config)
    expected, _ = reference(config, weights_of(chain))
    chain.run()
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same_weights(weights_of(chain), expected, 1e-4)


@pytest.mark.parametrize("task", ["tiny", "tiny-steps", "tiny-numbers"])
@pytest.mark.parametrize("cell", [*CELLS, "dense"])
def test_a_locked_chain_of_any_cell_goes_down_the_loss_of_any_task(cell, task, rng):
    """Every box's step is the rate times the slope of the whole chain's loss, by finite differences."""
    if (cell, task) == ("dense", "tiny-steps"):
        return
    config = setting(None if cell == "dense" else (3, 2, 2), "float64", "locked", cell=cell, ticks=1, task=task)
    boxes = [TimeBox(config, k) for k in range(3)]
    for box in boxes:
        box.load(0)

    def loss():
        state, total = boxes[0].enter(0, None), 0.0
        for box in boxes:
            state = box.forward(state).copy()
            if box._pieces[0].readout is not None:
                total += float(box._pieces[0].read().loss.sum())
        return total / config.learning.batch

    slopes = [numeric_gradient(loss, box.parameters.values) for box in boxes]
    before = [box.parameters.values.copy() for box in boxes]
    chain = Chain(config)
    chain.run()
    for stepper, start, slope in zip(chain.steppers, before, slopes, strict=True):
        np.testing.assert_allclose(start - stepper.box.parameters.values, RATE * slope, atol=1e-8)
