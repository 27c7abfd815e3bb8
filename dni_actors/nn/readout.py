"""The read-out: a linear map of hidden states to C outputs, and their loss, per sample."""

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.losses import LOSSES
from dni_actors.nn.parameters import Parameters


class Readout:
    """z = h V + c, and a loss of z (nn/losses.py). Shapes: N samples, H hidden units, C outputs."""

    @staticmethod
    def shapes(hidden: int, outputs: int) -> dict[str, tuple[int, ...]]:
        return {"readout": (hidden, outputs), "readout_bias": (outputs,)}

    @staticmethod
    def initialise(parameters: Parameters, rng: np.random.Generator) -> None:
        """Variance 1/H, bias zero."""
        shape = parameters["readout"].shape
        parameters["readout"][:] = rng.standard_normal(shape) / np.sqrt(shape[0])

    def __init__(
        self,
        parameters: Parameters,
        samples: int,
        dtype: DTypeLike,
        loss: str = "softmax",
        class_weights: Array | None = None,
    ) -> None:
        hidden, outputs = parameters["readout"].shape
        self._parameters = parameters
        self._loss = LOSSES[loss](samples, outputs, dtype, class_weights)
        self.loss = zeros(samples, dtype)
        """[N] loss of each sample of the last `forward`"""
        self.correct = zeros(samples, bool)
        """[N] whether the answer was right"""
        self._d = zeros((samples, outputs), dtype)  # outputs, then what they say, then dL/d(outputs)
        self._d_h = zeros((samples, hidden), dtype)
        self._h, self._targets = self._d_h, np.zeros(0)

    def forward(self, h: Array, targets: Array) -> None:
        """h [N, H], targets as the loss has them; fills `loss` and `correct`."""
        self._h, self._targets = h, targets
        np.matmul(h, self._parameters["readout"], out=self._d)
        self._d += self._parameters["readout_bias"]
        self._loss.forward(self._d, targets, self.loss, self.correct)

    def mean_loss(self) -> float | None:
        """Over what is known of the last `forward`'s targets; None where nothing is."""
        known = float(self._loss.weigh(self._targets).mean())
        return float(self.loss.mean()) / known if known else None

    @property
    def said(self) -> Array:
        """[N, C] after `forward`: probabilities of classes or bits, or numbers (a work array)."""
        return self._d

    def backward(self) -> Array:
        """dL/dh [N, H] per sample. After `forward`, once."""
        self._loss.backward(self._d, self._targets)
        return np.matmul(self._d, self._parameters["readout"].T, out=self._d_h)

    def weight_gradients(self) -> None:
        """Sums over samples into the parameters' gradients. After `backward`."""
        np.matmul(self._h.T, self._d, out=self._parameters.gradient("readout"))
        np.sum(self._d, axis=0, out=self._parameters.gradient("readout_bias"))
