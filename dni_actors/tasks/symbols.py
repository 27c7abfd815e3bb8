"""Tasks on random symbols, fresh ones in every tick: what is asked at the end was shown long before.

A sequence has 20 steps; each shows one of 4 symbols (one-hot) and a flag. Truncation fails here, for what decides the
label lies in another box than the loss.
"""

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.nn.streams import Stream, generator
from dni_actors.tasks.task import Samples, Split

STEPS, SYMBOLS = 20, 4


class Symbols:
    """A task without a fixed set of training samples: `draw` makes a mini-batch of any tick."""

    steps: int | None = STEPS
    inputs = SYMBOLS + 1
    classes: int
    loss, per_step = "softmax", False
    train, validation, test = 3200, 400, 2000

    def draw(self, rng: np.random.Generator, count: int) -> Samples:
        """Sequences [T, N, I] and their labels."""
        raise NotImplementedError

    def load(self, first: int, steps: int) -> Split:
        """The training set is drawn tick by tick, so here it is empty; the others are the same in every run."""
        window = slice(first, first + steps)
        parts = []
        for n, count in enumerate((0, self.validation, self.test)):
            x, labels = self.draw(generator(0, Stream.HELD_OUT, n), count)
            parts.append(Samples(x[window], labels))
        return Split(*parts)


def shown(symbols: Array, flags: Array) -> Array:
    """symbols and flags [T, N] -> x [T, N, I]."""
    x = np.zeros((*symbols.shape, SYMBOLS + 1), np.float32)
    np.put_along_axis(x, symbols[..., None], 1, axis=2)
    x[..., -1] = flags
    return x


class Recall(Symbols):
    """One symbol in the first quarter is flagged: which one was it?"""

    classes = SYMBOLS

    def draw(self, rng: np.random.Generator, count: int) -> Samples:
        symbols = rng.integers(SYMBOLS, size=(STEPS, count))
        at, rows = rng.integers(STEPS // 4, size=count), np.arange(count)
        flags = np.zeros((STEPS, count))
        flags[at, rows] = 1
        return Samples(shown(symbols, flags), symbols[at, rows])


class Xor(Symbols):
    """Two symbols are flagged, one in the first quarter and one in the last: are their numbers' last bits different?

    No part of the sequence alone tells anything about the label: only a gradient through time solves it.
    """

    classes = 2

    def draw(self, rng: np.random.Generator, count: int) -> Samples:
        symbols = rng.integers(SYMBOLS, size=(STEPS, count))
        rows, quarter = np.arange(count), STEPS // 4
        early, late = rng.integers(quarter, size=count), STEPS - 1 - rng.integers(quarter, size=count)
        flags = np.zeros((STEPS, count))
        flags[early, rows] = flags[late, rows] = 1
        return Samples(shown(symbols, flags), self.label(symbols[early, rows], symbols[late, rows]))

    def label(self, early: Array, late: Array) -> Array:
        """Of the two flagged symbols [N], numbers from 0 to 3."""
        return (early ^ late) & 1


class Mixed(Xor):
    """As xor, and one bit more: the early symbol's first one. Four classes, 2 times that bit plus the XOR.

    An early box can learn the one bit from its own read-out. The other needs a gradient through time, which the local
    read-out's may drown.
    """

    classes = 4

    def label(self, early: Array, late: Array) -> Array:
        """Of the two flagged symbols [N], numbers from 0 to 3."""
        return 2 * (early >> 1) + super().label(early, late)
