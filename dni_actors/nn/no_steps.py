"""The cell of a box without steps: the read-out alone (unroll 0). What comes in goes out."""

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters


class NoSteps:
    """A cell with no steps and no weights; `hidden` is the width of the state that passes."""

    @staticmethod
    def width(hidden: int) -> int:
        return hidden

    @staticmethod
    def shapes(inputs: int, hidden: int) -> dict[str, tuple[int, ...]]:
        return {}

    @staticmethod
    def initialise(parameters: Parameters, rng: np.random.Generator) -> None:
        pass

    def __init__(
        self, parameters: Parameters, steps: int, batch: int, inputs: int, hidden: int, dtype: DTypeLike
    ) -> None:
        self.x = zeros((0, batch, 0), dtype)
        self.h = zeros((0, batch, hidden), dtype)
        self._h = zeros((batch, hidden), dtype)

    def forward(self, h_in: Array) -> Array:
        """[B, H] -> [B, H]: an aligned copy, for a message may lie anywhere in memory."""
        np.copyto(self._h, h_in)
        return self._h

    def backward(self, d_out: Array, d_steps: Array | None = None) -> Array:
        return d_out

    def weight_gradients(self) -> None:
        pass

    def activations(self) -> dict[str, Array]:
        return {}
