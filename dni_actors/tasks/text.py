"""Text, character by character, as streams: at every step, which one comes next?

The first nine tenths are for training, the rest is held out, half for validation and half for the test. Characters that
are rarer than one in RARE become one: so many classes a read-out need not have.
"""

import gzip
import math
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from dni_actors.config.checks import ConfigError
from dni_actors.nn.arrays import Array
from dni_actors.nn.digest import digest
from dni_actors.tasks.kept import kept
from dni_actors.tasks.task import TRAIN, Split

FILE = Path(__file__).with_name("data") / "persuasion.txt.gz"
PARTS = (0.0, 0.9, 0.95, 1.0)
RARE = 20_000
SPREAD = (math.sqrt(5) - 1) / 2  # multiples of it, modulo 1, lie apart, however many there are
SHORTEST = 2000  # characters
EVALUATED = 10_000  # characters of each held-out part, about
POSITION, LOSS = range(2)  # columns of the facts


class Text:
    """Facts say at which character of its part a row's window begins."""

    steps: int | None = None
    loss, per_step = "softmax", True
    facts, memory = 2, 0

    def __init__(self, text: str) -> None:
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        known, found, counts = np.unique(codes, return_inverse=True, return_counts=True)
        common = counts * RARE >= len(codes)
        classes = np.where(common, np.cumsum(common) - 1, common.sum()).astype(np.int64)
        self.alphabet = "".join(map(chr, known[common]))
        """the characters of classes 0, 1 and so on; all others are the last one"""
        self.classes = int(common.sum()) + int(not common.all())
        self.inputs = self.classes
        borders = [int(share * len(codes)) for share in PARTS]
        self._parts = [classes[found[a:b]] for a, b in pairwise(borders)]
        self.train, self.validation, self.test = (len(part) for part in self._parts)

    @cached_property
    def fingerprint(self) -> str:
        """Of all characters."""
        parts = [("alphabet", np.array([*map(ord, self.alphabet)])), *(("part", part) for part in self._parts)]
        return digest(parts)

    def chunks(self, rows: int, steps: int) -> int:
        return max(1, min(self.validation, self.test, EVALUATED) // (rows * steps))

    def start(self, part: int, group: int, rows: int, memory: Array) -> Array:
        """Training streams begin all over the text; held-out ones share their part."""
        facts = np.zeros((rows, self.facts), np.int64)
        at, size = np.arange(rows), len(self._parts[part])
        spread = (group * rows + at) * SPREAD % 1 if part == TRAIN else at / rows
        facts[:, POSITION] = (spread * size).astype(np.int64)
        return facts

    def advance(self, facts: Array, steps: int, memory: Array) -> tuple[Array, Array]:
        """A stream that would run over the training part's end begins anew at its beginning."""
        facts = facts.copy()
        facts[:, POSITION] += steps
        over = facts[:, POSITION] + steps >= self.train
        facts[over, POSITION] = 0
        return facts, over

    def window(self, part: int, seed: int, facts: Array, first: int, x: Array, labels: Array) -> None:
        codes = self._parts[part]
        at = facts[:, POSITION] + first + np.arange(len(labels))[:, None]
        labels[:] = np.where(at + 1 < len(codes), codes.take(at + 1, mode="clip"), -1)
        if len(x):
            x[:] = 0
            np.put_along_axis(x, codes.take(at, mode="clip")[..., None], 1, axis=2)

    def reached(self, facts: Array) -> float:
        return math.nan

    def load(self, first: int, steps: int) -> Split:
        raise TypeError("a stream has no set of samples")


def novel() -> Text:
    """That comes with the package (see data/README.md)."""
    return Text(gzip.decompress(FILE.read_bytes()).decode("utf-8"))


@kept
def text_task(file: str) -> Text:
    """Of a file, UTF-8."""
    try:
        content = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError("data", f"{file!r} cannot be read ({reason}); give a text file") from error
    if len(content) < SHORTEST:
        raise ConfigError("data", f"{file!r} has {len(content)} characters; give a text of at least {SHORTEST}")
    return Text(content)
