"""A box's own slice of the data: it cuts the mini-batch of tick n by itself, so only states and gradients travel."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dni_actors.box.data.checked import Checked
from dni_actors.box.data.scaled import Scaled
from dni_actors.box.messages import Score, State
from dni_actors.box.piece import Piece
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.losses import LOSSES
from dni_actors.nn.streams import Stream, generator
from dni_actors.tasks import Fresh, Split


class Feed:
    """A window of training, validation and test samples: a box's Data.

    Shapes: T steps, B samples a mini-batch, I inputs, S state width.
    """

    def __init__(self, config: RunConfig, window: tuple[int, int], flat: bool = False) -> None:
        """`window`: its first step, and how many; `flat`: all of them are seen at once, as one step of T I inputs."""
        first, steps = window
        task = config.task
        self._checked = Checked(config)
        data = self._checked.split(first, steps)
        self._seed, self._per_epoch, self._batch = config.learning.seed, config.ticks_per_epoch, config.learning.batch
        self._rows, self._flat, self._per_step = config.rows, flat, task.per_step
        ahead = config.synthesizer.look_ahead if task.per_step and config.synthesizer.conditioned else 0
        self._beyond = slice(first + steps, first + steps + ahead)
        left = (task.steps or config.steps) - first - steps
        after: Split | None = self._checked.split(first + steps, max(0, min(ahead, left))) if ahead else None
        self._scaled = Scaled(config.scaling, task.loss == "squared")
        begins = self._checked.begins()
        self._parts = [
            Part(
                self._shaped(of.x) if self._scaled.by else with_ones(self._shaped(of.x), config.chain.precision),
                of.labels,
                None if after is None else padded(after[i].labels, ahead, task.loss),
                None if begins is None else begins[i],
            )
            for i, of in enumerate(data)
        ]
        self._epoch, self._order = -1, np.arange(0)
        self._fresh, self._whole = task if isinstance(task, Fresh) else None, config.steps
        self._window, self._loss = slice(first, first + steps), task.loss
        self._tick, self._drawn = -1, data.train
        self._initial_state = zeros((config.rows, config.state_width), config.chain.precision)
        self.validation_chunks = self._chunks(1)
        self.chunks = self.validation_chunks + self._chunks(2)
        """an evaluation goes in chunks of one message's size: the same products, so the same bits, everywhere"""

    def _shaped(self, x: Array) -> Array:
        """[T, N, I], or all steps in one: [1, N, T I]."""
        if not self._flat or not len(x):
            return x
        return x.transpose(1, 0, 2).reshape(1, x.shape[1], x.shape[0] * x.shape[2])

    def load(self, n: int, pieces: Sequence[Piece]) -> None:
        """Shares the mini-batch of tick n out over the pieces."""
        for part, into in enumerate(pieces):
            self.train(n, part, into.cell.x, into.labels, into.ahead, into.begins)

    def enter(self, n: int, came: State | None, piece: Piece) -> Array:
        """The state [b, S] that came, or zeros where a sequence begins."""
        return self._initial_state if came is None else came.state

    def facts(self, piece: Piece) -> None:
        """None ride on."""

    def back(self, gradient: Array) -> Array:
        """dL/d(state in), as it is."""
        return gradient

    def enter_held_out(self, chunk: int, came: Score | None, piece: Piece) -> tuple[Array, int]:
        """Fills the piece with a chunk of an evaluation; the state that it begins with, and how many rows count."""
        counted = self.held_out(chunk, piece.cell.x, piece.labels, piece.ahead, piece.begins)
        return (self._initial_state if came is None else came.state), counted

    def begins(self, chunk: int) -> bool:
        """All do."""
        return True

    def reached(self) -> float:
        """There is no curriculum."""
        return math.nan

    @property
    def scaled(self) -> Scaled:
        """How numbers come in, and answers go out."""
        return self._scaled

    def state(self) -> dict[str, Array]:
        """The mini-batch is a function of (seed, tick); what numbers are standardised by belongs to the model."""
        return {} if self._scaled.by is None else self._scaled.by._asdict()

    def train(
        self, n: int, part: int, x: Array, labels: Array, ahead: Array | None = None, begins: Array | None = None
    ) -> None:
        """Fills x [T, b, I + 1], labels, the labels ahead, and where sequences begin [b], with part `part` of the
        mini-batch of tick n, b samples each.

        Every epoch shuffles anew; the order is a function of (seed, epoch) alone, the same in every box. Fresh samples
        are a function of (seed, tick).
        """
        rows = labels.shape[int(self._per_step)]
        if self._fresh is not None:
            self._draw(self._fresh, n, slice(part * rows, (part + 1) * rows), x, labels, ahead)
            return
        epoch, place = divmod(n, self._per_epoch)
        if epoch != self._epoch:
            rng = generator(self._seed, Stream.BATCHES, epoch)
            self._epoch, self._order = epoch, rng.permutation(self._samples(0))
        first = place * self._batch + part * rows
        self._gather(0, self._order[first : first + rows], x, labels, ahead, begins)

    def _draw(self, task: Fresh, n: int, chosen: slice, x: Array, labels: Array, ahead: Array | None) -> None:
        if n != self._tick:
            new = task.draw(generator(self._seed, Stream.FRESH, n), self._batch)
            self._tick, self._drawn = n, self._checked.drawn(new, self._whole, self._batch)
        drawn = self._drawn
        if len(x):  # a read-out alone sees no x
            x[..., :-1] = self._shaped(drawn.x[self._window, chosen])
            x[..., -1] = 1
        labels[:] = drawn.labels[self._window, chosen] if self._per_step else drawn.labels[chosen]
        if ahead is not None:
            ahead[:] = padded(drawn.labels[self._beyond, chosen], len(ahead), self._loss)

    def room(self) -> Array:
        """For the labels of a mini-batch."""
        labels = self._parts[0].labels
        shape = list(labels.shape)
        shape[int(self._per_step)] = self._rows
        return np.zeros(shape, labels.dtype)

    def _samples(self, which: int) -> int:
        return int(self._parts[which].labels.shape[int(self._per_step)])

    def _chunks(self, which: int) -> int:
        return -(-self._samples(which) // self._rows)

    def held_out(
        self, chunk: int, x: Array, labels: Array, ahead: Array | None = None, begins: Array | None = None
    ) -> int:
        """Fills x, labels and the rest with a chunk of the validation, then of the test samples; how many count.

        The last chunk of each is filled up by repeating its last sample, which does not count again.
        """
        which = 1 + int(chunk >= self.validation_chunks)
        samples = self._samples(which)
        first = (chunk - (which - 1) * self.validation_chunks) * self._rows
        chosen = np.minimum(np.arange(first, first + self._rows), samples - 1)
        self._gather(which, chosen, x, labels, ahead, begins)
        return min(self._rows, samples - first)

    def _gather(
        self, which: int, chosen: Array, x: Array, labels: Array, ahead: Array | None, begins: Array | None
    ) -> None:
        of = self._parts[which]
        if begins is not None and of.begins is not None:
            of.begins.take(chosen, out=begins, mode="clip")  # "clip": the default mode would buffer `out`
        if len(x):  # a read-out alone sees no x
            if self._scaled.by is None:
                of.x.take(chosen, axis=1, out=x, mode="clip")
            else:
                x[..., :-1] = self._scaled.inputs(of.x[:, chosen])
                x[..., -1] = 1
            if begins is not None:  # of what has not begun there is nothing, not even the bias
                x[np.arange(self._window.start, self._window.stop)[:, None] < begins] = 0
        of.labels.take(chosen, axis=int(self._per_step), out=labels, mode="clip")
        self._scaled.targets(labels)
        if ahead is not None and of.ahead is not None:
            of.ahead.take(chosen, axis=1, out=ahead, mode="clip")
            self._scaled.targets(ahead)


class Part(NamedTuple):
    """A window of samples to learn from, or held out."""

    x: Array
    """[T, N, I] as they came, or where they are not standardised [T, N, I + 1] in the run's type, with ones"""
    labels: Array
    ahead: Array | None
    begins: Array | None


def with_ones(samples: Array, precision: str) -> Array:
    """x [T, N, I] -> [T, N, I + 1] with a last column of ones, which carries the cell's bias."""
    steps, count, inputs = samples.shape
    x = zeros((steps, count, inputs + 1), precision)
    x[..., :-1] = samples
    x[..., -1] = 1
    return x


def padded(labels: Array, ahead: int, loss: str) -> Array:
    """Labels [t, ...] -> [ahead, ...]: beyond the sequence's end nothing is asked."""
    outputs = labels.shape[-1] if labels.ndim == 3 else 0
    found = LOSSES[loss].targets((ahead, labels.shape[1]), outputs)
    found[:] = -1 if found.dtype.kind == "i" else np.nan
    found[: len(labels)] = labels
    return found
