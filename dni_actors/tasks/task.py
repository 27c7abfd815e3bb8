"""What a task is: sequences with targets, cut in time by whoever asks."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from dni_actors.nn.arrays import Array


class Scaling(NamedTuple):
    """How numbers are brought to mean 0 and deviation 1 for the boxes, by those of the training samples."""

    mean: Array
    """[I] of each input"""
    scale: Array
    """[I] standard deviations; 0 for an input that never varies, of which boxes see nothing"""
    target_mean: Array
    """[C] of numbers to come near to; 0 of classes and bits"""
    target_scale: Array
    """[C]; 1 of classes and bits"""

    @property
    def factor(self) -> Array:
        """[I]"""
        return np.divide(1.0, self.scale, out=np.zeros_like(self.scale), where=self.scale > 0)


class Samples(NamedTuple):
    """N windows of T steps with I inputs, and what is wanted of them: targets as `Task.loss` has them."""

    x: Array
    """[T, N, I] float32 (may be a read-only view)"""
    labels: Array
    """softmax: [N] int64 in 0 .. classes - 1; bits, squared: [N, classes] numbers. With `per_step` [T, N] or
    [T, N, classes]; -1 or NaN where nothing is asked"""


class Split(NamedTuple):
    """A window of a task's data, three ways; no sample is in two of them."""

    train: Samples
    validation: Samples
    """to choose by: the best cut, the end of the run"""
    test: Samples


class Task(Protocol):
    """Facts first, data when a box asks for its window.

    A task may have more facts, which `Optional` lists.
    """

    steps: int | None
    """time steps of a sequence; None: any number fits"""
    inputs: int
    classes: int
    """outputs of a read-out: classes, bits or numbers"""
    loss: str
    """softmax (one class), bits, or squared (numbers)"""
    per_step: bool
    """whether every step has a target; otherwise the whole sequence has one"""
    train: int
    """samples to learn from; of a task that draws them anew in each tick, what counts as an epoch"""
    validation: int
    test: int
    """held-out samples, the same in every run, as are those of the validation"""

    def load(self, first: int, steps: int) -> Split:
        """Cuts all samples in time. Each box asks for its own window, in its own process: always the same samples.

        Args:
            first: the window's first time step.
            steps: how many; 0 for a read-out alone, which needs the labels.

        Returns:
            Training, validation and test samples, as many as `train`, `validation` and `test` say.
        """


@runtime_checkable
class Fresh(Protocol):
    """A task whose training samples are drawn anew in each tick; those that `load` gives are none."""

    def draw(self, rng: np.random.Generator, count: int) -> Samples:
        """Draws a mini-batch; every box draws the same one.

        Args:
            rng: the only source of randomness: a function of (seed, tick).
            count: N, sequences.

        Returns:
            Whole sequences [T, N, I], and their labels.
        """


class Optional(NamedTuple):
    """Facts that a task may have beside those that it must have."""

    begins: tuple[Array, Array, Array] | None = None
    """[N] whole numbers, of the training, validation and test samples: the step at which each sequence begins, where
    they differ in length. All end at the last step. What stands in x before is not looked at, and no label is known
    there"""
    names: tuple[str, ...] | None = None
    """of its classes, where they are not just 0, 1 and so on"""
    counts: Array | None = None
    """[classes] training labels of each class"""
    scaling: Scaling | None = None
    """what boxes standardise its numbers by; None: they take them as they are"""


def optional(task: Task) -> Optional:
    """Those of a task."""
    return Optional._make(getattr(task, name, default) for name, default in Optional._field_defaults.items())


def fingerprint(task: Task) -> str | None:
    """Of a task's data, if it comes from outside and says so: `fingerprint`, a text that changes with them. Only then
    is it found out, for it takes a while."""
    found = getattr(task, "fingerprint", None)
    return None if found is None else str(found)


TRAIN, VALIDATION, TEST = range(3)
"""Parts of a stream's material; no part sees another one's."""


@runtime_checkable
class Streaming(Protocol):
    """A task whose sequences go on from tick to tick: a row of the mini-batch is a stream, a tick its next steps.

    Where each row stands is told by facts, whole numbers [B, F] that box 0 knows and that ride along the chain. The
    last column is for the boxes: the loss since the row's last reset, in millionths of a bit.
    """

    facts: int
    """columns F"""
    memory: int
    """numbers that box 0 keeps for the task from tick to tick: a curriculum's level first, if there is one"""

    def chunks(self, rows: int, steps: int) -> int:
        """How long an evaluation is.

        Args:
            rows: B, streams side by side.
            steps: T, time steps of a tick.

        Returns:
            Ticks of the validation part, and as many of the test part.
        """

    def start(self, part: int, group: int, rows: int, memory: Array) -> Array:
        """Where a group of streams begins.

        Args:
            part: TRAIN, VALIDATION or TEST.
            group: which of the groups that take turns.
            rows: B.
            memory: [M] what box 0 has learned about the task; may be written.

        Returns:
            Facts [B, F], whole numbers.
        """

    def advance(self, facts: Array, steps: int, memory: Array) -> tuple[Array, Array]:
        """Where the streams stand a tick later. Box 0 may learn from the losses that the facts bring.

        Args:
            facts: [B, F] of the tick before; never written.
            steps: T that have gone by.
            memory: [M]; may be written.

        Returns:
            Facts [B, F], and which rows begin afresh [B]: their hidden state is set to zero.
        """

    def window(self, part: int, seed: int, facts: Array, first: int, x: Array, labels: Array) -> None:
        """Cuts the steps that the facts tell of; x may be empty.

        Args:
            part: TRAIN, VALIDATION or TEST.
            seed: of the run.
            facts: [B, F].
            first: the window's first step, counted from where the facts stand.
            x: [T, B, I], filled.
            labels: [T, B], filled; -1 where nothing is asked.
        """

    def reached(self, facts: Array) -> float:
        """How far a curriculum has come.

        Args:
            facts: [B, F] of an evaluation.

        Returns:
            Larger is better; NaN if there is no curriculum.
        """
