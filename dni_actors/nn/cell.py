"""What a time box asks of its cell, and the cells there are."""

from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import Array
from dni_actors.nn.gru import GRU
from dni_actors.nn.lstm import LSTM
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.passage import Passage
from dni_actors.nn.rnn import RNN


class Cell(Protocol):
    """T steps of a recurrent layer: B samples, I inputs, state of width S."""

    x: Array
    """[T, B, I + 1], filled by the box before `forward`; the last column is one"""

    @staticmethod
    def width(hidden: int) -> int:
        """Numbers in a sample's state S, of which the first H are what a read-out sees."""

    @staticmethod
    def shapes(inputs: int, hidden: int) -> dict[str, tuple[int, ...]]: ...

    @staticmethod
    def initialise(parameters: Parameters, rng: np.random.Generator) -> None: ...

    def __init__(self, parameters: Parameters, steps: int, batch: int, hidden: int, dtype: DTypeLike) -> None: ...

    def forward(self, h_in: Array) -> Array:
        """State in [B, S] -> state out [B, S]; never writes into `h_in`."""

    def backward(self, d_out: Array) -> Array:
        """dL/d(state out) -> dL/d(state in), per sample; never writes into `d_out`."""

    def weight_gradients(self) -> None:
        """Fills the parameters' gradients with sums over steps and samples."""

    def activations(self) -> dict[str, Array]:
        """By name, the arrays that `forward` leaves for `backward`: those themselves, not copies."""


CELLS: dict[str, type[Cell]] = {"rnn": RNN, "gru": GRU, "lstm": LSTM}


def cell_class(name: str, steps: int) -> type[Cell]:
    return CELLS[name] if steps else Passage
