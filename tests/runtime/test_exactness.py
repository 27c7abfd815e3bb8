"""Transparency: waiting for the true gradient, or synthesizing it exactly, is backpropagation through time."""

import numpy as np
import pytest

from dni_actors.box.feed import Feed
from dni_actors.nn.arrays import zeros
from dni_actors.nn.bptt import bptt
from dni_actors.nn.synthesizer import Agreement
from dni_actors.runtime.inline import Chain
from tests.tiny import Tiny, tiny

UNROLLS = [(7,), (4, 3), (1, 6), (5, 1, 1), (2, 2, 3, 0), (1, 1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 1, 1, 1, 0)]
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
RATE, TICKS = 0.1, 6


def weights_of(chain):
    return [{name: w.copy() for name, w in stepper.box.parameters.items()} for stepper in chain.steppers]


def reference(config, boxes):
    """Trains by the oracle, one process, plain SGD: (final weights, true boundary gradients of every tick)."""
    batch = config.learning.batch
    feeds = [Feed(config, k) for k in range(config.boxes)]
    boundaries = []
    for n in range(config.ticks):
        x = [zeros((steps, batch, Tiny.inputs + 1), config.chain.precision) for steps in config.unrolls]
        labels = np.zeros(batch, np.int64)
        for feed, window in zip(feeds, x, strict=True):
            feed.train(n, window, labels)
        found = bptt(boxes, [w[..., :-1] for w in x], labels, np.zeros((batch, config.chain.hidden)))
        boundaries.append(found.boundaries)
        for weights, gradients in zip(boxes, found.weights, strict=True):
            for name, gradient in gradients.items():
                weights[name] -= RATE * gradient
    return boxes, boundaries


def setting(unroll, precision, update):
    return tiny(
        unroll=unroll, precision=precision, update=update, ticks=TICKS, batch=3, clip=0.0, optimizer="sgd",
        learning_rate=RATE,
    )  # fmt: skip


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


class Exact:
    """A synthesizer that knows: tick by tick, the true gradient at its boundary."""

    def __init__(self, gradients):
        self._gradients = iter(gradients)

    def predict(self, z):
        return next(self._gradients)

    def weight_gradients(self, z, received):
        return Agreement(0, 1, 1)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("unroll", UNROLLS[1:], ids=str)
def test_decoupled_boxes_with_the_exact_gradient_do_too(unroll, precision):
    config = setting(unroll, precision, "synthetic")
    chain = Chain(config)
    expected, boundaries = reference(config, weights_of(chain))
    for k, stepper in enumerate(chain.steppers[:-1]):
        stepper.box.synthesizer = Exact([tick[k].astype(precision) for tick in boundaries])
    chain.run()
    assert_same_weights(weights_of(chain), expected, TOLERANCE[precision])


def test_without_the_exact_gradient_they_do_not():
    config = setting((4, 3), "float64", "truncated")
    chain = Chain(config)
    expected, _ = reference(config, weights_of(chain))
    chain.run()
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same_weights(weights_of(chain), expected, 1e-4)
