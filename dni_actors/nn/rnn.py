"""The cell of a time box: a vanilla tanh RNN unrolled over the box's T steps.

    h_t = tanh([x_t, 1] W_input + h_{t-1} W_recurrent)        t = 1 .. T,  h_0 = the state handed in

Shapes: T steps, B samples, I inputs, H hidden units. The bias is the last row of W_input (x carries a column of ones),
so all T input projections are one product, and so is each weight gradient.
"""

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import Array, blocks, zeros
from dni_actors.nn.parameters import Parameters


def orthogonal(rng: np.random.Generator, size: int) -> Array:
    """[size, size], uniform over the orthogonal matrices."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return np.asarray(q * np.sign(np.diag(r)))


class RNN:
    """Forward, backward and weight gradients of one window, in work arrays made once."""

    @staticmethod
    def width(hidden: int) -> int:
        return hidden

    @staticmethod
    def shapes(inputs: int, hidden: int) -> dict[str, tuple[int, ...]]:
        return {"input": (inputs + 1, hidden), "recurrent": (hidden, hidden)}

    @staticmethod
    def initialise(parameters: Parameters, rng: np.random.Generator) -> None:
        """Input weights of variance 1/I, bias zero, recurrent weights orthogonal (algorithms: Conventions)."""
        rows, hidden = parameters["input"].shape
        parameters["input"][:-1] = rng.standard_normal((rows - 1, hidden)) / np.sqrt(rows - 1)
        parameters["recurrent"][:] = orthogonal(rng, hidden)

    def __init__(
        self, parameters: Parameters, steps: int, batch: int, inputs: int, hidden: int, dtype: DTypeLike
    ) -> None:
        rows = inputs + 1
        self._parameters = parameters
        self.x = zeros((steps, batch, rows), dtype)  # [T, B, I + 1]; the caller fills it, ones in the last column
        self._projected = zeros((steps, batch, hidden), dtype)
        self._h = zeros((steps + 1, batch, hidden), dtype)
        self._h_out: Array = self._h[-1]
        self.h = self._h[1:]
        self._d = zeros((steps, batch, hidden), dtype)  # dL/d(pre-activation), per sample
        self._d_in = zeros((batch, hidden), dtype)
        self._recurrent_t = zeros((hidden, hidden), dtype)
        flat = steps * batch
        self._x_flat, self._projected_flat = self.x.reshape(flat, rows), self._projected.reshape(flat, hidden)
        self._h_flat, self._d_flat = self._h[:-1].reshape(flat, hidden), self._d.reshape(flat, hidden)
        self._steps_forward = list(zip(self._h[:-1], self._projected, self._h[1:], strict=True))
        self._blocks_backward = [
            (self._d[of], self.h[of], [(t, self._d[t]) for t in reversed(range(of.start, of.stop))])
            for of in blocks(steps, batch * hidden)
        ]

    def forward(self, h_in: Array) -> Array:
        """[B, H] -> [B, H]: the state after the last step (a work array: valid until the next forward)."""
        recurrent = self._parameters["recurrent"]
        np.matmul(self._x_flat, self._parameters["input"], out=self._projected_flat)
        np.copyto(self._h[0], h_in)
        for before, projected, after in self._steps_forward:
            np.matmul(before, recurrent, out=after)
            after += projected
            np.tanh(after, out=after)
        return self._h_out

    def backward(self, d_out: Array, d_steps: Array | None = None) -> Array:
        """dL/dh_T [B, H], and of losses at the steps dL/dh_t [T, B, H] -> dL/dh_0 [B, H], per sample; keeps what
        `weight_gradients` needs. After `forward`."""
        np.copyto(self._recurrent_t, self._parameters["recurrent"].T)  # BLAS is slower on a transposed view
        carried = self._d_in
        np.copyto(carried, d_out)
        for slopes, h, steps in self._blocks_backward:
            np.multiply(h, h, out=slopes)
            np.subtract(1, slopes, out=slopes)
            for t, d in steps:
                if d_steps is not None:
                    carried += d_steps[t]
                d *= carried
                np.matmul(d, self._recurrent_t, out=carried)
        return carried

    def weight_gradients(self) -> None:
        """Sums over steps and samples into the parameters' gradients. After `backward`."""
        np.matmul(self._x_flat.T, self._d_flat, out=self._parameters.gradient("input"))
        np.matmul(self._h_flat.T, self._d_flat, out=self._parameters.gradient("recurrent"))

    def activations(self) -> dict[str, Array]:
        return {"x": self.x, "h": self._h}
