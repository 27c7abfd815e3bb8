"""What a time box asks of its cell, and the cells there are."""

from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.config.checks import ConfigError, choose
from dni_actors.config.plugins import imported
from dni_actors.nn.arrays import Array
from dni_actors.nn.dense import ACTIVATIONS, NORMED
from dni_actors.nn.gru import GRU
from dni_actors.nn.lstm import LSTM
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.rnn import RNN


class Cell(Protocol):
    """T steps of a recurrent layer (a window of the sequence), forward and back.

    Shapes: B samples, I inputs, H hidden units, state of width S. All arrays are of the type `dtype`, and
    made once; methods return work arrays, valid until their next call, and never write into their inputs.
    """

    x: Array
    """[T, B, I + 1], filled by the box before `forward`; the last column is one"""

    h: Array
    """[T, B, H] after `forward`: what read-outs see after each step"""

    @staticmethod
    def width(hidden: int) -> int:
        """How wide the state is that boxes hand on.

        Args:
            hidden: H, hidden units.

        Returns:
            S, numbers in a sample's state, of which the first H are what a read-out sees.
        """

    @staticmethod
    def shapes(inputs: int, hidden: int) -> dict[str, tuple[int, ...]]:
        """What weights there are.

        Args:
            inputs: I, numbers in a step's input; the column of ones that carries the bias comes on top.
            hidden: H, hidden units.

        Returns:
            The shape of each weight, by its name, in the order of the digest.
        """

    @staticmethod
    def initialise(parameters: Parameters, rng: np.random.Generator) -> None:
        """Draws the weights that `shapes` names.

        Args:
            parameters: filled in place; zero before.
            rng: the only source of randomness.
        """

    def __init__(
        self, parameters: Parameters, steps: int, batch: int, inputs: int, hidden: int, dtype: DTypeLike
    ) -> None:
        """Makes the work arrays.

        Args:
            parameters: the weights, and room for their gradients; the box changes the weights between passages.
            steps: T, at least 1.
            batch: B.
            inputs: I.
            hidden: H.
            dtype: of all arrays.
        """

    def forward(self, h_in: Array) -> Array:
        """Goes through all steps of `x`.

        Args:
            h_in: state before the first step [B, S].

        Returns:
            State after the last step [B, S].
        """

    def backward(self, d_out: Array, d_steps: Array | None = None) -> Array:
        """Goes back through the last `forward`.

        Args:
            d_out: dL/d(state out) [B, S], per sample.
            d_steps: of losses at the steps, dL/dh [T, B, H], per sample; None if there are none.

        Returns:
            dL/d(state in) [B, S], per sample.
        """

    def weight_gradients(self) -> None:
        """After `backward`: fills the parameters' gradients with sums over steps and samples."""

    def activations(self) -> dict[str, Array]:
        """What has to be kept of a passage whose way back comes many ticks later.

        Returns:
            By name, the arrays that `forward` leaves for `backward`: those themselves, not copies.
        """


CELLS: dict[str, type[Cell]] = {"rnn": RNN, "gru": GRU, "lstm": LSTM}


def cell_kind(name: str, activation: str = "tanh", norm: str = "none") -> type[Cell]:
    """The cell of a name or an import path.

    Args:
        name: rnn, gru, lstm, dense, or package.module:Class.
        activation: of dense cells.
        norm: of dense cells, none or rms.

    Returns:
        The class, whose methods are those of `Cell`.

    Raises:
        ConfigError: there is none of that name.
    """
    if name in CELLS:
        return CELLS[name]
    if name == "dense":
        return (NORMED if norm == "rms" else ACTIVATIONS)[activation]
    if ":" in name:
        kind: type[Cell] = imported("cell", name)
        return kind
    raise ConfigError("cell", f"{name!r} is not known; {choose(name, (*CELLS, 'dense'))}")


def keeps_zero(kind: type[Cell]) -> bool:
    """Whether nothing in gives nothing out: a state of zeros, and inputs of zeros with their column of ones, leave it
    one of zeros. So rows whose sequences have not begun stay at zero, and teach no weight anything."""
    inputs, hidden = 2, 3
    parameters = Parameters(kind.shapes(inputs, hidden), np.float32)
    kind.initialise(parameters, np.random.default_rng(0))
    parameters.values += 0.1  # biases that start at zero are not to hide
    cell = kind(parameters, 2, 1, inputs, hidden, np.float32)
    cell.x[:] = 0
    return not np.any(cell.forward(np.zeros((1, kind.width(hidden)), np.float32)))
