"""The GRU cell of a time box (Cho et al. 2014, in the form whose three recurrent products are one, as in cuDNN).

k, r = sigmoid([x_t, 1] W_input + h_{t-1} W_recurrent)        keep and reset gate; columns k | r | n of 3H
n    = tanh([x_t, 1] W_input + r (h_{t-1} W_recurrent))
h_t  = k h_{t-1} + (1 - k) n
"""

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import Array, blocks, zeros
from dni_actors.nn.gates import GatesApart, from_tanh
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.rnn import orthogonal

KEEP = 1.0  # bias of the keep gate at the start: remember


class GRU:
    """Forward, backward and weight gradients of one window, in work arrays made once.

    Gates lie one after the other, [3, T, B, H]; only the products of the way back have them side by side (nn/gates.py).
    """

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
        rows, flat = inputs + 1, steps * batch
        self._parameters, self._steps = parameters, range(steps)
        self._apart = GatesApart(parameters, hidden)
        self.x = zeros((steps, batch, rows), dtype)
        self._gates = zeros((3, steps, batch, hidden), dtype)  # projected, then the values of k, r and n
        self._now = zeros((3, batch, hidden), dtype)  # those of one step
        self._h = zeros((steps + 1, batch, hidden), dtype)
        self._h_out: Array = self._h[-1]
        self.h = self._h[1:]
        self._q = zeros((steps, batch, hidden), dtype)  # h_{t-1} W_recurrent, the columns of n
        self._d = zeros((3, steps, batch, hidden), dtype)  # dL/d(pre-activation) of k and r, dL/dq, per sample
        self._d_n = zeros((steps, batch, hidden), dtype)  # dL/d([x_t, 1] W_input), the columns of n
        self._d_x = zeros((steps, batch, 3 * hidden), dtype)  # dL/d([x_t, 1] W_input), side by side
        self._d_h = zeros((steps, batch, 3 * hidden), dtype)  # dL/d(h_{t-1} W_recurrent): other in n's columns only
        self._dh, self._carried = zeros((batch, hidden), dtype), zeros((batch, hidden), dtype)
        self._recurrent_t = zeros((3 * hidden, hidden), dtype)
        self._x_flat, self._gates_flat = self.x.reshape(flat, rows), self._gates.reshape(3, flat, hidden)
        self._h_flat = self._h[:-1].reshape(flat, hidden)
        self._d_x_flat, self._d_h_flat = self._d_x.reshape(flat, 3 * hidden), self._d_h.reshape(flat, 3 * hidden)
        self._beside_x, self._beside_h = (d.reshape(steps, batch, 3, hidden) for d in (self._d_x, self._d_h))
        self._change = zeros((steps, batch, hidden), dtype)  # h_{t-1} - n
        self._blocks = blocks(steps, batch * 3 * hidden)

    def forward(self, state: Array) -> Array:
        """[B, H] -> [B, H]: the state after the last step (a work array: valid until the next forward)."""
        apart = self._apart
        apart.refresh()
        np.matmul(self._x_flat, apart.input, out=self._gates_flat)
        np.copyto(self._h[0], state)
        for t in self._steps:
            before, h, q = self._h[t], self._h[t + 1], self._q[t]
            now = np.matmul(before, apart.recurrent, out=self._now)
            np.copyto(q, now[2])
            both, n = now[:2], now[2]
            both += self._gates[:2, t]
            np.tanh(both, out=both)
            from_tanh(both)
            keep, reset = both
            n *= reset
            n += self._gates[2, t]
            np.tanh(n, out=n)
            np.copyto(self._gates[:, t], now)
            np.subtract(before, n, out=h)
            h *= keep
            h += n
        return self._h_out

    def backward(self, d_out: Array, d_steps: Array | None = None) -> Array:
        """dL/dh_T [B, H], and of losses at the steps dL/dh_t [T, B, H] -> dL/dh_0 [B, H]. After `forward`."""
        dh = self._dh
        np.copyto(self._recurrent_t, self._parameters["recurrent"].T)
        np.copyto(dh, d_out)
        for block in self._blocks:
            self._slopes(block)
            for t in reversed(self._steps[block]):
                if d_steps is not None:
                    dh += d_steps[t]
                (d_keep, d_reset, d_q), d_n = self._d[:, t], self._d_n[t]
                d_n *= dh
                d_n *= d_q
                d_keep *= dh
                d_keep *= self._change[t]
                d_reset *= d_n
                np.multiply(d_n, self._gates[1, t], out=d_q)
                np.copyto(self._beside_h[t], self._d[:, t].swapaxes(0, 1))
                dh *= self._gates[0, t]
                dh += np.matmul(self._d_h[t], self._recurrent_t, out=self._carried)
        return dh

    def _slopes(self, of: slice) -> None:
        """Of so many steps, what needs nothing from behind: 1 - k of n, k (1 - k) of k, r (1 - r) q of r, and, where
        dL/dq will be, 1 - n^2."""
        keep, reset, n = self._gates[:, of]
        d_keep, d_reset, d_q = self._d[:, of]
        d_n = self._d_n[of]
        np.subtract(1, keep, out=d_n)
        np.multiply(d_n, keep, out=d_keep)
        np.subtract(self._h[of], n, out=self._change[of])
        np.multiply(n, n, out=d_q)
        np.subtract(1, d_q, out=d_q)
        np.subtract(1, reset, out=d_reset)
        d_reset *= reset
        d_reset *= self._q[of]

    def weight_gradients(self) -> None:
        """Sums over steps and samples into the parameters' gradients. After `backward`."""
        np.copyto(self._beside_x[:, :, :2], np.moveaxis(self._d[:2], 0, 2))
        np.copyto(self._beside_x[:, :, 2], self._d_n)
        np.matmul(self._x_flat.T, self._d_x_flat, out=self._parameters.gradient("input"))
        np.matmul(self._h_flat.T, self._d_h_flat, out=self._parameters.gradient("recurrent"))

    def activations(self) -> dict[str, Array]:
        return {"x": self.x, "h": self._h, "q": self._q, "gates": self._gates}
