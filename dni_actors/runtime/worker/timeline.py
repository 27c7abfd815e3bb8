"""A box's timeline: the instants at which it went over to something else, in a ring.

All that is told of a box's time comes from here: the sums in the metrics, the console's strip, the slices of the trace.
"""

import time
from array import array
from bisect import bisect_right
from typing import NamedTuple

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.observe.strip import LETTERS, LONGEST, MOST, Strip
from dni_actors.observe.trace import SLICES

SIZE = 2**15  # instants that the ring holds: a quarter of a second and more, however small a tick is
MASK = SIZE - 1
CODES = {what: code for code, what in enumerate(SLICES)}
AWAY, ASIDE = 64, 128  # beside a code: the box does not have the thread; what it does lies between ticks
WHAT = AWAY - 1
MARKS = [LETTERS.get(what, "") for what in SLICES]


class Clock:
    """Seconds of training: wall time that is held during evaluations.

    `shared` by the boxes of one process, it is held while any box evaluates; a box's own is held from the beginning of
    its evaluation to the end, waiting included.
    """

    def __init__(self, shared: bool = False) -> None:
        self.shared = shared
        self._held_since: float | None = None
        self._held = 0.0
        self._start = time.perf_counter()

    def at(self, now: float) -> float:
        """What it shows at this time of the wall's clock, since it last was held or went on."""
        return (self._held_since or now) - self._held - self._start

    def hold(self, on: bool) -> None:
        """Holds it, or lets it go on."""
        if on and self._held_since is None:
            self._held_since = time.perf_counter()
        elif not on and self._held_since is not None:
            self._held += time.perf_counter() - self._held_since
            self._held_since = None


class Spans(NamedTuple):
    """What the box did, from one instant to the next: arrays [n]."""

    what: Array
    """an index of SLICES, with AWAY and ASIDE"""
    place: Array
    """2n: before tick n; 2n + 1: in it"""
    begin: Array
    """seconds of the wall's clock"""
    end: Array
    cpu: Array
    """seconds of the thread"""
    trained: Array
    """seconds of training"""


class Timeline:
    """The box's thread adds; any thread may look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times, self._cpu, self._trained = (array("d", bytes(8 * SIZE)) for _ in range(3))
        self._places = array("q", bytes(8 * SIZE))
        self._what = bytearray(SIZE)
        seconds: list[Array] = [np.frombuffer(column) for column in (self._times, self._cpu, self._trained)]
        self._columns = [*seconds, np.frombuffer(self._what, np.uint8), np.frombuffer(self._places, np.int64)]
        self.count = 0

    def add(self, what: int, place: int) -> float:
        """From now on the box does this; now, by the wall's clock."""
        at, now = self.count & MASK, time.perf_counter()
        self._times[at] = now
        self._cpu[at] = time.thread_time()
        self._trained[at] = self._clock.at(now)
        self._places[at] = place
        self._what[at] = what
        self.count += 1  # last: another thread that looks sees whole instants only
        return now

    def spans(self, first: int) -> Spans:
        """From instant `first` on, up to the newest one."""
        begin, end = first & MASK, (first & MASK) + self.count - first
        if end <= SIZE:
            times, cpu, trained, what, place = (column[begin:end] for column in self._columns)
        else:  # round the ring's end
            rest = end - SIZE
            times, cpu, trained, what, place = (np.concatenate([c[begin:], c[:rest]]) for c in self._columns)
        return Spans(what[:-1], place[:-1], times[:-1], times[1:], cpu[1:] - cpu[:-1], trained[1:] - trained[:-1])

    def strip(self, end: float, until: float) -> Strip:
        """The newest marks up to `end`, a time of the wall's clock, which is `until` on the clock that boxes share.

        A second of them and the one before it, or as many as a strip may have.
        """
        count, times = self.count, self._times
        held = range(max(0, count - SIZE + SIZE // 4), count)  # the rest may be overwritten meanwhile
        last = bisect_right(held, end, key=lambda i: times[i & MASK])
        first = bisect_right(held, end - LONGEST, key=lambda i: times[i & MASK])
        ages: list[float] = []
        letters = ""
        for i in reversed(held[:last]):
            letter = MARKS[self._what[i & MASK] & WHAT]
            if letter:  # what has none is a part of what came before it
                ages.append(end - times[i & MASK])
                letters += letter
            if len(ages) == MOST or (letter and i < first):
                break
        return Strip(until, tuple(reversed(ages)), letters[::-1])
