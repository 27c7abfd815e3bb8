"""The feed of tasks that go on from tick to tick: each row of the mini-batch is a stream, a tick its next steps.

The chain is a ring: the last box's state goes on to box 0, G ticks later, for G groups of streams take turns. Where
each row stands (its episode, its place in it) is decided in box 0 and rides along as whole numbers, with the loss so
far. Rows that begin afresh get a state of zeros, and send no gradient back.
"""

import math
from collections.abc import Sequence

import numpy as np

from dni_actors.box.data.checked import Checked
from dni_actors.box.data.scaled import Scaled
from dni_actors.box.messages import Score, State
from dni_actors.box.piece import Piece
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.tasks.task import TEST, TRAIN, VALIDATION, Streaming

PARTS_OF_A_BIT = 1e6 / math.log(2)  # millionths of a bit in a natural unit


class StreamFeed:
    """Of box k (its Data). Shapes: B rows, S state width, F facts a row."""

    def __init__(self, config: RunConfig, task: Streaming, k: int) -> None:
        self._task, self._seed, self._rows = task, config.learning.seed, config.rows
        self._checked = Checked(config)
        self._first, self._steps = config.window(k)
        self._whole, self._groups, self._leads = config.steps, config.chain.streams, k == 0
        self.memory = np.zeros(task.memory if self._leads else 0)
        """what box 0 has learned about the task"""
        self.validation_chunks = task.chunks(config.rows, config.steps)
        self.chunks = 2 * self.validation_chunks
        self._facts = np.zeros((config.rows, task.facts), np.int64)  # [B, F] of the passage under way
        self._afresh = np.ones(config.rows, bool)
        self._h_in = zeros((config.rows, config.state_width), config.chain.precision)
        self._back = zeros((config.rows, config.state_width), config.chain.precision)
        self._nothing = np.zeros((0, config.rows, config.task.inputs))

    def load(self, n: int, pieces: Sequence[Piece]) -> None:
        """What a tick's steps are is told by the facts, which come with the state."""

    def enter(self, n: int, came: State | None, piece: Piece) -> Array:
        """What came with State, None where a group of streams begins. Fills the piece; the state to begin with."""
        return self._enter(TRAIN, n, came, piece, self.memory)

    def enter_held_out(self, chunk: int, came: Score | None, piece: Piece) -> tuple[Array, int]:
        """The same for a chunk of an evaluation, of which all rows count."""
        part = VALIDATION if chunk < self.validation_chunks else TEST
        return self._enter(part, 0, came, piece, self.memory.copy()), self._rows

    def begins(self, chunk: int) -> bool:
        """Chunks of a part go on from each other, round the ring."""
        return chunk in (0, self.validation_chunks)

    def reached(self) -> float:
        """How far the task's curriculum has come, if it has one."""
        return self._task.reached(self._facts)

    def _enter(self, part: int, group: int, came: State | Score | None, piece: Piece, memory: Array) -> Array:
        if came is None:  # only in box 0
            state = self._h_in
            self._facts[:] = self._task.start(part, group, self._rows, memory)
            self._afresh[:] = True
        else:
            assert came.facts is not None
            state = came.state
            if self._leads:
                self._facts[:], self._afresh[:] = self._task.advance(came.facts, self._whole, memory)
            else:
                self._facts[:] = came.facts
        x = piece.cell.x
        self._task.window(part, self._seed, self._facts, self._first, x[..., :-1], piece.labels)
        self._checked.window(x[..., :-1], piece.labels)
        x[..., -1] = 1
        if piece.ahead is not None:
            self._task.window(part, self._seed, self._facts, self._first + self._steps, self._nothing, piece.ahead)
        if not self._leads:
            return state
        np.copyto(self._h_in, state)
        self._h_in[self._afresh] = 0
        return self._h_in

    def facts(self, piece: Piece) -> Array:
        """[B, F] that ride on, the box's own losses added."""
        if self._task.memory:
            losses = piece.read().loss.reshape(-1, self._rows).sum(axis=0, dtype=np.float64)
            self._facts[:, -1] += np.rint(losses * PARTS_OF_A_BIT).astype(np.int64)
        return self._facts

    def back(self, gradient: Array) -> Array:
        """dL/d(state in) [B, S] as it goes back: of rows that began afresh there is none."""
        if not self._leads:
            return gradient
        np.copyto(self._back, gradient)
        self._back[self._afresh] = 0
        return self._back

    @property
    def scaled(self) -> Scaled:
        """Streams stay as they are."""
        return Scaled(None, numbers=False)

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        return {"memory": self.memory}
