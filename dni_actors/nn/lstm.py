"""The LSTM cell of a time box (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    i, f, o = sigmoid([x_t, 1] W_input + h_{t-1} W_recurrent),   g = tanh(the same)      columns i | f | o | g of 4H
    c_t = f c_{t-1} + i g,   h_t = o tanh(c_t)

Its state is [h, c], side by side: what a box hands on, and what a synthesizer predicts a gradient for (DNI paper, 2.2).
"""

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.rnn import orthogonal

FORGET = 1.0  # bias of the forget gate at the start: remember


def sigmoid(a: Array) -> None:
    """In place; through tanh, which cannot overflow."""
    a *= 0.5
    np.tanh(a, out=a)
    a += 1
    a *= 0.5


class LSTM:
    """Forward, backward and weight gradients of one window, in work arrays made once."""

    @staticmethod
    def width(hidden: int) -> int:
        return 2 * hidden

    @staticmethod
    def shapes(inputs: int, hidden: int) -> dict[str, tuple[int, ...]]:
        return {"input": (inputs + 1, 4 * hidden), "recurrent": (hidden, 4 * hidden)}

    @staticmethod
    def initialise(parameters: Parameters, rng: np.random.Generator) -> None:
        """Input weights of variance 1/I, each gate's recurrent weights orthogonal, forget bias 1, the others zero."""
        rows, columns = parameters["input"].shape
        hidden = columns // 4
        parameters["input"][:-1] = rng.standard_normal((rows - 1, columns)) / np.sqrt(rows - 1)
        parameters["input"][-1, hidden : 2 * hidden] = FORGET
        parameters["recurrent"][:] = np.hstack([orthogonal(rng, hidden) for _ in range(4)])

    def __init__(
        self, parameters: Parameters, steps: int, batch: int, inputs: int, hidden: int, dtype: DTypeLike
    ) -> None:
        rows = inputs + 1
        self._parameters, self._hidden = parameters, hidden
        self.x = zeros((steps, batch, rows), dtype)
        self._gates = zeros((steps, batch, 4 * hidden), dtype)  # projected, then the gates' values
        self._h, self._c = zeros((steps + 1, batch, hidden), dtype), zeros((steps + 1, batch, hidden), dtype)
        self.h = self._h[1:]
        self._tanh_c = zeros((steps, batch, hidden), dtype)
        self._d = zeros((steps, batch, 4 * hidden), dtype)  # dL/d(pre-activation), per sample
        self._out, self._d_in = zeros((batch, 2 * hidden), dtype), zeros((batch, 2 * hidden), dtype)
        self._product = zeros((batch, 4 * hidden), dtype)
        self._dh, self._dc, self._a = (zeros((batch, hidden), dtype) for _ in range(3))
        self._recurrent_t = zeros((4 * hidden, hidden), dtype)
        flat = steps * batch
        self._x_flat, self._gates_flat = self.x.reshape(flat, rows), self._gates.reshape(flat, 4 * hidden)
        self._h_flat, self._d_flat = self._h[:-1].reshape(flat, hidden), self._d.reshape(flat, 4 * hidden)

    def _split(self, z: Array) -> tuple[Array, Array, Array, Array]:
        h = self._hidden
        return z[:, :h], z[:, h : 2 * h], z[:, 2 * h : 3 * h], z[:, 3 * h :]

    def forward(self, state: Array) -> Array:
        """[B, 2H] -> [B, 2H]: h and c after the last step (a work array: valid until the next forward)."""
        recurrent, hidden = self._parameters["recurrent"], self._hidden
        np.matmul(self._x_flat, self._parameters["input"], out=self._gates_flat)
        np.copyto(self._h[0], state[:, :hidden])
        np.copyto(self._c[0], state[:, hidden:])
        for t, gates in enumerate(self._gates):
            gates += np.matmul(self._h[t], recurrent, out=self._product)
            sigmoid(gates[:, : 3 * hidden])
            i, f, o, g = self._split(gates)
            np.tanh(g, out=g)
            c = np.multiply(f, self._c[t], out=self._c[t + 1])
            c += np.multiply(i, g, out=self._a)
            np.multiply(o, np.tanh(c, out=self._tanh_c[t]), out=self._h[t + 1])
        self._out[:, :hidden], self._out[:, hidden:] = self._h[-1], self._c[-1]
        return self._out

    def backward(self, d_out: Array, d_steps: Array | None = None) -> Array:
        """dL/d[h_T, c_T], and of losses at the steps dL/dh_t [T, B, H] -> dL/d[h_0, c_0], [B, 2H]. After `forward`."""
        hidden, a, dh, dc = self._hidden, self._a, self._dh, self._dc
        np.copyto(self._recurrent_t, self._parameters["recurrent"].T)
        np.copyto(dh, d_out[:, :hidden])
        np.copyto(dc, d_out[:, hidden:])
        for t in reversed(range(len(self._d))):
            i, f, o, g = self._split(self._gates[t])
            d_i, d_f, d_o, d_g = self._split(self._d[t])
            tanh_c = self._tanh_c[t]
            if d_steps is not None:
                dh += d_steps[t]
            np.multiply(dh, tanh_c, out=d_o)
            np.multiply(tanh_c, tanh_c, out=a)
            np.subtract(1, a, out=a)
            a *= o
            a *= dh
            dc += a
            np.multiply(dc, g, out=d_i)
            np.multiply(dc, self._c[t], out=d_f)
            np.multiply(dc, i, out=d_g)
            dc *= f
            for d, value in ((d_i, i), (d_f, f), (d_o, o)):
                d *= value
                d *= np.subtract(1, value, out=a)
            np.multiply(g, g, out=a)
            d_g *= np.subtract(1, a, out=a)
            np.matmul(self._d[t], self._recurrent_t, out=dh)
        self._d_in[:, :hidden], self._d_in[:, hidden:] = dh, dc
        return self._d_in

    def weight_gradients(self) -> None:
        """Sums over steps and samples into the parameters' gradients. After `backward`."""
        np.matmul(self._x_flat.T, self._d_flat, out=self._parameters.gradient("input"))
        np.matmul(self._h_flat.T, self._d_flat, out=self._parameters.gradient("recurrent"))

    def activations(self) -> dict[str, Array]:
        return {"x": self.x, "h": self._h, "c": self._c, "tanh_c": self._tanh_c, "gates": self._gates}
