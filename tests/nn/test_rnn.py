import numpy as np
import pytest

from dni_actors.nn.parameters import Parameters
from dni_actors.nn.passage import Passage
from dni_actors.nn.rnn import RNN
from tests.numerics import frozen, numeric_gradient

T, B, INPUTS, H = 3, 2, 4, 5


@pytest.fixture
def cell(rng):
    parameters = Parameters(RNN.shapes(INPUTS, H), "float64")
    RNN.initialise(parameters, rng)
    parameters["input"][-1] = rng.standard_normal(H)
    made = RNN(parameters, T, B, H, "float64")
    made.x[..., :-1] = rng.standard_normal((T, B, INPUTS))
    made.x[..., -1] = 1
    return made, parameters


def slow_forward(parameters, x, h):
    """The formula, sample by sample."""
    w, r = parameters["input"], parameters["recurrent"]
    for step in x:
        h = np.stack([np.tanh(step[b] @ w + h[b] @ r) for b in range(B)])
    return h


def test_forward_is_the_formula(cell, rng):
    made, parameters = cell
    h_in = frozen(rng.standard_normal((B, H)))
    np.testing.assert_allclose(made.forward(h_in), slow_forward(parameters, made.x, h_in), rtol=1e-12)


def test_gradients_agree_with_finite_differences(cell, rng):
    made, parameters = cell
    h_in, d_out = rng.standard_normal((B, H)), frozen(rng.standard_normal((B, H)))

    def loss():
        return float((made.forward(h_in) * d_out).sum())

    made.forward(frozen(h_in))
    d_in = made.backward(d_out).copy()
    made.weight_gradients()
    np.testing.assert_allclose(d_in, numeric_gradient(loss, h_in), atol=1e-8)
    for name, weight in parameters.items():
        np.testing.assert_allclose(parameters.gradient(name), numeric_gradient(loss, weight), atol=1e-8)


def test_recurrent_weights_start_orthogonal_and_the_bias_at_zero(rng):
    parameters = Parameters(RNN.shapes(INPUTS, H), "float64")
    RNN.initialise(parameters, rng)
    np.testing.assert_allclose(parameters["recurrent"] @ parameters["recurrent"].T, np.eye(H), atol=1e-12)
    assert not parameters["input"][-1].any()


def test_a_passage_hands_on_what_comes_in(rng):
    made = Passage(Parameters({}, "float64"), 0, B, H, "float64")
    h_in = frozen(rng.standard_normal((B, H)))
    h_out = made.forward(h_in)
    np.testing.assert_array_equal(h_out, h_in)
    assert h_out is not h_in
    np.testing.assert_array_equal(made.backward(h_in), h_in)
