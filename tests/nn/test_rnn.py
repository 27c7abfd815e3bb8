import numpy as np

from dni_actors.nn.no_steps import NoSteps
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.rnn import RNN
from tests.numerics import frozen

B, INPUTS, H = 2, 4, 5


def test_recurrent_weights_start_orthogonal_and_the_bias_at_zero(rng):
    parameters = Parameters(RNN.shapes(INPUTS, H), "float64")
    RNN.initialise(parameters, rng)
    np.testing.assert_allclose(parameters["recurrent"] @ parameters["recurrent"].T, np.eye(H), atol=1e-12)
    assert not parameters["input"][-1].any()


def test_a_passage_hands_on_what_comes_in(rng):
    made = NoSteps(Parameters({}, "float64"), 0, B, 0, H, "float64")
    h_in = frozen(rng.standard_normal((B, H)))
    h_out = made.forward(h_in)
    np.testing.assert_array_equal(h_out, h_in)
    assert h_out is not h_in
    np.testing.assert_array_equal(made.backward(h_in), h_in)
