import numpy as np
import pytest

from dni_actors.nn.parameters import Parameters
from dni_actors.nn.synthesizer import HIDDEN_LAYERS, Synthesizer, agreement
from tests.numerics import frozen, numeric_gradient

B, Z, H = 3, 6, 4


@pytest.fixture(params=HIDDEN_LAYERS)
def model(request, rng):
    parameters = Parameters(Synthesizer.shapes(request.param, Z, H), "float64")
    Synthesizer.initialise(parameters, rng)
    return Synthesizer(parameters, B, "float64"), parameters


def test_an_untrained_synthesizer_predicts_no_future(model, rng):
    made, _ = model
    assert not made.predict(rng.standard_normal((B, Z))).any()


def test_gradients_agree_with_finite_differences(model, rng):
    made, parameters = model
    parameters["synthesizer"][:] = rng.standard_normal(parameters["synthesizer"].shape)
    z, received = frozen(rng.standard_normal((B, Z))), frozen(rng.standard_normal((B, H)))

    def loss():
        return float(((made.predict(z) - received) ** 2).sum()) / 2 / B

    expected = agreement(made.predict(z).copy(), received)
    assert made.weight_gradients(z, received) == expected
    for name, weight in parameters.items():
        np.testing.assert_allclose(parameters.gradient(name), numeric_gradient(loss, weight), atol=1e-8)


def test_agreement_tells_direction_length_and_error():
    g = np.array([[3.0, 4.0]])
    assert agreement(g, g) == pytest.approx((0, 1, 1))
    assert agreement(-2 * g, g) == pytest.approx((9, -1, 2))
    assert agreement(0 * g, g) == pytest.approx((1, 0, 0))
    assert agreement(g, 0 * g) is None
