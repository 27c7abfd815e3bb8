"""The adding problem (Hochreiter and Schmidhuber 1997): of two marked numbers in a long sequence, what is their sum?

Each step shows a number in 0 .. 1 and a mark. One marked number lies in the first half, one in the second: who is cut
off from the first half knows half of the sum. Who says 1 to everything is off by 1/6, squared, in the mean.
"""

import numpy as np

from dni_actors.nn.streams import Stream, generator
from dni_actors.tasks.task import Samples, Split

STEPS = 40


class Adding:
    """Drawn anew in each tick."""

    steps: int | None = STEPS
    inputs, classes = 2, 1
    loss, per_step = "squared", False
    train, validation, test = 3200, 400, 2000

    def draw(self, rng: np.random.Generator, count: int) -> Samples:
        """See tasks/task.py."""
        x = np.zeros((STEPS, count, 2), np.float32)
        x[..., 0] = rng.random((STEPS, count), np.float32)
        rows, half = np.arange(count), STEPS // 2
        early, late = rng.integers(half, size=count), half + rng.integers(half, size=count)
        x[early, rows, 1] = x[late, rows, 1] = 1
        return Samples(x, (x[early, rows, :1] + x[late, rows, :1]).astype(np.float64))

    def load(self, first: int, steps: int) -> Split:
        """The training set is drawn tick by tick, so here it is empty; the others are the same in every run."""
        parts = []
        for n, count in enumerate((0, self.validation, self.test)):
            x, labels = self.draw(generator(0, Stream.HELD_OUT, n), count)
            parts.append(Samples(x[first : first + steps], labels))
        return Split(*parts)
