"""Variants of the update rules, each in a case where the right answer is known."""

import random

import numpy as np
import pytest

from dni_actors.box.data.feed import Feed
from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import zeros
from dni_actors.nn.optimizer import Adam
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.streams import Stream, generator
from dni_actors.nn.synthesizer import Synthesizer
from dni_actors.runtime.inline import Chain
from tests.bptt import bptt
from tests.tiny import Tiny, tiny

STILL = {
    "learning_rate": 1e-300,
    "synthesizer_learning_rate": 1e-300,
    "optimizer": "sgd",
    "synthesizer_optimizer": "sgd",
}
EXACT = {"precision": "float64", "clip": 0.0, "local_readout": False, "evaluate_every": 0}


def mini_batch(config, n):
    x = [zeros((steps, config.learning.batch, Tiny.inputs + 1), "float64") for steps in config.unrolls]
    labels = np.zeros(config.learning.batch, np.int64)
    for k, window in enumerate(x):
        Feed(config, config.window(k)).train(n, 0, window, labels)
    return [window[..., :-1] for window in x], labels


def copied(argument):
    """Apart from the box's work arrays; of a message, field by field."""
    if isinstance(argument, tuple):
        return type(argument)(*(None if field is None else np.copy(field) for field in argument))
    return np.copy(argument)


def watch(box, method, seen):
    """Every call's arguments, as copies, before the method runs."""
    whole = getattr(box, method)

    def watching(*arguments):
        seen.append([copied(a) for a in arguments])
        return whole(*arguments)

    setattr(box, method, watching)


@pytest.mark.parametrize("unroll", [(3, 2, 2), (2, 2, 1, 2, 0)], ids=str)
def test_lambda_brings_every_boundarys_exact_gradient_lag_ticks_late_per_boundary(unroll):
    config = tiny(unroll=unroll, **{"lambda": 1.0}, **STILL, **EXACT, lag=2, ticks=14, batch=3)
    chain = Chain(config)
    weights = [{name: w.copy() for name, w in s.box.parameters.items()} for s in chain.steppers]
    seen = [[] for _ in unroll]
    for stepper, answers in zip(chain.steppers, seen, strict=True):
        watch(stepper.box, "learn", answers)
    chain.run()
    compared = 0
    for k in range(config.boxes - 1):
        for n, answer in seen[k]:
            of = int(n) - 2 * (config.boxes - 1 - k)
            if of >= 0:
                x, labels = mini_batch(config, of)
                expected = bptt(weights, x, labels, np.zeros((3, 4))).boundaries[k]
                np.testing.assert_allclose(answer.exact, expected, rtol=1e-9, atol=1e-14)
                compared += 1
    assert compared >= config.boxes * 5


def test_lambda_mixes_the_two_targets():
    """Half the step that the bootstrapped gradient asks for, and half the exact one's, from states of other ticks."""
    config = tiny(unroll=(3, 2, 2), **{"lambda": 0.25}, **EXACT, lag=1, ticks=6, synthesizer_optimizer="sgd")
    chain = Chain(config)
    box, seen, steps = chain.steppers[0].box, [], []
    watch(box, "learn", seen)
    synthetic, whole = box.boundary, box.boundary._optimizer.step

    def step(rate, power):
        steps.append(
            (synthetic.parameters.gradients.copy(), synthetic._stash.copy(), synthetic.parameters.values.copy())
        )
        whole(rate, power)

    synthetic._optimizer.step = step
    chain.run()
    n, answer = seen[4]
    gradients, stash, values = steps[4]
    theta, size = values[: stash.shape[2] * 4].reshape(-1, 4), 2
    z, z_long_ago = stash[(n - 1) % 2], stash[(n - 2) % 2]
    bootstrapped, exact = z.T @ (z @ theta - answer.gradient), z_long_ago.T @ (z_long_ago @ theta - answer.exact)
    expected = 0.75 * bootstrapped / size + 0.25 * exact / size
    np.testing.assert_allclose(gradients[: theta.size].reshape(theta.shape), expected, rtol=1e-9, atol=1e-14)


def test_an_auxiliary_head_is_told_what_the_next_box_synthesized_in_that_tick():
    config = tiny(unroll=(3, 2, 2), auxiliary=True, synthesizer="mlp1", **EXACT, lag=2, ticks=12)
    chain = Chain(config)
    seen, sent = [], []
    watch(chain.steppers[0].box, "learn", seen)
    box, whole = chain.steppers[1].box, chain.steppers[1].box.synthesize
    box.synthesize = lambda n, piece: sent.append(whole(n, piece)[0].copy()) or (sent[-1], sent[-1])
    chain.run()
    for n, answer in seen:
        np.testing.assert_array_equal(answer.next_synthetic, sent[int(n) - 2])
    assert np.abs(sent[-1]).max() > 0


def test_complete_unlock_learns_to_predict_the_state_that_came_for_its_inputs_of_then():
    config = tiny(unroll=(4, 3), unlock="full", **EXACT, lag=3, ticks=12, synthesizer_learning_rate=0.02)
    chain = Chain(config)
    first, box = (stepper.box for stepper in chain.steppers)
    states, used, whole, predict = [], [], first.forward, box.predict_state
    first.forward = lambda h_in, piece: states.append(whole(h_in, piece).copy()) or states[-1]
    box.predict_state = lambda n: used.append(predict(n).copy()) or used[-1]
    chain.run()

    parameters = Parameters(Synthesizer.shapes(3 * Tiny.inputs + 1, 4, 4), "float64")
    w, adam = parameters["synthesizer"], Adam(parameters)
    zs = []
    for n in range(config.ticks):
        if n >= 3:
            z = zs[n - 3]
            parameters.gradient("synthesizer")[:] = z.T @ (z @ w - states[n - 3]) / 2
            adam.step(0.02, 1.0)
        x, _ = mini_batch(config, n)
        zs.append(np.hstack([x[1].transpose(1, 0, 2).reshape(2, -1), np.ones((2, 1))]))
        # The columns of the inputs in the order of their steps; the model's own order puts each step's bias last.
        np.testing.assert_allclose(used[n], zs[-1] @ w, rtol=1e-9, atol=1e-12)
    assert np.abs(used[-1]).max() > 0.01


def test_noise_is_the_newest_known_cost_times_fresh_noise():
    scales = {"update": "noise", "noise_scale": [0.5, 2.0, 1.0]}
    config = tiny(RunConfig.lenient, unroll=(3, 2, 2), **scales, **STILL, **EXACT, lag=2, ticks=9)
    chain = Chain(config)
    used = [[] for _ in range(3)]
    for stepper, several in zip(chain.steppers[:2], used, strict=False):
        whole = stepper.box.synthesize

        def watching(n, piece, whole=whole, several=several):
            several.append(whole(n, piece)[0].copy())
            return several[-1], several[-1]

        stepper.box.synthesize = watching
    weights = [{name: w.copy() for name, w in s.box.parameters.items()} for s in chain.steppers]
    chain.run()
    for k, scale in ((0, 0.5), (1, 2.0)):
        for n in range(9):
            of = n - 2 * (2 - k)
            cost = bptt(weights, *mini_batch(config, of), np.zeros((2, 4))).loss.mean() if of >= 0 else 0
            noise = generator(0, Stream.NOISE, n, k).standard_normal((2, 4))
            np.testing.assert_allclose(used[k][n], cost * scale * noise, rtol=1e-9, atol=1e-14)


def test_with_a_probability_boxes_update_in_some_ticks_only_each_in_its_own():
    config = tiny(update_probability=0.4, ticks=60, evaluate_every=0)
    chain = Chain(config)
    updated = [[] for _ in chain.steppers]
    for stepper, ticks in zip(chain.steppers, updated, strict=True):
        whole = stepper.box.update

        def watching(n, piece, whole=whole, box=stepper.box, ticks=ticks):
            before = box.digest()
            whole(n, piece)
            if box.digest() != before:
                ticks.append(n)

        stepper.box.update = watching
    expected = chain.run()
    assert all(14 <= len(ticks) <= 34 for ticks in updated)
    assert updated[0] != updated[1]
    assert Chain(config, schedule=random.Random(3)).run() == expected
    assert sum(row.updates for row in chain.statuses()[0].rows) == len(updated[0])


VARIANTS = [
    {"lambda": 0.5, "lag": 2},
    {"auxiliary": True, "synthesizer": "mlp2"},
    {"unlock": "full", "lag": 3},
    {"update": "noise"},
    {"update": "delayed", "delay_correction": "stash"},
    {"update": "delayed", "delay_correction": "nesterov"},
    {"update": "delayed", "delay_correction": "both"},
    {"update": "delayed", "delay_correction": "both", "momentum_by_delay": True, "decay": "warm-cosine"},
    {"update_probability": 0.5, "cell": "gru"},
    {"cell": "dense", "activation": "relu"},
    {"task": "tiny-steps", "look_ahead": 2, "lambda": 1.0},
    {"task": "tiny-steps", "update": "delayed", "cell": "lstm"},
    {"task": "tiny-steps", "update": "locked", "batch": 4, "micro_batches": 2},
    {"task": "tiny-numbers", "local_readout": True, "learning_rate": [0.1, 0.2, 0.3]},
]


@pytest.mark.parametrize("fields", VARIANTS, ids=str)
def test_any_schedule_gives_one_digest_and_so_does_going_on_from_any_cut(fields):
    config = tiny(**fields, ticks=12, evaluate_every=5, checkpoint_every=1)
    chain = Chain(config)
    expected = chain.run()
    cuts = [status.cuts for status in chain.statuses()]
    for seed in range(4):
        assert Chain(config, schedule=random.Random(seed)).run() == expected
    whole = set.intersection(*({cut.tick for cut in of} for of in cuts))
    assert whole >= set(range(1 + 6 * ("unlock" in fields), 13)), "marks ride on states, which are taken late there"
    for n in sorted(whole - {12}):
        part = [next(cut for cut in of if cut.tick == n) for of in cuts]
        assert Chain(config, cuts=part, incarnation=1).run() == expected, f"from the cut before tick {n}"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"lambda": 1.5}, "lambda: 1.5 is out of range; give a number from 0 to 1"),
        ({"lambda": 0.5, "update": "local"}, "lambda: 0.5 has no effect: update local has no synthesizer"),
        ({"auxiliary": True}, "auxiliary: True has no effect: a linear synthesizer has no hidden layers"),
        ({"update_probability": 0.0}, "update_probability: 0.0 is out of range; give a number above 0"),
        ({"unlock": "full", "update": "delayed"}, "unlock: full predicts states"),
        (
            {"delay_correction": "stash"},
            "delay_correction: stash has no effect: update synthetic takes no late",
        ),
        ({"learning_rate": [0.1, 0.2]}, "learning_rate: 2 numbers for 3 boxes"),
        ({"task": "tiny-steps", "unroll": (3, 4, 0)}, "tiny-steps asks at every step"),
        ({"task": "tiny-steps", "cell": "dense"}, "cell: dense has no steps"),
    ],
    ids=str,
)
def test_settings_that_contradict_are_refused(fields, told):
    with pytest.raises(ConfigError, match=told):
        tiny(**fields)
