"""The LSTM cell of a time box (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    i, f, o = sigmoid([x_t, 1] W_input + h_{t-1} W_recurrent),   g = tanh(the same)      columns i | f | o | g of 4H
    c_t = f c_{t-1} + i g,   h_t = o tanh(c_t)

Its state is [h, c], side by side: what a box hands on, and what a synthesizer predicts a gradient for (DNI paper, 2.2).
"""

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import Array, blocks, zeros
from dni_actors.nn.gates import GatesApart, from_tanh
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.rnn import orthogonal

FORGET = 1.0  # bias of the forget gate at the start: remember


class LSTM:
    """Forward, backward and weight gradients of one window, in work arrays made once.

    Gates lie one after the other, [4, T, B, H]: what goes element by element is several times as fast on contiguous
    memory. Only the products of the way back have them side by side, [T, B, 4H].
    """

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
        rows, flat = inputs + 1, steps * batch
        self._parameters, self._hidden, self._steps = parameters, hidden, range(steps)
        self._apart = GatesApart(parameters, hidden)
        self.x = zeros((steps, batch, rows), dtype)
        self._gates = zeros((4, steps, batch, hidden), dtype)  # projected, then the gates' values
        self._now = zeros((4, batch, hidden), dtype)  # those of one step
        self._h, self._c = zeros((steps + 1, batch, hidden), dtype), zeros((steps + 1, batch, hidden), dtype)
        self.h = self._h[1:]
        self._tanh_c = zeros((steps, batch, hidden), dtype)
        self._d = zeros((4, steps, batch, hidden), dtype)  # dL/d(pre-activation), per sample
        self._d_beside = zeros((steps, batch, 4 * hidden), dtype)  # the same
        self._through = zeros((steps, batch, hidden), dtype)  # dL/dc_t per dL/dh_t
        self._out, self._d_in = zeros((batch, 2 * hidden), dtype), zeros((batch, 2 * hidden), dtype)
        self._dh, self._dc, self._a = (zeros((batch, hidden), dtype) for _ in range(3))
        self._recurrent_t = zeros((4 * hidden, hidden), dtype)
        self._x_flat, self._gates_flat = self.x.reshape(flat, rows), self._gates.reshape(4, flat, hidden)
        self._h_flat, self._d_flat = self._h[:-1].reshape(flat, hidden), self._d_beside.reshape(flat, 4 * hidden)
        self._blocks = blocks(steps, batch * 4 * hidden)

    def forward(self, state: Array) -> Array:
        """[B, 2H] -> [B, 2H]: h and c after the last step (a work array: valid until the next forward)."""
        apart, hidden = self._apart, self._hidden
        apart.refresh()
        np.matmul(self._x_flat, apart.input, out=self._gates_flat)
        np.copyto(self._h[0], state[:, :hidden])
        np.copyto(self._c[0], state[:, hidden:])
        for t in self._steps:
            gates = np.matmul(self._h[t], apart.recurrent, out=self._now)
            gates += self._gates[:, t]
            np.tanh(gates, out=gates)
            from_tanh(gates[:3])
            np.copyto(self._gates[:, t], gates)
            i, f, o, g = gates
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
        for block in self._blocks:
            self._slopes(block)
            for t in reversed(self._steps[block]):
                if d_steps is not None:
                    dh += d_steps[t]
                d = self._d[:, t]
                dc += np.multiply(dh, self._through[t], out=a)
                d[:2] *= dc
                d[2] *= dh
                d[3] *= dc
                dc *= self._gates[1, t]
                beside = self._d_beside[t]
                np.copyto(beside.reshape(len(dh), 4, hidden), d.swapaxes(0, 1))
                np.matmul(beside, self._recurrent_t, out=dh)
        self._d_in[:, :hidden], self._d_in[:, hidden:] = dh, dc
        return self._d_in

    def _slopes(self, of: slice) -> None:
        """Of so many steps, what needs nothing from behind: d(pre-activation) per dh_t (o) or dc_t (i, f, g), and dc_t
        per dh_t."""
        gates, d, tanh_c, through = self._gates[:, of], self._d[:, of], self._tanh_c[of], self._through[of]
        i, _, o, g = gates
        np.multiply(gates, gates, out=d)
        np.subtract(gates[:3], d[:3], out=d[:3])
        np.subtract(1, d[3], out=d[3])
        d[0] *= g
        d[1] *= self._c[of]
        d[2] *= tanh_c
        d[3] *= i
        np.multiply(tanh_c, tanh_c, out=through)
        np.subtract(1, through, out=through)
        through *= o

    def weight_gradients(self) -> None:
        """Sums over steps and samples into the parameters' gradients. After `backward`."""
        np.matmul(self._x_flat.T, self._d_flat, out=self._parameters.gradient("input"))
        np.matmul(self._h_flat.T, self._d_flat, out=self._parameters.gradient("recurrent"))

    def activations(self) -> dict[str, Array]:
        return {"x": self.x, "h": self._h, "c": self._c, "tanh_c": self._tanh_c, "gates": self._gates}
