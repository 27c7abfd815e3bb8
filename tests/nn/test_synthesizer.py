import numpy as np
import pytest

from dni_actors.nn.parameters import Parameters
from dni_actors.nn.synthesizer import SYNTHESIZERS, agreement
from tests.numerics import frozen, numeric_gradient

B, Z, H = 3, 6, 4


@pytest.fixture(params=SYNTHESIZERS)
def model(request, rng):
    return made(request.param, rng)


def made(name, rng, outputs=H):
    kind = SYNTHESIZERS[name]
    parameters = Parameters(kind.shapes(Z, H, outputs), "float64")
    kind.initialise(parameters, rng)
    return kind(parameters, B, "float64"), parameters


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


@pytest.mark.parametrize("name", SYNTHESIZERS)
def test_an_auxiliary_head_learns_the_next_boundarys_synthetic_gradient(name, rng):
    model, parameters = made(name, rng, 2 * H)
    parameters["synthesizer"][:] = rng.standard_normal(parameters["synthesizer"].shape)
    z, received, following = (frozen(rng.standard_normal(shape)) for shape in ((B, Z), (B, H), (B, H)))
    targets = np.hstack([received, following])

    def loss():
        return float(((model.predict(z) - targets) ** 2).sum()) / 2 / B

    expected = agreement(model.predict(z)[:, :H].copy(), received)
    assert model.weight_gradients(z, received, following) == expected
    for name, weight in parameters.items():
        np.testing.assert_allclose(parameters.gradient(name), numeric_gradient(loss, weight), atol=1e-8)


def test_an_auxiliary_head_without_a_target_does_not_learn(rng):
    model, parameters = made("mlp1", rng, 2 * H)
    parameters["synthesizer"][:] = rng.standard_normal(parameters["synthesizer"].shape)
    model.weight_gradients(rng.standard_normal((B, Z)), rng.standard_normal((B, H)))
    assert not parameters.gradient("synthesizer")[:, H:].any()
    assert parameters.gradient("synthesizer")[:, :H].any()


def test_agreement_tells_direction_length_and_error():
    g = np.array([[3.0, 4.0]])
    assert agreement(g, g) == pytest.approx((0, 1, 1))
    assert agreement(-2 * g, g) == pytest.approx((9, -1, 2))
    assert agreement(0 * g, g) == pytest.approx((1, 0, 0))
    assert agreement(g, 0 * g) is None
