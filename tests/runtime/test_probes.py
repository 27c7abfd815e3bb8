"""Probes: exact gradients on validation samples, between ticks; nothing is learned from them."""

import math
import random

import numpy as np
import pytest

from dni_actors.box.data.feed import Feed
from dni_actors.nn.arrays import zeros
from dni_actors.nn.synthesizer import agreement
from dni_actors.runtime.inline import Chain
from tests.bptt import bptt
from tests.tiny import Tiny, tiny


def probed(chain):
    return sorted(row for status in chain.statuses() for row in status.probes)


@pytest.mark.parametrize("fields", [{}, {"lambda": 0.5}, {"unlock": "full"}, {"task": "tiny-steps"}], ids=str)
def test_the_digest_is_the_same_with_and_without_probes(fields):
    config = tiny(**fields, ticks=12, evaluate_every=4)
    expected = Chain(config).run()
    for seed in range(3):
        chain = Chain(config.replace(probe_every=4), schedule=random.Random(seed))
        assert chain.run() == expected
        assert [(row.tick, row.box) for row in probed(chain)] == [(n, k) for n in (4, 8, 12) for k in (0, 1)]


def test_a_probe_compares_with_backpropagation_through_the_whole_chain():
    config = tiny(unroll=(3, 2, 2), precision="float64", ticks=7, probe_every=5, synthesizer_learning_rate=0.05)
    short = Chain(config.replace(ticks=5, probe_every=0))
    short.run()
    boxes = [stepper.box for stepper in short.steppers]
    x, labels = [zeros((steps, 2, Tiny.inputs + 1), "float64") for steps in config.unrolls], np.zeros(2, np.int64)
    for k, window in enumerate(x):
        Feed(config, config.window(k)).held_out(1, window, labels)  # the second of the validation chunks
    weights = [dict(box.parameters.items()) for box in boxes]
    exact = bptt(weights, [window[..., :-1] for window in x], labels, np.zeros((2, 4))).boundaries
    h, expected = np.zeros((2, 4)), []
    for k, box in enumerate(boxes[:-1]):
        for x_t in x[k]:
            h = np.tanh(x_t @ weights[k]["input"] + h @ weights[k]["recurrent"])
        z = np.hstack([h, np.eye(2)[labels], np.ones((2, 1))])
        expected.append(agreement(z @ box.boundary.parameters["synthesizer"], exact[k]))
    chain = Chain(config)
    chain.run()
    for row, (error, cosine, norm_ratio) in zip(probed(chain), expected, strict=True):
        np.testing.assert_allclose((row.error, row.cosine, row.norm_ratio), (error, cosine, norm_ratio), rtol=1e-9)
        assert math.isfinite(row.cosine)
        assert row.cosine != 0
