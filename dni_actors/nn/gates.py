"""Gates of LSTM and GRU: sigmoids and one tanh beside each other, as one tanh; and the sigmoid by itself.

sigmoid(z) = (tanh(z / 2) + 1) / 2
"""

import numpy as np

from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters


def sigmoid(a: Array) -> None:
    """In place; through tanh, which cannot overflow."""
    a *= 0.5
    np.tanh(a, out=a)
    from_tanh(a)


def from_tanh(a: Array) -> None:
    """tanh(z / 2) -> sigmoid(z), in place."""
    a += 1
    a *= 0.5


class GatesApart:
    """A cell's weights as they go forward, [G, I + 1, H] and [G, H, H]: one matrix for each gate and the candidate, the
    last; those of the gates, which are sigmoids, times one half. So one tanh serves all, on contiguous memory. (Halving
    is exact.)"""

    def __init__(self, parameters: Parameters, hidden: int) -> None:
        weights = parameters["input"], parameters["recurrent"]
        # [rows, G H], seen as [G, rows, H]
        self._weights = [w.reshape(len(w), -1, hidden).swapaxes(0, 1) for w in weights]
        self.input, self.recurrent = (zeros(w.shape, w.dtype) for w in self._weights)
        self._halves = np.full((len(self.input), 1, 1), 0.5, self.input.dtype)
        self._halves[-1] = 1

    def refresh(self) -> None:
        """After the weights have moved."""
        for weight, apart in zip(self._weights, (self.input, self.recurrent), strict=True):
            np.multiply(weight, self._halves, out=apart)
