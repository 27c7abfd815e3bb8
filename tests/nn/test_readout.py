import numpy as np
import pytest

from dni_actors.nn.losses import LOSSES
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.readout import Readout
from tests.numerics import frozen, numeric_gradient

B, H, C = 3, 4, 5


def make(rng, loss="softmax"):
    parameters = Parameters(Readout.shapes(H, C), "float64")
    Readout.initialise(parameters, rng)
    parameters["readout_bias"][:] = rng.standard_normal(C)
    return Readout(parameters, B, "float64", loss), parameters


def log_loss(z, y):
    p = 1 / (1 + np.exp(-z))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1)


FORMULAS = {
    "softmax": lambda z, y: np.log(np.exp(z).sum(axis=1)) - z[np.arange(B), y],
    "bits": log_loss,
    "squared": lambda z, y: ((z - y) ** 2).sum(axis=1) / 2,
}


def targets(loss, rng):
    if loss == "softmax":
        return np.array([0, 4, 2])
    return rng.integers(2, size=(B, C)).astype(float) if loss == "bits" else rng.standard_normal((B, C))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("silent", [False, True], ids=["all asked", "one not asked"])
def test_loss_and_gradients_agree_with_formula_and_finite_differences(name, silent, rng):
    made, parameters = make(rng, name)
    h, y = rng.standard_normal((B, H)), targets(name, rng)
    expected = FORMULAS[name](h @ parameters["readout"] + parameters["readout_bias"], y)
    if silent:
        y[1] = -1 if name == "softmax" else np.nan
        expected[1] = 0

    def loss():
        made.forward(h, y)
        return float(made.loss.sum())

    made.forward(frozen(h), frozen(y))
    np.testing.assert_allclose(made.loss, expected, rtol=1e-12)
    d_h = made.backward().copy()
    made.weight_gradients()
    np.testing.assert_allclose(d_h, numeric_gradient(loss, h), atol=1e-8)
    for name, weight in parameters.items():
        np.testing.assert_allclose(parameters.gradient(name), numeric_gradient(loss, weight), atol=1e-8)


@pytest.mark.parametrize(
    ("name", "y", "right"),
    [
        ("softmax", [1, 2, -1], [True, False, False]),
        ("bits", [[0, 1, 0], [1, 0, 1], [np.nan] * 3], [True, False, False]),
        ("squared", [[-1, 1, -1], [0.9, 1.1, 2], [np.nan] * 3], [False, False, False]),  # near, or not
    ],
)
def test_an_answer_is_right_as_its_loss_says(name, y, right):
    loss, z = LOSSES[name](3, 3, "float64"), np.array([[-1, 1, -1], [1, 1.1, 0.9], [0, 0, 0]], float)
    found, correct = np.ones(3), np.ones(3, bool)
    loss.forward(z, np.array(y), found, correct)
    assert correct.tolist() == right
    assert found[2] == 0


@pytest.mark.parametrize("name", LOSSES)
def test_who_knows_nothing_has_the_loss_of_chance(name):
    loss, y = LOSSES[name](2, C, "float64"), LOSSES[name].targets((2,), C)
    found, correct = np.zeros(2), np.zeros(2, bool)
    loss.forward(np.zeros((2, C)), y, found, correct)
    assert found[0] == pytest.approx(loss.chance(C)) or loss.chance(C) == np.inf


def test_large_outputs_do_not_overflow(rng):
    for name in ("softmax", "bits"):
        made, _ = make(rng, name)
        made.forward(rng.standard_normal((B, H)) * 1e6, targets(name, rng))
        assert np.isfinite(made.loss).all()


@pytest.mark.parametrize("name", ["bits", "squared"])
@pytest.mark.parametrize("column", range(2))
def test_an_unknown_number_takes_no_other_with_it(name, column):
    """Sample 1 has one known number: its loss, its slope and its answer are those of that number alone."""
    y = np.array([[1.0, 0], [1, 0], [np.nan, np.nan]])
    y[1, column] = np.nan
    z = np.array([[0.99, -0.01], [0.99, -0.01], [1, 1]])
    z[1, column] = 7
    each = [FORMULAS[name](z[:1, [c]], y[:1, [c]])[0] for c in range(2)]
    loss, found, correct, said = LOSSES[name](3, 2, "float64"), np.zeros(3), np.zeros(3, bool), z.copy()
    loss.forward(said, y, found, correct)
    np.testing.assert_allclose(found, [sum(each), each[1 - column], 0])
    assert correct.tolist() == [loss.can_be_right, loss.can_be_right, False]
    slope = loss.backward(said, y)
    np.testing.assert_array_equal(slope[1, 1 - column], slope[0, 1 - column])
    assert not slope[1, column]
    assert not slope[2].any()
    assert loss.known(y).tolist() == [1, 0.5, 0]
