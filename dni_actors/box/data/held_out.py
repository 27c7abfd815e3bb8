"""An evaluation's part in a box: the held-out samples, in chunks of one message's size, forward only.

The same shapes as in training, so the same bits, everywhere. Chunks of a stream go on from each other, round the ring.
"""

from collections.abc import Sequence

import numpy as np

from dni_actors.box.data.data import Data
from dni_actors.box.messages import Score
from dni_actors.box.piece import Judged, Piece
from dni_actors.config.run import RunConfig


class HeldOut:
    """Of box k. First come the chunks of the validation samples, then those of the test samples."""

    def __init__(self, config: RunConfig, k: int, data: Data, pieces: Sequence[Piece]) -> None:
        self._data, self._pieces = data, pieces
        self._adds_up, self._begins_sums = config.task.per_step, k == 0
        self.numbers = config.task.loss == "squared"
        """whether the task asks for numbers, of which errors are told"""
        self.chunks = data.chunks
        self.sums = np.zeros(len(Judged._fields))
        """of the last chunk, and of all boxes up to this one (Judged)"""

    def tests(self, chunk: int) -> int:
        """0 for a chunk of validation samples, 1 for one of test samples."""
        return int(chunk >= self._data.validation_chunks)

    def begins(self, chunk: int) -> bool:
        """Whether the chunk goes on from no other one: all do, but a stream's."""
        return self._data.begins(chunk)

    def ends(self, chunk: int) -> bool:
        """Whether no other chunk goes on from this one."""
        return chunk + 1 == self.chunks or self.begins(chunk + 1)

    def score(self, chunk: int, came: Score | None, piece: int) -> Score:
        """What came with Score (None where box 0 begins) -> what goes on; in a piece that is free."""
        into = self._pieces[piece]
        state, counted = self._data.enter_held_out(chunk, came, into)
        state = into.forward(state)
        facts = self._data.facts(into)
        if into.readout is not None:
            into.read()
            judged = into.judged(counted)
            self.sums[:] = (
                judged._replace(error=into.error(self._data.scaled.unit, counted)) if self.numbers else judged
            )
        if not self._adds_up:
            return Score(state, facts)
        if not self._begins_sums:  # a ring's first box is told of the chunk before
            assert came is not None
            assert came.sums is not None
            self.sums += came.sums
        return Score(state, facts, self.sums)

    def reached(self) -> float:
        """How far a task with a curriculum has come; NaN for others. After a chunk."""
        return self._data.reached()
