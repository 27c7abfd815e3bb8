"""Settling up: what a box learned at once is corrected by the exact gradient of that tick, D ticks later."""

import random

import numpy as np
import pytest

from dni_actors.box.gradient import settled
from dni_actors.box.gradient.settled import Settled
from dni_actors.runtime.inline import Chain
from tests.bptt import bptt
from tests.runtime.test_recovery import survive
from tests.runtime.test_rules import EXACT, STILL, mini_batch
from tests.tiny import tiny


def test_all_updates_together_are_the_exact_gradients_and_what_is_still_open():
    """Without a local read-out, c = 1: the sum of g is that of E, and of u of the last D ticks."""
    rng, delay, ticks = np.random.default_rng(0), 6, 50
    u, exact = rng.standard_normal((2, ticks, 5))
    box, total = Settled(delay, 5, "float64"), np.zeros(5)
    for n in range(ticks):
        g = u[n].copy()
        box.settle(n, g, exact[n - delay].copy() if n >= delay else None, 0.0)
        total += g
    np.testing.assert_allclose(total, exact[: ticks - delay].sum(0) + u[ticks - delay :].sum(0), rtol=0, atol=2e-14)


@pytest.mark.parametrize(("skill", "delay"), [(0.0, 4), (1.0, 4), (0.5, 16)])
def test_the_gate_weakens_the_correction_as_the_read_out_learns_and_the_gradient_ages(skill, delay):
    box = Settled(delay, 1, "float64")
    for n in range(delay):
        box.settle(n, np.full(1, 2.0), None, skill)
    g = np.full(1, 3.0)
    box.settle(delay, g, np.full(1, 7.0), skill)
    assert g[0] == pytest.approx(3.0 + (1 - skill * delay / (delay + 8)) * (7.0 - 2.0))


def test_a_gate_that_is_shut_leaves_every_bit_and_so_does_a_perfect_prediction(monkeypatch):
    u = np.random.default_rng(1).standard_normal((3, 4)).astype(np.float32)
    same = Settled(1, 4, "float32")
    for n in range(3):
        g = u[n].copy()
        same.settle(n, g, u[n - 1].copy() if n else None, 0.0)
        assert g.tobytes() == u[n].tobytes()
    monkeypatch.setattr(settled, "OLD", 0.0)
    fields = {"unroll": (3, 2, 2), "ticks": 12, "local_readout": True, "lag": 1, "evaluate_every": 0}
    chains = [Chain(tiny(**fields, settle=settle)) for settle in (False, True)]
    for chain in chains:
        for stepper in chain.steppers[:-1]:
            monkeypatch.setattr(type(stepper.box.losses), "skill", property(lambda self: 1.0, lambda self, value: None))
    assert chains[0].run() == chains[1].run()


@pytest.mark.parametrize("unroll", [(3, 2, 2), (2, 2, 1, 2, 0)], ids=str)
def test_in_a_chain_a_late_update_is_that_of_backpropagation_through_all_boxes(unroll):
    """Weights stand still, and the synthesizer predicts zero: g(n) = u(n) + E(n-D) - u(n-D), E by plain BPTT."""
    config = tiny(unroll=unroll, settle=True, **STILL, **EXACT, lag=2, ticks=16, batch=3)
    chain = Chain(config)
    weights = [{name: w.copy() for name, w in s.box.parameters.items()} for s in chain.steppers]
    seen = [[] for _ in unroll]
    for stepper, found in zip(chain.steppers, seen, strict=True):
        box = stepper.box

        def step(rate, box=box, found=found):
            found.append({name: box.parameters.gradient(name).copy() for name, _ in box.parameters.items()})

        box.weights.step = step
    chain.run()
    plain = Chain(config.replace(settle=False))
    at_once = [[] for _ in unroll]
    for stepper, found in zip(plain.steppers, at_once, strict=True):
        box = stepper.box

        def step(rate, box=box, found=found):
            found.append({name: box.parameters.gradient(name).copy() for name, _ in box.parameters.items()})

        box.weights.step = step
    plain.run()
    compared = 0
    for k in range(config.boxes - 1):
        delay = 2 * (config.boxes - 1 - k)
        for n in range(delay, config.ticks):
            x, labels = mini_batch(config, n - delay)
            exact = bptt(weights, x, labels, np.zeros((3, 4))).weights[k]
            for name, gradient in seen[k][n].items():
                expected = at_once[k][n][name] + exact[name] - at_once[k][n - delay][name]
                np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-13)
                compared += 1
    assert compared > 20


def test_a_target_scale_is_the_running_size_of_what_came_and_undoes_itself():
    """With targets of one size all along, a net that learns delta / sigma by plain SGD predicts the same directions."""
    config = tiny(unroll=(3, 2, 2), target_scale=True, **EXACT, lag=1, ticks=20, synthesizer_optimizer="sgd")
    chain = Chain(config)
    box, came = chain.steppers[1].box, []
    learn = box.learn

    def watching(n, answer):
        came.append(float(np.mean(np.square(answer.gradient))))
        learn(n, answer)

    box.learn = watching
    chain.run()
    share = 0.98 ** np.arange(len(came))[::-1]
    assert box.boundary._scale == pytest.approx(np.sqrt((share * came).sum() / share.sum()))
    z = np.random.default_rng(0).standard_normal(box.boundary._stash.shape[1:])
    bare = box.boundary._synthesizer.predict(z).copy()
    np.testing.assert_allclose(box.boundary._predicted(z), bare * box.boundary._scale)


@pytest.mark.parametrize("seed", range(6))
def test_crashes_leave_the_digest_alone(seed):
    """What is still to be settled, and the targets' size, are in the cuts."""
    fields = {"unroll": (3, 2, 2), "ticks": 12, "lag": 2, "evaluate_every": 0, "checkpoint_every": 2}
    config = tiny(settle=True, target_scale=True, trust="readout", local_readout=True, **fields)
    found, _, _ = survive(config, random.Random(seed), 3, None)
    assert found == Chain(config).run()
