"""What a time box asks of its cell, and the cells there are."""

from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.config.checks import ConfigError, choose
from dni_actors.config.plugins import imported
from dni_actors.nn.arrays import Array
from dni_actors.nn.dense import ACTIVATIONS
from dni_actors.nn.gru import GRU
from dni_actors.nn.lstm import LSTM
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.rnn import RNN


class Cell(Protocol):
    """T steps of a recurrent layer: B samples, I inputs, state of width S."""

    x: Array
    """[T, B, I + 1], filled by the box before `forward`; the last column is one"""

    h: Array
    """[T, B, H] after `forward`: what read-outs see after each step"""

    @staticmethod
    def width(hidden: int) -> int:
        """Numbers in a sample's state S, of which the first H are what a read-out sees."""

    @staticmethod
    def shapes(inputs: int, hidden: int) -> dict[str, tuple[int, ...]]: ...

    @staticmethod
    def initialise(parameters: Parameters, rng: np.random.Generator) -> None: ...

    def __init__(
        self, parameters: Parameters, steps: int, batch: int, inputs: int, hidden: int, dtype: DTypeLike
    ) -> None: ...

    def forward(self, h_in: Array) -> Array:
        """State in [B, S] -> state out [B, S]; never writes into `h_in`."""

    def backward(self, d_out: Array, d_steps: Array | None = None) -> Array:
        """dL/d(state out) [B, S], and of losses at the steps dL/dh [T, B, H] -> dL/d(state in) [B, S], per sample;
        never writes into its inputs."""

    def weight_gradients(self) -> None:
        """Fills the parameters' gradients with sums over steps and samples."""

    def activations(self) -> dict[str, Array]:
        """By name, the arrays that `forward` leaves for `backward`: those themselves, not copies."""


CELLS: dict[str, type[Cell]] = {"rnn": RNN, "gru": GRU, "lstm": LSTM}


def cell_kind(name: str, activation: str = "tanh") -> type[Cell]:
    """The cell of a name or an import path. ConfigError if there is none."""
    if name in CELLS:
        return CELLS[name]
    if name == "dense":
        return ACTIVATIONS[activation]
    if ":" in name:
        kind: type[Cell] = imported("cell", name)
        return kind
    raise ConfigError("cell", f"{name!r} is not known; {choose(name, (*CELLS, 'dense'))}")
