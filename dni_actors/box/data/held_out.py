"""An evaluation's part in a box: the held-out samples, in chunks of one message's size, forward only.

The same shapes as in training, so the same bits, everywhere. Chunks of a stream go on from each other, round the ring.
"""

import math
from collections.abc import Sequence

import numpy as np

from dni_actors.box.data.feed import Feed
from dni_actors.box.data.stream import StreamFeed
from dni_actors.box.piece import Piece
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Arrays, zeros


class HeldOut:
    """Of box k. First come the chunks of the validation samples, then those of the test samples."""

    def __init__(
        self, config: RunConfig, k: int, feed: Feed | None, stream: StreamFeed | None, pieces: Sequence[Piece]
    ) -> None:
        self._first, self._feed, self._stream, self._pieces = k == 0, feed, stream, pieces
        self._task, self._adds_up = config.streaming, config.task.per_step
        counted = feed or stream
        assert counted is not None
        self.chunks, self._validation = counted.chunks, counted.validation_chunks
        self._initial_state = zeros((config.rows, config.state_width), config.chain.precision)
        self.sums = np.zeros(3)
        """of the last chunk: how many targets, how many answers right, sum of losses; of all boxes up to this one"""

    def tests(self, chunk: int) -> int:
        """0 for a chunk of validation samples, 1 for one of test samples."""
        return int(chunk >= self._validation)

    def begins(self, chunk: int) -> bool:
        """Whether the chunk goes on from no other one: all do, but a stream's."""
        return self._stream is None or chunk in (0, self._validation)

    def ends(self, chunk: int) -> bool:
        """Whether no other chunk goes on from this one."""
        return chunk + 1 == self.chunks or self.begins(chunk + 1)

    def score(self, chunk: int, arrays: Arrays, piece: int) -> Arrays:
        """What came with Score (nothing where box 0 begins) -> what goes on; in a piece that is free."""
        into = self._pieces[piece]
        if self._stream is not None:
            counted = len(into.state)
            state = into.forward(self._stream.enter_held_out(chunk, arrays[:2], into))
            found: Arrays = (state, *self._stream.note(into))
        else:
            assert self._feed is not None
            counted = self._feed.held_out(chunk, into.cell.x, into.labels, into.ahead)
            found = (into.forward(arrays[0] if arrays else self._initial_state),)
        if into.readout is not None:
            into.read()
            self.sums[:] = into.judged(counted)
        if self._adds_up:
            if not self._first:
                self.sums += arrays[-1]
            found += (self.sums,)
        return found

    def reached(self) -> float:
        """How far a task with a curriculum has come; NaN for others. After a chunk."""
        return math.nan if self._task is None or self._stream is None else self._task.reached(self._stream.facts)
