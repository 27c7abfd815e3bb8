"""Copy and repeat copy (DNI paper, 3.1; Graves et al. 2014), as streams: read symbols, then write them, R times.

An episode shows N symbols one by one, then a stop mark (with the number R), and wants the symbols again, R times over.
The next one begins with the first tick after its end. A curriculum makes episodes longer: a level is passed when the
answers' mean cross-entropy falls below 0.15 bits.
"""

import math
from functools import lru_cache

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.nn.streams import Stream, generator
from dni_actors.tasks.task import TRAIN, Split

SYMBOLS = 8
SOLVED = 0.15  # bits
DECAY = 0.98  # of the running mean of finished episodes' errors
EVALUATED = 256  # steps of an evaluation, of each part
STREAM, EPISODE, POSITION, LENGTH, REPEATS, LOSS = range(6)  # columns of the facts
LEVEL, ERROR = range(2)  # numbers in the memory; a level counts from 0


class Copy:
    """Facts say which episode a row is in and where; level l has N = l + 1 symbols."""

    steps: int | None = None
    inputs, classes = SYMBOLS + 1, SYMBOLS
    loss, per_step = "softmax", True
    train, validation, test = 2**40, 1, 1
    facts, memory = 6, 2

    def size(self, level: int) -> tuple[int, int]:
        """N and R at a level."""
        return level + 1, 1

    def chunks(self, rows: int, steps: int) -> int:
        return max(1, EVALUATED // steps)

    def start(self, part: int, group: int, rows: int, memory: Array) -> Array:
        if not memory[ERROR]:
            memory[ERROR] = math.log2(SYMBOLS)
        facts = np.zeros((rows, self.facts), np.int64)
        facts[:, STREAM] = group * rows + np.arange(rows)
        facts[:, LENGTH], facts[:, REPEATS] = self.size(int(memory[LEVEL]))
        return facts

    def advance(self, facts: Array, steps: int, memory: Array) -> tuple[Array, Array]:
        facts = facts.copy()
        facts[:, POSITION] += steps
        asked = facts[:, LENGTH] * facts[:, REPEATS]
        over = facts[:, POSITION] > facts[:, LENGTH] + asked
        for row in np.flatnonzero(over):
            if tuple(facts[row, [LENGTH, REPEATS]]) == self.size(int(memory[LEVEL])):
                self._learn(facts[row, LOSS] / 1e6 / asked[row], memory)
        facts[over, EPISODE] += 1
        facts[over, POSITION] = facts[over, LOSS] = 0
        facts[over, LENGTH], facts[over, REPEATS] = self.size(int(memory[LEVEL]))
        return facts, over

    def _learn(self, bits: float, memory: Array) -> None:
        memory[ERROR] = DECAY * memory[ERROR] + (1 - DECAY) * bits
        if memory[ERROR] < SOLVED:
            memory[LEVEL] += 1
            memory[ERROR] = math.log2(SYMBOLS)

    def window(self, part: int, seed: int, facts: Array, first: int, x: Array, labels: Array) -> None:
        length, symbols = facts[:, LENGTH], self._symbols(part, seed, facts)
        at = facts[:, POSITION] + first + np.arange(len(labels))[:, None]  # [T, B]
        rows = np.broadcast_to(np.arange(len(facts)), at.shape)
        shown = symbols[rows, np.minimum(at, length - 1)]
        answer = at - length - 1
        wanted = (answer >= 0) & (answer < length * facts[:, REPEATS])
        labels[:] = np.where(wanted, symbols[rows, answer % length], -1)
        if len(x):
            x[:] = 0
            np.put_along_axis(x, shown[..., None], (at < length)[..., None], axis=2)
            self._stop(x[..., SYMBOLS:], at == length, facts)

    def _stop(self, into: Array, now: Array, facts: Array) -> None:
        into[..., 0] = now

    def _symbols(self, part: int, seed: int, facts: Array) -> Array:
        """[B, the largest N] of each row's episode."""
        found = np.zeros((len(facts), facts[:, LENGTH].max()), np.int64)
        seed = seed if part == TRAIN else 0
        for row, (stream, episode, _, length, *_) in enumerate(facts.tolist()):
            found[row, :length] = drawn(seed, stream + part * 2**32, episode, length)
        return found

    def reached(self, facts: Array) -> float:
        """The most symbols written without a mistake to speak of: of the level before this one."""
        n, r = int(facts[0, LENGTH]), int(facts[0, REPEATS])
        level = next(level for level in range(n + r) if self.size(level) == (n, r))
        n, r = self.size(level - 1) if level else (0, 0)
        return float(n * r)

    def load(self, first: int, steps: int) -> Split:
        raise TypeError("a stream has no set of samples")


@lru_cache(4096)
def drawn(seed: int, stream: int, episode: int, length: int) -> Array:
    """The symbols of an episode: the same for every box, and at every one of its ticks."""
    return generator(seed, Stream.EPISODES, episode, lane=stream).integers(SYMBOLS, size=length)


class RepeatCopy(Copy):
    """Level by level (N, R) is (1, 1), (2, 1), (2, 2), (3, 2), (3, 3) and so on."""

    inputs = SYMBOLS + 2

    def size(self, level: int) -> tuple[int, int]:
        return level // 2 + 1 + level % 2, level // 2 + 1

    def _stop(self, into: Array, now: Array, facts: Array) -> None:
        into[..., 0] = now
        into[..., 1] = np.where(now, facts[:, REPEATS] / 10, 0)
