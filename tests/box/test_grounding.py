"""Synthetic gradients, local read-outs, and what becomes of both in a box."""

import numpy as np
import pytest

from dni_actors.box.gradient.local import LocalReadout
from dni_actors.box.gradient.synthetic import SyntheticGradient
from dni_actors.box.messages import Gradient
from dni_actors.box.piece import Piece
from dni_actors.box.tally import Tally
from dni_actors.box.time_box import TimeBox
from dni_actors.config.checks import ConfigError
from dni_actors.nn.parameters import Parameters
from dni_actors.runtime.inline import Chain
from tests.numerics import frozen, numeric_gradient
from tests.tiny import tiny

B, H = 2, 4


def trained(rng, **fields):
    """A synthesizer with weights, one that has been right about the direction for long."""
    made = SyntheticGradient(tiny(precision="float64", **fields), 1, rng)
    made.parameters.values[:] = rng.standard_normal(made.parameters.values.shape)
    return made


@pytest.fixture
def seen(rng):
    piece = Piece(tiny(precision="float64"), 1, Parameters({"input": (4, H), "recurrent": (H, H)}, "float64"))
    piece.state, piece.labels = frozen(rng.standard_normal((B, H))), np.array([0, 1])
    return piece


def test_the_prediction_is_linear_in_state_label_and_one(rng, seen):
    made = trained(rng)
    sent, used = made.predict(0, seen)
    w = made.parameters["synthesizer"]
    np.testing.assert_allclose(sent, np.hstack([seen.state, np.eye(2), np.ones((B, 1))]) @ w)
    assert used is sent


def test_scale_and_discount_go_to_the_weights_and_to_the_message(rng, seen):
    plain = trained(np.random.default_rng(3)).predict(0, seen)[0].copy()
    sent, used = trained(np.random.default_rng(3), synthetic_scale=0.1, discount=0.5).predict(0, seen)
    np.testing.assert_allclose(sent, 0.5 * plain)
    np.testing.assert_allclose(used, 0.1 * plain)
    both, same = trained(np.random.default_rng(3), synthetic_scale=0.5, discount=0.5).predict(0, seen)
    np.testing.assert_allclose(both, 0.5 * plain)
    assert same is both, "one backward pass is enough"


def test_a_box_goes_back_twice_where_message_and_weights_differ(rng):
    """dL/dh_in is made with the one, the weight gradient with the other; local parts are in both, once."""
    config = tiny(precision="float64", synthetic_scale=0.1, discount=0.5, optimizer="sgd", clip=0.0, learning_rate=1.0)
    once = {}
    sent, used = (frozen(rng.standard_normal((B, H))) for _ in range(2))
    for name, gradient in (("sent", sent), ("used", used)):
        box = prepared(config)
        message = box.backward(gradient).copy()
        box.update(0)
        once[name] = message, box.parameters.values.copy()
    box = prepared(config)
    message = box.backward(sent).copy()
    box.backward_again(used)
    box.update(0)
    np.testing.assert_allclose(message, once["sent"][0])
    np.testing.assert_allclose(box.parameters.values, once["used"][1])


def prepared(config):
    box = TimeBox(config, 1)
    box.losses.parameters.values[:] = np.linspace(-1, 1, box.losses.parameters.values.size)
    box.losses._readout._loss[:] = 0  # the gate is open
    box.load(0)
    box.forward(frozen(np.full((B, H), 0.3)))
    return box


def test_without_warmup_over_nothing_is_predicted(rng, seen):
    made = trained(rng, warmup=3)
    assert not made.predict(2, seen)[0].any()
    assert made.predict(3, seen)[0].any()


@pytest.mark.parametrize(("trust", "cosine", "scale"), [("none", 0.2, 1), ("readout", 0.2, 0.2), ("readout", -0.5, 0)])
def test_trust_scales_the_synthetic_gradient(seen, trust, cosine, scale):
    plain = trained(np.random.default_rng(3)).predict(0, seen)[0].copy()
    made = trained(np.random.default_rng(3), trust=trust)
    made._cosine[:] = cosine
    np.testing.assert_allclose(made.predict(0, seen)[0], scale * plain)


def test_trust_is_a_running_mean_of_the_cosine(rng, seen):
    made = trained(rng)
    received = made.predict(0, seen)[0].copy()
    for _ in range(3):
        made.learn(2, Gradient(frozen(received)), None, Tally())
    assert made._cosine[0] == pytest.approx(1 - 0.95**3)


def test_a_local_readout_goes_down_its_own_cross_entropy(rng):
    """s (p - y) A^T is the gate times the gradient of the cross-entropy; its weights follow the same loss."""
    local = LocalReadout(tiny(precision="float64"))
    local.parameters.values[:] = rng.standard_normal(local.parameters.values.shape)
    h, labels = rng.standard_normal((B, H)), np.array([1, 0])

    def loss():
        logits = h @ local.parameters["readout"] + local.parameters["readout_bias"]
        return float((np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(B), labels]).sum())

    local._loss[:] = 0
    expected = numeric_gradient(loss, h)
    np.testing.assert_allclose(local.gradient(frozen(h), labels), expected, atol=1e-8)
    weights = numeric_gradient(loss, local.parameters["readout"])
    local.step(0.0)
    np.testing.assert_allclose(local.parameters.gradient("readout"), weights / B, atol=1e-8)


@pytest.mark.parametrize(("share", "gate"), [(1.0, 0), (1.2, 0), (0.95, 0.5), (0.9, 1), (0.1, 1)])
def test_a_readout_that_knows_nothing_is_silent(rng, share, gate):
    local = LocalReadout(tiny(precision="float64"))
    local.parameters.values[:] = rng.standard_normal(local.parameters.values.shape)
    h, labels = frozen(rng.standard_normal((B, H))), np.array([1, 0])
    local._loss[:] = 0
    whole = local.gradient(h, labels).copy()
    # Before the mean takes the new loss in, so that after it the share is what it is to be.
    now = float(local._readout.loss.mean())
    local._loss[:] = (share * np.log(2) - 0.02 * now) / 0.98
    np.testing.assert_allclose(local.gradient(h, labels), gate * whole, atol=1e-9)


def test_local_is_truncated_with_a_readout_in_every_box():
    assert Chain(tiny(update="local")).run() == Chain(tiny(update="truncated", local_readout=True)).run()
    assert Chain(tiny(update="local")).run() == Chain(tiny(update="local", lag=5)).run(), "indifferent to lag"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"update": "local", "local_readout": False},
            "local_readout: False has no effect: update local learns from local read-outs alone",
        ),
        (
            {"local_readout": False, "trust": "readout"},
            "trust: readout has no effect: boxes have no local read-outs",
        ),
        ({"discount": -1.0}, "discount: -1.0 is out of range; give a number from 0 on"),
        ({"local_learning_rate": 0.0}, "local_learning_rate: 0.0 is out of range; give a number above 0"),
    ],
    ids=str,
)
def test_settings_that_contradict_are_refused(fields, told):
    with pytest.raises(ConfigError, match=told):
        tiny(**fields)
