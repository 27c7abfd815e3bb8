"""Settling up: all updates of a box together are those of the exact gradient, and what is still open."""

import numpy as np
import pytest

from dni_actors.box.gradient.local import LocalReadout
from dni_actors.box.gradient.scale import TargetScale
from dni_actors.box.gradient.synthetic import AGREEMENT
from dni_actors.box.messages import Gradient
from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.streams import Stream, generator
from dni_actors.nn.synthesizer import agreement
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.layout import layout
from dni_actors.runtime.inline import Chain
from tests.bptt import bptt
from tests.runtime.test_rules import mini_batch
from tests.tiny import tiny

LAG, TICKS = 2, 20
PLAIN = {"precision": "float64", "clip": 0.0, "optimizer": "sgd", "evaluate_every": 0, "ticks": TICKS, "lag": LAG}
STILL = PLAIN | {"learning_rate": 1e-300, "batch": 3}


def steps_of(config):
    """The chain after its run; per box, the gradients that it stepped along, by tick; and all weights at the start."""
    chain, found = Chain(config), []
    weights = [{name: w.copy() for name, w in stepper.box.parameters.items()} for stepper in chain.steppers]
    for stepper in chain.steppers:
        steps, stepper.box.weights.heard = {}, []

        def step(rate, box=stepper.box, steps=steps, whole=stepper.box.weights.step):
            steps[len(steps)] = box.parameters.gradients.copy()
            whole(rate)

        def locally(rate, box=stepper.box, whole=stepper.box.weights.step_locally):
            box.weights.heard.append(box.parameters.gradients.copy())
            whole(rate)

        stepper.box.weights.step, stepper.box.weights.step_locally = step, locally
        found.append(steps)
    chain.run()
    return chain, found, weights


def exact(config, weights, k, ticks):
    """The sum of box k's true weight gradients over these ticks."""
    total = Parameters({name: w.shape for name, w in weights[k].items()}, "float64")
    for n in ticks:
        x, labels = mini_batch(config, n)
        found = bptt(weights, x, labels, np.zeros((3, config.chain.hidden))).weights[k]
        for name, gradient in found.items():
            total.gradient(name)[:] += gradient
    return total.gradients


@pytest.mark.parametrize("unroll", [(4, 3), (3, 2, 2), (2, 2, 3, 0)], ids=str)
@pytest.mark.parametrize("scaled", [False, True])
def test_all_updates_are_the_exact_gradients_and_what_is_open(unroll, scaled):
    config = tiny(unroll=unroll, target_scale=scaled, lambda_=0.0, settle=True, local_readout=False, **STILL)
    _, settled, weights = steps_of(config)
    _, used, _ = steps_of(config.changed(settle=False))
    for k in range(config.boxes):
        closed = TICKS - LAG * (config.boxes - 1 - k)
        still_open = sum(used[k][n] for n in range(closed, TICKS))
        expected = exact(config, weights, k, range(closed)) + still_open
        np.testing.assert_allclose(sum(settled[k].values()), expected, rtol=0, atol=1e-14)
        if k < config.boxes - 1:
            assert np.abs(sum(used[k].values()) - expected).max() > 1e-4, "the synthetic gradients are not exact"


def test_so_they_are_of_the_ticks_in_which_a_box_updates():
    config = tiny(unroll=(4, 3), settle=True, update_probability=0.5, **STILL)
    chain, settled, weights = steps_of(config)
    box = chain.steppers[0].box
    updates = [n for n in range(TICKS) if generator(0, Stream.UPDATES, n, 0).random() < 0.5]
    assert 0 < len(updates) == len(settled[0]) < TICKS
    still_open = sum((box.settling._used[n % LAG] for n in updates if n >= TICKS - LAG), np.zeros(1))
    found = sum(settled[0].values()) + box.settling._owed
    expected = exact(config, weights, 0, [n for n in updates if n < TICKS - LAG]) + still_open
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


DENSE = {"cell": "dense", "norm": "rms"}


@pytest.mark.parametrize(
    "cell", [{"cell": "rnn"}, {"cell": "gru"}, {"cell": "lstm"}, {"cell": "dense"}, DENSE], ids=str
)
@pytest.mark.parametrize("task", ["tiny", "tiny-numbers"])
def test_where_nothing_is_synthesized_a_chain_that_settles_is_a_delayed_one(cell, task):
    """With weights that move: E is made with activations of then, and weights of now."""
    fields = PLAIN | cell | {"task": task, "learning_rate": 0.1}
    settles = Chain(tiny(settle=True, warmup=TICKS, local_readout=False, **fields))
    delayed = Chain(tiny(update="delayed", **fields))
    settles.run()
    delayed.run()
    for one, other in zip(settles.steppers, delayed.steppers, strict=True):
        np.testing.assert_allclose(one.box.parameters.values, other.box.parameters.values, rtol=1e-12, atol=1e-14)


def test_a_local_readout_is_heard_by_itself_and_never_taken_back(monkeypatch):
    """Box 0 steps along two gradients: what came from its boundary, settled, and what its read-out says at once."""
    monkeypatch.setattr(LocalReadout, "skill", 0.7)  # of weights that do not move, it would have none
    config = tiny(unroll=(4, 3), settle=True, warmup=TICKS, **STILL | {"local_learning_rate": 0.3})
    chain, settled, weights = steps_of(config)
    _, said, _ = steps_of(config.changed(settle=False, update="local"))
    expected = exact(config, weights, 0, range(TICKS - LAG))
    np.testing.assert_allclose(sum(settled[0].values()), expected, rtol=0, atol=1e-14)
    heard = chain.steppers[0].box.weights.heard
    assert len(heard) == len(said[0]) == TICKS
    for one, other in zip(heard, said[0].values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-15)
    assert np.abs(sum(heard)).max() > 1e-3


def test_a_readout_that_knows_nothing_costs_no_pass_of_its_own(monkeypatch):
    monkeypatch.setattr(LocalReadout, "skill", 0.0)
    chain, _, _ = steps_of(tiny(unroll=(4, 3), settle=True, **STILL))
    assert not chain.steppers[0].box.weights.heard


def test_what_comes_late_is_averaged_over_longer_than_what_a_readout_says():
    config = tiny(unroll=(4, 3), settle=True, optimizer="adam", local_readout=True)
    means = []
    for stepper in Chain(config).steppers:
        stepper.box.parameters.gradients[:] = 1
        stepper.box.weights.step(0.0)
        means.append(stepper.box.weights.state()["optimizer/mean"].mean())
    np.testing.assert_allclose(means, [0.01, 0.1], rtol=1e-6)  # the last box has nothing to settle
    first = Chain(config).steppers[0].box
    first.parameters.gradients[:] = 1
    first.weights.step_locally(0.0)
    np.testing.assert_allclose(first.weights.state()["local optimizer/mean"], 0.1, rtol=1e-6)


def test_shared_weights_hear_both_in_one_sum(monkeypatch):
    """Before anything was corrected, that is what a chain that does not settle learns from."""
    monkeypatch.setattr(LocalReadout, "skill", 0.7)
    config = tiny(unroll=(4, 3), weights="shared", sync_every=5, settle=True, **STILL | {"ticks": LAG})
    ran = [Chain(config), Chain(config.changed(settle=False))]
    for chain in ran:
        chain.run()
    one, other = (chain.steppers[0].box.weights for chain in ran)
    np.testing.assert_allclose(one._gathered, other._gathered, rtol=0, atol=1e-15)
    assert np.abs(one._gathered).max() > 1e-4


def test_a_perfect_synthesizer_owes_nothing():
    config = tiny(unroll=(4, 3), settle=True, local_readout=False, **STILL)
    chain = Chain(config)
    weights = [{name: w.copy() for name, w in stepper.box.parameters.items()} for stepper in chain.steppers]
    owed, box = [], chain.steppers[0].box

    def predict(n, piece):
        x, labels = mini_batch(config, n)
        true = bptt(weights, x, labels, np.zeros((3, config.chain.hidden))).boundaries[0]
        return true, true

    def step(rate):
        owed.append(np.abs(box.parameters.gradients - box.settling._now).max())

    box.boundary.predict, box.weights.step = predict, step
    chain.run()
    assert max(owed) < 1e-15


def test_the_scale_is_the_root_mean_square_of_targets(rng):
    scale, gradients = TargetScale(), rng.standard_normal((7, 2, 3)) * 1e-4
    assert scale.sigma == 1.0
    for one in gradients:
        scaled = scale.scaled(Gradient(one, exact=2 * one))
    weights = 0.98 ** np.arange(7)[::-1]
    sigma = np.sqrt((weights * (gradients**2).mean(axis=(1, 2))).sum() / weights.sum())
    assert scale.sigma == pytest.approx(sigma)
    np.testing.assert_allclose(scaled.gradient, gradients[-1] / sigma)
    np.testing.assert_allclose(scaled.exact, 2 * gradients[-1] / sigma)
    alone = TargetScale()
    for one in gradients:
        scaled = alone.scaled(Gradient(exact=2 * one))
    assert alone.sigma == pytest.approx(2 * sigma)
    np.testing.assert_allclose(scaled.exact, gradients[-1] / sigma)


def test_with_it_a_synthesizer_does_not_depend_on_the_unit_of_gradients():
    """All gradients 1024 times as large: what is predicted is, too, with Adam and its steps of one size."""
    found = []
    for factor in (1.0, 1024.0):
        chain = Chain(tiny(boxes=2, target_scale=True, local_readout=False, **STILL | {"ticks": 30}))
        box, whole = chain.steppers[0].box, chain.steppers[0].box.boundary.learn

        def learn(n, answer, *more, whole=whole, factor=factor):
            return whole(n, answer._replace(gradient=answer.gradient * factor), *more)

        box.boundary.learn = learn
        chain.run()
        found.append(box.boundary._sent / factor)
    assert np.abs(found[0]).max() > 0
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def test_settling_brings_along_what_it_was_measured_with_unless_told_otherwise():
    digest = Chain(tiny(settle=True)).run()
    assert digest == Chain(tiny(settle=True, target_scale=True, lambda_=1.0, trust="readout")).run()
    for other in ({"target_scale": False}, {"lambda_": 0.0}, {"trust": "none"}):
        assert digest != Chain(tiny(settle=True, **other)).run()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"update": "local", "settle": True}, "settle: True has no effect: update local has no synthesizer"),
        ({"update": "delayed", "target_scale": True}, "target_scale: True has no effect: update delayed has no"),
        (
            {"task": "copy", "unroll": 2, "settle": True},
            "settle: True needs exact gradients, but a stream without an end",
        ),
    ],
    ids=str,
)
def test_where_there_is_nothing_to_settle_it_is_refused(fields, sentence):
    with pytest.raises(ConfigError, match=sentence):
        tiny(**fields)


def test_with_lambda_1_gradients_carry_the_exact_one_alone():
    config = tiny(unroll=(3, 2, 2), settle=True, **STILL)
    carried = dict(zip(Gradient._fields, layout(config)[Channel.GRADIENT], strict=True))
    assert [name for name, spec in carried.items() if spec is not None] == ["exact"]
    chain, _, _ = steps_of(config)
    for stepper in chain.steppers[1:]:
        answer = stepper.box.answer(TICKS, np.ones((3, config.chain.hidden)))
        assert answer.gradient is None
        assert answer.exact is not None
    half = dict(zip(Gradient._fields, layout(config.changed(lambda_=0.5))[Channel.GRADIENT], strict=True))
    assert half["gradient"] == half["exact"] == carried["exact"]


@pytest.mark.parametrize("fields", [{"discount": 0.5}, {"auxiliary": True, "synthesizer": "mlp1"}], ids=str)
def test_what_is_of_bootstrapped_gradients_alone_has_no_effect_then(fields):
    with pytest.raises(ConfigError, match=r"learn from exact gradients alone; drop it, or use --lambda 0\.5"):
        RunConfig.of(task="tiny", unroll=(3, 2, 2), settle=True, **fields)


def test_trust_goes_by_what_was_said_when_it_was_used():
    """Not by what a synthesizer would say now, which has learned from the gradients of many ticks since."""
    config = tiny(unroll=(4, 3), settle=True, local_readout=True, **PLAIN)
    chain = Chain(config)
    boundary = chain.steppers[0].box.boundary
    said, came = [], []

    def predicted(z, whole=boundary._predicted):
        said.append(whole(z).copy())
        return said[-1].copy()

    def learn(n, answer, *more, whole=boundary.learn):
        came.append(answer.exact.copy())
        return whole(n, answer, *more)

    boundary._predicted, boundary.learn = predicted, learn
    chain.run()
    expected = 0.0
    for one, other in zip(said, came, strict=False):  # `came` begins with the answer to tick 0
        found = agreement(one, other)
        expected = AGREEMENT * expected + (1 - AGREEMENT) * found.cosine
    assert len(said) == len(came) + LAG == TICKS
    assert abs(expected) > 0.01
    np.testing.assert_allclose(boundary._cosine[0], expected, rtol=1e-12)
