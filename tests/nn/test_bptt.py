import numpy as np

from tests.bptt import bptt
from tests.numerics import numeric_gradient


def test_the_oracle_agrees_with_finite_differences(rng):
    inputs, hidden, classes, batch = 3, 4, 2, 2

    def box(last):
        weights = {
            "input": rng.standard_normal((inputs + 1, hidden)),
            "recurrent": rng.standard_normal((hidden, hidden)),
        }
        return weights | (
            {"readout": rng.standard_normal((hidden, classes)), "readout_bias": np.zeros(classes)} if last else {}
        )

    boxes = [box(last=False), box(last=True)]
    x = [rng.standard_normal((steps, batch, inputs)) for steps in (2, 1)]
    labels, h_in = np.array([0, 1]), np.zeros((batch, hidden))

    def loss():
        return float(bptt(boxes, x, labels, h_in).loss.mean())

    found = bptt(boxes, x, labels, h_in)
    for weights, gradients in zip(boxes, found.weights, strict=True):
        for name, weight in weights.items():
            np.testing.assert_allclose(gradients[name], numeric_gradient(loss, weight), atol=1e-8)

    # The boundary's gradient: that of the second box alone with respect to the state it starts from, per sample.
    w, r = boxes[0]["input"], boxes[0]["recurrent"]
    state = np.tanh(x[0][1] @ w[:-1] + w[-1] + np.tanh(x[0][0] @ w[:-1] + w[-1]) @ r)
    per_sample = numeric_gradient(lambda: float(bptt(boxes[1:], x[1:], labels, state).loss.sum()), state)
    np.testing.assert_allclose(found.boundaries[0], per_sample, atol=1e-8)
