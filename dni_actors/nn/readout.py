"""The read-out: a linear map to C classes, softmax and cross-entropy, per sample."""

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters


class Readout:
    """p = softmax(h V + c), loss = -log p[label]. Shapes: B samples, H hidden units, C classes."""

    @staticmethod
    def shapes(hidden: int, classes: int) -> dict[str, tuple[int, ...]]:
        return {"readout": (hidden, classes), "readout_bias": (classes,)}

    @staticmethod
    def initialise(parameters: Parameters, rng: np.random.Generator) -> None:
        """Variance 1/H, bias zero."""
        shape = parameters["readout"].shape
        parameters["readout"][:] = rng.standard_normal(shape) / np.sqrt(shape[0])

    def __init__(self, parameters: Parameters, batch: int, dtype: DTypeLike) -> None:
        hidden, classes = parameters["readout"].shape
        self._parameters = parameters
        self.loss = zeros(batch, dtype)
        """[B] loss of each sample of the last `forward`"""
        self.correct = zeros(batch, bool)
        """[B] whether the most probable class was the label"""
        self._d = zeros((batch, classes), dtype)  # logits, then probabilities, then dL/d(logits)
        self._d_h = zeros((batch, hidden), dtype)
        self._column = zeros((batch, 1), dtype)
        self._best = zeros(batch, np.intp)
        self._at = zeros(batch, np.intp)  # where each sample's label stands in the flattened [B, C]
        self._rows = np.arange(batch) * classes
        self._h: Array | None = None

    def forward(self, h: Array, labels: Array) -> None:
        """h [B, H], labels [B] integers; fills `loss` and `correct`."""
        p = self._d
        self._h = h
        np.matmul(h, self._parameters["readout"], out=p)
        p += self._parameters["readout_bias"]
        np.argmax(p, axis=1, out=self._best)
        np.equal(self._best, labels, out=self.correct)
        p -= np.max(p, axis=1, keepdims=True, out=self._column)
        np.add(self._rows, labels, out=self._at)
        np.take(p, self._at, out=self.loss, mode="clip")  # "clip": the default mode would buffer `out`
        np.exp(p, out=p)
        total = np.sum(p, axis=1, keepdims=True, out=self._column)
        p /= total
        np.log(total, out=total)
        np.subtract(total[:, 0], self.loss, out=self.loss)

    def probabilities(self, h: Array) -> Array:
        """h [B, H] -> p [B, C] (a work array: valid until the next call)."""
        self.forward(h, np.zeros(len(h), np.int64))
        return self._d

    def backward(self) -> Array:
        """dL/dh [B, H] per sample: (p - y) V^T. After `forward`, once."""
        self._d.ravel()[self._at] -= 1
        return np.matmul(self._d, self._parameters["readout"].T, out=self._d_h)

    def weight_gradients(self) -> None:
        """Sums over samples into the parameters' gradients. After `backward`."""
        assert self._h is not None
        np.matmul(self._h.T, self._d, out=self._parameters.gradient("readout"))
        np.sum(self._d, axis=0, out=self._parameters.gradient("readout_bias"))
