"""The GRU cell of a time box (Cho et al. 2014, in the form whose three recurrent products are one, as in cuDNN).

k, r = sigmoid([x_t, 1] W_input + h_{t-1} W_recurrent)        keep and reset gate; columns k | r | n of 3H
n    = tanh([x_t, 1] W_input + r (h_{t-1} W_recurrent))
h_t  = k h_{t-1} + (1 - k) n
"""

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.lstm import sigmoid
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.rnn import orthogonal

KEEP = 1.0  # bias of the keep gate at the start: remember


class GRU:
    """Forward, backward and weight gradients of one window, in work arrays made once."""

    @staticmethod
    def width(hidden: int) -> int:
        return hidden

    @staticmethod
    def shapes(inputs: int, hidden: int) -> dict[str, tuple[int, ...]]:
        return {"input": (inputs + 1, 3 * hidden), "recurrent": (hidden, 3 * hidden)}

    @staticmethod
    def initialise(parameters: Parameters, rng: np.random.Generator) -> None:
        """Input weights of variance 1/I, each gate's recurrent weights orthogonal, keep bias 1, the others zero."""
        rows, columns = parameters["input"].shape
        hidden = columns // 3
        parameters["input"][:-1] = rng.standard_normal((rows - 1, columns)) / np.sqrt(rows - 1)
        parameters["input"][-1, :hidden] = KEEP
        parameters["recurrent"][:] = np.hstack([orthogonal(rng, hidden) for _ in range(3)])

    def __init__(
        self, parameters: Parameters, steps: int, batch: int, inputs: int, hidden: int, dtype: DTypeLike
    ) -> None:
        rows = inputs + 1
        self._parameters, self._hidden = parameters, hidden
        self.x = zeros((steps, batch, rows), dtype)
        self._gates = zeros((steps, batch, 3 * hidden), dtype)  # projected, then the values of k, r and n
        self._h = zeros((steps + 1, batch, hidden), dtype)
        self._h_out: Array = self._h[-1]
        self.h = self._h[1:]
        self._q = zeros((steps, batch, hidden), dtype)  # h_{t-1} W_recurrent, the columns of n
        self._d_x = zeros((steps, batch, 3 * hidden), dtype)  # dL/d([x_t, 1] W_input), per sample
        self._d_h = zeros((steps, batch, 3 * hidden), dtype)  # dL/d(h_{t-1} W_recurrent): other in n's columns only
        self._product, self._dh = zeros((batch, 3 * hidden), dtype), zeros((batch, hidden), dtype)
        self._a, self._carried = zeros((batch, hidden), dtype), zeros((batch, hidden), dtype)
        self._recurrent_t = zeros((3 * hidden, hidden), dtype)
        flat = steps * batch
        self._x_flat, self._gates_flat = self.x.reshape(flat, rows), self._gates.reshape(flat, 3 * hidden)
        self._h_flat = self._h[:-1].reshape(flat, hidden)
        self._d_x_flat, self._d_h_flat = self._d_x.reshape(flat, 3 * hidden), self._d_h.reshape(flat, 3 * hidden)

    def _split(self, z: Array) -> tuple[Array, Array, Array]:
        h = self._hidden
        return z[:, :h], z[:, h : 2 * h], z[:, 2 * h :]

    def forward(self, state: Array) -> Array:
        """[B, H] -> [B, H]: the state after the last step (a work array: valid until the next forward)."""
        recurrent, hidden = self._parameters["recurrent"], self._hidden
        np.matmul(self._x_flat, self._parameters["input"], out=self._gates_flat)
        np.copyto(self._h[0], state)
        for t, gates in enumerate(self._gates):
            np.matmul(self._h[t], recurrent, out=self._product)
            both = gates[:, : 2 * hidden]
            both += self._product[:, : 2 * hidden]
            sigmoid(both)
            keep, reset, n = self._split(gates)
            np.copyto(self._q[t], self._product[:, 2 * hidden :])
            n += np.multiply(reset, self._q[t], out=self._a)
            np.tanh(n, out=n)
            h = np.subtract(self._h[t], n, out=self._h[t + 1])
            h *= keep
            h += n
        return self._h_out

    def backward(self, d_out: Array, d_steps: Array | None = None) -> Array:
        """dL/dh_T [B, H], and of losses at the steps dL/dh_t [T, B, H] -> dL/dh_0 [B, H]. After `forward`."""
        a, dh = self._a, self._dh
        np.copyto(self._recurrent_t, self._parameters["recurrent"].T)
        np.copyto(dh, d_out)
        for t in reversed(range(len(self._d_x))):
            keep, reset, n = self._split(self._gates[t])
            d_keep, d_reset, d_n = self._split(self._d_x[t])
            if d_steps is not None:
                dh += d_steps[t]
            np.subtract(1, keep, out=a)
            np.multiply(dh, a, out=d_n)
            a *= keep
            np.multiply(a, dh, out=d_keep)
            d_keep *= np.subtract(self._h[t], n, out=a)
            np.multiply(n, n, out=a)
            d_n *= np.subtract(1, a, out=a)
            np.subtract(1, reset, out=a)
            a *= reset
            a *= self._q[t]
            np.multiply(a, d_n, out=d_reset)
            np.copyto(self._d_h[t], self._d_x[t])
            d_q = self._split(self._d_h[t])[2]
            d_q *= reset
            dh *= keep
            dh += np.matmul(self._d_h[t], self._recurrent_t, out=self._carried)
        return dh

    def weight_gradients(self) -> None:
        """Sums over steps and samples into the parameters' gradients. After `backward`."""
        np.matmul(self._x_flat.T, self._d_x_flat, out=self._parameters.gradient("input"))
        np.matmul(self._h_flat.T, self._d_h_flat, out=self._parameters.gradient("recurrent"))

    def activations(self) -> dict[str, Array]:
        return {"x": self.x, "h": self._h, "q": self._q, "gates": self._gates}
