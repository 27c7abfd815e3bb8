"""What a task is: labelled sequences, cut in time by whoever asks."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from dni_actors.nn.arrays import Array


class Samples(NamedTuple):
    """N labelled windows of T steps with I inputs."""

    x: Array
    """[T, N, I] float32 (may be a read-only view)"""
    labels: Array
    """[N] int64 in 0 .. classes - 1"""


class Split(NamedTuple):
    """A window of a task's data, three ways; no sample is in two of them."""

    train: Samples
    validation: Samples
    """to choose by: the best cut, the end of the run"""
    test: Samples


class Task(Protocol):
    """Facts first, data when a box asks for its window."""

    steps: int | None
    """time steps of a sequence; None: any number fits"""
    inputs: int
    classes: int
    train: int
    """samples to learn from; of a task that draws them anew in each tick, what counts as an epoch"""
    validation: int
    test: int
    """held-out samples, the same in every run, as are those of the validation"""

    def load(self, first: int, steps: int) -> Split:
        """The window of `steps` time steps that begins at step `first`."""


@runtime_checkable
class Fresh(Protocol):
    """A task whose training samples are drawn anew in each tick; those that `load` gives are none."""

    def draw(self, rng: np.random.Generator, count: int) -> Samples:
        """So many whole sequences [T, N, I], and their labels."""
