"""A layer of a feed-forward network as a cell: a box of depth, not of time (DNI paper, 3.2; Seo's and iamtrask's nets).

h_out = a([x, 1] W)  in the first box,   a([h_in, 1] W)  in those behind it;   a = tanh, relu or sigmoid
With RMS norm (Zhang and Sennrich 2019, without a gain) it hands on  h_out / sqrt(mean(h_out^2) + 1e-6)  instead.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.gates import sigmoid
from dni_actors.nn.parameters import Parameters


class Dense:
    """One layer. Shapes: B samples, H units; I inputs, or none: then the state that comes in is what it sees."""

    GAIN: ClassVar[float]  # variance of the weights times their number of inputs

    @staticmethod
    def width(hidden: int) -> int:
        return hidden

    @staticmethod
    def shapes(inputs: int, hidden: int) -> dict[str, tuple[int, ...]]:
        return {"input": ((inputs or hidden) + 1, hidden)}

    @classmethod
    def initialise(cls, parameters: Parameters, rng: np.random.Generator) -> None:
        rows, hidden = parameters["input"].shape
        parameters["input"][:-1] = rng.standard_normal((rows - 1, hidden)) * np.sqrt(cls.GAIN / (rows - 1))

    def __init__(
        self, parameters: Parameters, steps: int, batch: int, inputs: int, hidden: int, dtype: DTypeLike
    ) -> None:
        self._parameters = parameters
        rows = parameters["input"].shape[0]
        self._z = zeros((batch, rows), dtype)
        self._z[:, -1] = 1
        self._first = inputs > 0
        self.x = self._z[None] if self._first else zeros((0, batch, 0), dtype)
        self.h = zeros((1, batch, hidden), dtype)
        self._d = zeros((batch, hidden), dtype)
        self._d_in = zeros((batch, hidden), dtype)

    def forward(self, h_in: Array) -> Array:
        """[B, H] -> [B, H] (a work array: valid until the next forward)."""
        if not self._first:
            self._z[:, :-1] = h_in
        h: Array = np.matmul(self._z, self._parameters["input"], out=self.h[0])
        self._activate(h)
        return h

    def backward(self, d_out: Array, d_steps: Array | None = None) -> Array:
        """dL/dh_out [B, H] -> dL/dh_in [B, H], per sample; zero in the first box, which does not see it."""
        self._slope(self.h[0], self._d)
        self._d *= d_out
        if not self._first:
            np.matmul(self._d, self._parameters["input"][:-1].T, out=self._d_in)
        return self._d_in

    def weight_gradients(self) -> None:
        np.matmul(self._z.T, self._d, out=self._parameters.gradient("input"))

    def activations(self) -> dict[str, Array]:
        return {"z": self._z, "h": self.h}

    def _activate(self, z: Array) -> None:
        raise NotImplementedError

    def _slope(self, h: Array, into: Array) -> None:
        """da/dz from a."""
        raise NotImplementedError


class TanhDense(Dense):
    GAIN = 1.0

    def _activate(self, z: Array) -> None:
        np.tanh(z, out=z)

    def _slope(self, h: Array, into: Array) -> None:
        np.multiply(h, h, out=into)
        np.subtract(1, into, out=into)


class ReluDense(Dense):
    GAIN = 2.0

    def _activate(self, z: Array) -> None:
        np.maximum(z, 0, out=z)

    def _slope(self, h: Array, into: Array) -> None:
        np.greater(h, 0, out=into, casting="unsafe")


class SigmoidDense(Dense):
    GAIN = 1.0

    def _activate(self, z: Array) -> None:
        sigmoid(z)

    def _slope(self, h: Array, into: Array) -> None:
        np.subtract(1, h, out=into)
        into *= h


ACTIVATIONS: dict[str, type[Dense]] = {"tanh": TanhDense, "relu": ReluDense, "sigmoid": SigmoidDense}


class RmsNorm(Dense):
    """A layer that hands on y = h / r, r = sqrt(mean(h^2) + 1e-6), the mean over the units of each sample."""

    EPSILON = 1e-6

    def __init__(
        self, parameters: Parameters, steps: int, batch: int, inputs: int, hidden: int, dtype: DTypeLike
    ) -> None:
        super().__init__(parameters, steps, batch, inputs, hidden, dtype)
        self._y, self._r = zeros((batch, hidden), dtype), zeros((batch, 1), dtype)
        self._d_h = zeros((batch, hidden), dtype)

    def forward(self, h_in: Array) -> Array:
        """As the base class."""
        h = super().forward(h_in)
        np.multiply(h, h, out=self._y)
        np.mean(self._y, axis=1, keepdims=True, out=self._r)
        self._r += self.EPSILON
        np.sqrt(self._r, out=self._r)
        return np.divide(h, self._r, out=self._y)

    def backward(self, d_out: Array, d_steps: Array | None = None) -> Array:
        """dL/dh = (dL/dy - y mean(y dL/dy)) / r, and on as the base class."""
        d = np.multiply(self._y, d_out, out=self._d_h)
        np.multiply(self._y, d.mean(axis=1, keepdims=True), out=d)
        np.subtract(d_out, d, out=d)
        d /= self._r
        return super().backward(d)

    def activations(self) -> dict[str, Array]:
        return super().activations() | {"y": self._y, "r": self._r}


class RmsTanhDense(RmsNorm, TanhDense):
    pass


class RmsReluDense(RmsNorm, ReluDense):
    pass


class RmsSigmoidDense(RmsNorm, SigmoidDense):
    pass


NORMED: dict[str, type[Dense]] = {"tanh": RmsTanhDense, "relu": RmsReluDense, "sigmoid": RmsSigmoidDense}
