"""Every cell: its formula, step by step and sample by sample, and its gradients by finite differences."""

import numpy as np
import pytest

from dni_actors.nn.cell import CELLS
from dni_actors.nn.parameters import Parameters
from tests.numerics import frozen, numeric_gradient

T, B, INPUTS, H = 3, 2, 4, 5


def sigma(a):
    return 1 / (1 + np.exp(-a))


def rnn(w, r, x, h):
    return np.tanh(x @ w + h @ r)


def gru(w, r, x, h):
    (wk, wr, wn), (rk, rr, rn) = np.split(w, 3, axis=1), np.split(r, 3, axis=1)
    keep, reset = sigma(x @ wk + h @ rk), sigma(x @ wr + h @ rr)
    return keep * h + (1 - keep) * np.tanh(x @ wn + reset * (h @ rn))


def lstm(w, r, x, state):
    h, c = np.split(state, 2)
    i, f, o, g = np.split(x @ w + h @ r, 4)
    c = sigma(f) * c + sigma(i) * np.tanh(g)
    return np.concatenate([sigma(o) * np.tanh(c), c])


FORMULAS = {"rnn": rnn, "gru": gru, "lstm": lstm}


@pytest.fixture(params=CELLS)
def cell(request, rng):
    kind = CELLS[request.param]
    parameters = Parameters(kind.shapes(INPUTS, H), "float64")
    kind.initialise(parameters, rng)
    parameters["input"][-1] += rng.standard_normal(parameters["input"].shape[1])
    made = kind(parameters, T, B, INPUTS, H, "float64")
    made.x[..., :-1] = rng.standard_normal((T, B, INPUTS))
    made.x[..., -1] = 1
    return made, parameters, kind.width(H), FORMULAS[request.param]


def test_forward_is_the_formula(cell, rng):
    made, parameters, width, formula = cell
    state = frozen(rng.standard_normal((B, width)))
    for b in range(B):
        expected = state[b]
        for t in range(T):
            expected = formula(parameters["input"], parameters["recurrent"], made.x[t, b], expected)
        np.testing.assert_allclose(made.forward(state)[b], expected, rtol=1e-12)


@pytest.mark.parametrize("at_steps", [False, True], ids=["at the end", "at every step"])
def test_gradients_agree_with_finite_differences(cell, rng, at_steps):
    made, parameters, width, _ = cell
    state, d_out = rng.standard_normal((B, width)), frozen(rng.standard_normal((B, width)))
    d_steps = frozen(rng.standard_normal((T, B, H))) if at_steps else None

    def loss():
        total = float((made.forward(state) * d_out).sum())
        return total if d_steps is None else total + float((made.h * d_steps).sum())

    made.forward(frozen(state))
    d_in = made.backward(d_out, d_steps).copy()
    made.weight_gradients()
    np.testing.assert_allclose(d_in, numeric_gradient(loss, state), atol=1e-8)
    for name, weight in parameters.items():
        np.testing.assert_allclose(parameters.gradient(name), numeric_gradient(loss, weight), atol=1e-8)


def test_gates_start_open_for_memory_and_recurrent_weights_orthogonal(rng):
    for name, gate in (("gru", slice(0, H)), ("lstm", slice(H, 2 * H))):
        parameters = Parameters(CELLS[name].shapes(INPUTS, H), "float64")
        CELLS[name].initialise(parameters, rng)
        bias = parameters["input"][-1]
        assert (bias[gate] == 1).all()
        assert bias.sum() == H
        for block in np.split(parameters["recurrent"], parameters["recurrent"].shape[1] // H, axis=1):
            np.testing.assert_allclose(block @ block.T, np.eye(H), atol=1e-12)


def test_what_a_backward_pass_needs_is_all_in_the_activations(cell, rng):
    """A cell restored from another one's activations goes back to the same gradients (a cut of a delayed chain)."""
    made, parameters, width, _ = cell
    made.forward(rng.standard_normal((B, width)))
    again = type(made)(parameters, T, B, INPUTS, H, "float64")
    for name, array in again.activations().items():
        array[:] = made.activations()[name]
    d_out = rng.standard_normal((B, width))
    np.testing.assert_array_equal(made.backward(d_out), again.backward(d_out))
    made.weight_gradients()
    expected = parameters.gradients.copy()
    again.weight_gradients()
    np.testing.assert_array_equal(parameters.gradients, expected)
