"""A probe's part in a box: the exact gradient at its far boundary, beside what the synthesizer says of it.

Between two ticks, a mini-batch of validation samples goes through the chain in lock-step, forward and back, and nothing
is learned from it. So synthesizers are measured against the truth, and not against each other's bootstrapped gradients.
"""

from collections.abc import Sequence
from typing import NamedTuple

from dni_actors.box.data.data import Data
from dni_actors.box.data.feed import Feed
from dni_actors.box.gradient.synthetic import SyntheticGradient
from dni_actors.box.gradient.zero import ZeroGradient
from dni_actors.box.piece import Piece
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.synthesizer import Agreement


class Probed(NamedTuple):
    """A row of the record: how a box's synthetic gradient compares with the exact one, at the cut before a tick."""

    tick: int
    box: int
    incarnation: int
    cosine: float
    error: float
    """relative squared error"""
    norm_ratio: float
    """length of the synthetic over that of the exact one"""


class Prober:
    """Of a box with samples, not streams. Shapes: B samples, S state width."""

    def __init__(self, config: RunConfig, data: Data, pieces: Sequence[Piece], boundary: ZeroGradient) -> None:
        assert isinstance(data, Feed)
        self._feed, self._every = data, config.learning.probe_every
        self._pieces, self._boundary = pieces, boundary
        self.initial_state = zeros((config.rows, config.state_width), config.chain.precision)

    def forward(self, n: int, h_in: Array, piece: int) -> Array:
        """The state [B, S] after the probe at tick n, in a piece that is free."""
        into = self._pieces[piece]
        chunk = n // self._every % self._feed.validation_chunks
        self._feed.held_out(chunk, into.cell.x, into.labels, into.ahead)
        return into.forward(h_in)

    def compare(self, exact: Array, piece: int) -> Agreement | None:
        """With dL/d(state out) [B, S] of the true losses; None if that is zero, or the box has no synthesizer."""
        if not isinstance(self._boundary, SyntheticGradient):
            return None
        return self._boundary.compare(self._pieces[piece], exact)

    def back(self, exact: Array | None, piece: int) -> Array:
        """dL/d(state in) [B, S] from dL/d(state out), which the last box does not need."""
        of = self._pieces[piece]
        of.at_end = None
        if of.readout is not None:
            of.own_losses()
        return of.backward(exact)
