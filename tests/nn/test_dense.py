"""Dense cells: a layer is a box, and the first one alone sees x."""

import numpy as np
import pytest

from dni_actors.nn.dense import ACTIVATIONS, NORMED
from dni_actors.nn.parameters import Parameters
from tests.numerics import frozen, numeric_gradient

B, INPUTS, H = 3, 4, 5
FORMULAS = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "sigmoid": lambda z: 1 / (1 + np.exp(-z))}


@pytest.fixture(params=ACTIVATIONS)
def name(request):
    return request.param


def layer(name, rng, inputs):
    kind = ACTIVATIONS[name]
    parameters = Parameters(kind.shapes(inputs, H), "float64")
    kind.initialise(parameters, rng)
    parameters["input"][-1] = rng.standard_normal(H)
    return kind(parameters, 1, B, inputs, H, "float64"), parameters["input"], parameters.gradient("input")


def test_the_first_layer_sees_x_and_no_state(name, rng):
    made, w, gradient = layer(name, rng, INPUTS)
    x, d_out = rng.standard_normal((B, INPUTS)), frozen(rng.standard_normal((B, H)))
    made.x[0, :, :-1], made.x[0, :, -1] = x, 1
    np.testing.assert_allclose(made.forward(frozen(rng.standard_normal((B, H)))), FORMULAS[name](x @ w[:-1] + w[-1]))
    assert not made.backward(d_out).any()
    made.weight_gradients()
    expected = numeric_gradient(lambda: float((made.forward(made.h[0]) * d_out).sum()), w)
    np.testing.assert_allclose(gradient, expected, atol=1e-8)


def test_the_others_see_the_state_and_no_x(name, rng):
    made, w, gradient = layer(name, rng, 0)
    h, d_out = rng.standard_normal((B, H)), frozen(rng.standard_normal((B, H)))
    assert made.x.size == 0

    def loss():
        return float((made.forward(h) * d_out).sum())

    np.testing.assert_allclose(made.forward(frozen(h)), FORMULAS[name](h @ w[:-1] + w[-1]))
    d_in = made.backward(d_out).copy()
    made.weight_gradients()
    np.testing.assert_allclose(d_in, numeric_gradient(loss, h), atol=1e-8)
    np.testing.assert_allclose(gradient, numeric_gradient(loss, w), atol=1e-8)


def test_rms_norm_divides_what_a_layer_hands_on_and_goes_back_through_that(name, rng):
    parameters = Parameters(NORMED[name].shapes(0, H), "float64")
    NORMED[name].initialise(parameters, rng)
    made, w = NORMED[name](parameters, 1, B, 0, H, "float64"), parameters["input"]
    w[-1] = rng.standard_normal(H) + 1  # so that no row is dead
    h, d_out = rng.standard_normal((B, H)), frozen(rng.standard_normal((B, H)))

    def loss():
        return float((made.forward(h) * d_out).sum())

    a = FORMULAS[name](h @ w[:-1] + w[-1])
    np.testing.assert_allclose(made.forward(frozen(h)), a / np.sqrt((a**2).mean(axis=1, keepdims=True) + 1e-6))
    d_in = made.backward(d_out).copy()
    made.weight_gradients()
    gradient = parameters.gradient("input").copy()
    np.testing.assert_allclose(d_in, numeric_gradient(loss, h), atol=1e-8)
    np.testing.assert_allclose(gradient, numeric_gradient(loss, w), atol=1e-8)
