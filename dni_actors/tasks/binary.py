"""Binary addition (iamtrask's tutorial of 2017; Seo 2018): the bits of two numbers at once, and those of their sum."""

from itertools import pairwise

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.nn.streams import Stream, generator
from dni_actors.tasks.task import Samples, Split

PAIRS = 10_000  # of those there are, at most
SHARES = (0.0, 0.8, 0.9, 1.0)


class BinaryAddition:
    """One step of 2 `bits` inputs, a sum of as many bits as a number has: both numbers are below half of the range.

    Different pairs, the same ones in every run, cut into the three parts: no pair is in two of them.
    """

    steps: int | None = 1
    loss, per_step = "bits", False

    def __init__(self, bits: int = 8) -> None:
        self.inputs, self.classes = 2 * bits, bits
        borders = [int(share * min(PAIRS, 4 ** (bits - 1))) for share in SHARES]
        self.train, self.validation, self.test = (b - a for a, b in pairwise(borders))

    def load(self, first: int, steps: int) -> Split:
        """See tasks/task.py."""
        bits, parts = self.classes, []
        count = self.train + self.validation + self.test
        chosen = generator(0, Stream.HELD_OUT, 0).choice(4 ** (bits - 1), count, replace=False)
        one, other = np.divmod(chosen, 2 ** (bits - 1))
        x = np.concatenate([binary(one, bits), binary(other, bits)], axis=1, dtype=np.float32)
        labels = binary(one + other, bits)
        ends = np.cumsum([self.train, self.validation])
        for part_x, part_labels in zip(np.split(x, ends), np.split(labels, ends), strict=True):
            parts.append(Samples(part_x[None][first : first + steps], part_labels))
        return Split(*parts)


def binary(numbers: Array, bits: int) -> Array:
    """[N] -> [N, bits] of 0 and 1, the highest first."""
    return (numbers[:, None] >> np.arange(bits)[::-1] & 1).astype(np.float64)
