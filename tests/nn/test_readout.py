import numpy as np

from dni_actors.nn.parameters import Parameters
from dni_actors.nn.readout import Readout
from tests.numerics import frozen, numeric_gradient

B, H, C = 3, 4, 5


def make(rng):
    parameters = Parameters(Readout.shapes(H, C), "float64")
    Readout.initialise(parameters, rng)
    parameters["readout_bias"][:] = rng.standard_normal(C)
    return Readout(parameters, B, "float64"), parameters


def test_loss_and_gradients_agree_with_finite_differences(rng):
    made, parameters = make(rng)
    h, labels = rng.standard_normal((B, H)), np.array([0, 4, 2])

    def loss():
        made.forward(h, labels)
        return float(made.loss.sum())

    logits = h @ parameters["readout"] + parameters["readout_bias"]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    made.forward(frozen(h), labels)
    np.testing.assert_allclose(made.loss, -np.log(p[np.arange(B), labels]), rtol=1e-12)
    np.testing.assert_array_equal(made.correct, p.argmax(axis=1) == labels)
    d_h = made.backward().copy()
    made.weight_gradients()
    np.testing.assert_allclose(d_h, numeric_gradient(loss, h), atol=1e-8)
    for name, weight in parameters.items():
        np.testing.assert_allclose(parameters.gradient(name), numeric_gradient(loss, weight), atol=1e-8)


def test_large_logits_do_not_overflow(rng):
    made, _ = make(rng)
    made.forward(rng.standard_normal((B, H)) * 1e6, np.array([0, 1, 2]))
    assert np.isfinite(made.loss).all()
