"""The exact gradient of long ago, on its way back through the chain: what `--lambda` mixes into targets,
and `--settle` makes up with.

In tick n it reaches box k for tick n - L (K-1-k), goes back through the activations of then, and rides on Gradient n
to the box before: one more backward pass a tick.
"""

from collections.abc import Sequence

from dni_actors.box.piece import Piece
from dni_actors.nn.arrays import Array, zeros


class ExactGradient:
    """Of a box that is `delay` ticks, L (K-1-k), late. Shapes: B samples, S state width."""

    def __init__(self, delay: int, shape: tuple[int, ...], dtype: str) -> None:
        self._delay = delay
        self._nothing = zeros(shape, dtype)

    def back(self, n: int, received: Array | None, pieces: Sequence[Piece]) -> Array:
        """dL/d(state out) [B, S], taken in tick n, of tick n - delay -> dL/d(state in) [B, S]; zeros at first."""
        if n < self._delay:
            return self._nothing
        of = pieces[(n - self._delay) % len(pieces)]
        of.at_end = None
        if of.readout is not None:
            of.own_losses()
        return of.backward(received)
