"""Shared weights: what boxes have learned comes to all of them, late, and in the same order everywhere."""

import random

import numpy as np
import pytest

from dni_actors.box.data.feed import Feed
from dni_actors.config.checks import ConfigError
from dni_actors.runtime.inline import Chain
from tests.tiny import TinySteps, tiny

RATE, TICKS = 0.1, 11


def setting(**fields):
    chosen = {"task": "tiny-steps", "unroll": (2, 3, 2), "weights": "shared", "sync_every": 1, "update": "truncated"}
    plain = {"optimizer": "sgd", "learning_rate": RATE, "clip": 0.0, "precision": "float64", "ticks": TICKS, "lag": 2}
    return tiny(**(chosen | plain | {"evaluate_every": 0, "batch": 3} | fields))


def gradient(weights, x, y, h):
    """Of one box's own losses, truncated at both ends: the weight gradients' batch means, and the state after it."""
    rows, trail, d_logits = len(h), [h], []
    for x_t, y_t in zip(x, y, strict=True):
        trail.append(np.tanh(x_t @ weights["input"] + trail[-1] @ weights["recurrent"]))
        p = np.exp(trail[-1] @ weights["readout"] + weights["readout_bias"])
        p /= p.sum(axis=1, keepdims=True)
        asked = y_t >= 0
        p[asked, y_t[asked]] -= 1
        d_logits.append(p * asked[:, None])
    d, found = np.zeros_like(h), {name: np.zeros_like(w) for name, w in weights.items()}
    for t in reversed(range(len(x))):
        d = d + d_logits[t] @ weights["readout"].T
        a = (1 - trail[t + 1] ** 2) * d
        found["readout"] += trail[t + 1].T @ d_logits[t] / rows
        found["readout_bias"] += d_logits[t].mean(axis=0)
        found["input"] += x[t].T @ a / rows
        found["recurrent"] += trail[t].T @ a / rows
        d = a @ weights["recurrent"].T
    return found, trail[-1]


def late(config, box, tick):
    """Box `box` at tick `tick` knows what boxes learned in ticks below this: the exchange at the next tick's start
    rides to the chain's end, and comes back lag ticks per boundary."""
    return tick - config.lag * (config.boxes - 1 - box)


def serial(config, start):
    """One process, plain SGD: each box's weights are the start, and all boxes' steps that it knows of."""
    boxes, rows = config.boxes, config.learning.batch
    feeds = [Feed(config, config.window(k)) for k in range(boxes)]
    steps = {}  # by (box, tick)
    for n in range(config.ticks + 1):
        weights = []
        for k in range(boxes):
            known = late(config, k, n if n < config.ticks else n - 1)
            steps_known = [step for (_, j), step in steps.items() if j < known]
            weights.append({name: w + sum(step[name] for step in steps_known) for name, w in start.items()})
        if n == config.ticks:
            return weights
        h = np.zeros((rows, config.chain.hidden))
        for k in range(boxes):
            x, y = np.zeros((config.unrolls[k], rows, TinySteps.inputs + 1)), np.zeros((config.unrolls[k], rows), int)
            feeds[k].train(n, 0, x, y)
            found, h = gradient(weights[k], x, y, h)
            steps[k, n] = {name: -RATE * g for name, g in found.items()}
    return None


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_exchanged_in_every_tick_plain_sgd_is_the_serial_program_with_the_same_logical_times(lag):
    config = setting(lag=lag)
    chain = Chain(config)
    start = {name: w.copy() for name, w in chain.steppers[0].box.parameters.items()}
    for stepper in chain.steppers:
        assert all((w == start[name]).all() for name, w in stepper.box.parameters.items()), "equal at the start"
    expected = serial(config, start)
    chain.run()
    for stepper, weights in zip(chain.steppers, expected, strict=True):
        for name, weight in stepper.box.parameters.items():
            np.testing.assert_allclose(weight, weights[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "momentum"])
@pytest.mark.parametrize("every", [1, 3])
def test_after_the_same_exchange_every_box_has_the_same_base_to_the_bit(optimizer, every):
    """Box k knows at tick n what the last box knew L (K-1-k) ticks before."""
    fields = {"optimizer": optimizer, "sync_every": every, "update": "synthetic", "precision": "float32"}
    long, chains = 20, {}
    for ticks in (long, long - 2, long - 4):
        chains[ticks] = Chain(setting(**fields, ticks=ticks))
        chains[ticks].run()
    bases = [chains[long - 2 * (2 - k)].steppers[2].box.weights.base.values for k in range(3)]
    for k, base in enumerate(bases):
        np.testing.assert_array_equal(chains[long].steppers[k].box.weights.base.values, base)
    assert (bases[0] != bases[2]).any()


def test_every_box_has_the_bases_weights():
    chain = Chain(setting(optimizer="adam", sync_every=2))
    chain.run()
    for stepper in chain.steppers:
        np.testing.assert_array_equal(stepper.box.parameters.values, stepper.box.weights.base.values)


def test_a_readout_alone_hands_sums_on():
    fields = {"task": "tiny", "unroll": (3, 4, 0), "update": "synthetic", "sync_every": 2}
    config = setting(**fields, ticks=15, checkpoint_every=1)
    chain = Chain(config)
    expected = chain.run()
    cuts = [status.cuts for status in chain.statuses()]
    bases = [stepper.box.weights.base.values for stepper in chain.steppers]
    assert (bases[0] != bases[2]).any(), "the first box knows less than the last one"
    early = Chain(config.replace(ticks=15 - 2 * config.lag))
    early.run()
    np.testing.assert_array_equal(early.steppers[2].box.weights.base.values, bases[0])
    for seed in range(3):
        assert Chain(config, schedule=random.Random(seed)).run() == expected
    for n in range(1, 15):
        part = [next(cut for cut in of if cut.tick == n) for of in cuts]
        assert Chain(config, cuts=part, incarnation=1).run() == expected, f"from the cut before tick {n}"


def test_what_cannot_be_shared_is_refused():
    for fields, told in (({"update": "locked"}, "locked needs them at once"), ({"cell": "dense"}, "dense")):
        with pytest.raises(ConfigError, match=told):
            setting(**({"task": "tiny"} | fields), boxes=3, unroll=None)
