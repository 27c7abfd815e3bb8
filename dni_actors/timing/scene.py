"""What is simulated: boxes, what their phases cost, their links, failures. Times are whole nanoseconds.

Costs are drawn from tables of factors with mean 1, by tick: one factor for all phases of a box in a tick, one for each
message's way over a link. A tick that is done again after a failure costs the same again.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.nn.streams import Stream, generator

SECOND = 1_000_000_000
SILENT = ("local", "truncated")  # rules whose gradient messages carry nothing: they are flow control only
FACTORS = 4096  # in a table
MOST_REWINDS = 1000  # after which a run that fails so often is cut short
Rule = Literal["synthetic", "local", "truncated", "locked", "delayed"]


class Work(NamedTuple):
    """Nanoseconds that each box's phases take in a tick: each [K]."""

    prepare: Array
    """what comes before everything else"""
    train: Array
    forward: Array
    synthesize: Array
    backward: Array
    update: Array

    @property
    def total(self) -> Array:
        """[K] of all phases."""
        return np.sum(self, axis=0)


class Row(NamedTuple):
    """What a tick costs."""

    work: Work
    asleep: Array
    """[6, K] the part of it that needs no core"""
    there: Array
    """[K-1] latency of the state messages that are put in this tick"""
    back: Array
    """[K-1] latency of its gradient messages"""


class Failures(NamedTuple):
    """Deaths of boxes, at random instants."""

    every: float
    """mean nanoseconds between two deaths, of all boxes together"""
    restart: int
    """nanoseconds from a death until all boxes go on from the last complete cut"""
    checkpoint_every: int
    """nanoseconds between cuts: the first tick of box 0 to end after so long is followed by one"""
    only: int | None = None
    """the instant of a single death, instead of random ones"""


class Nodes(NamedTuple):
    """Machines that boxes share. Only the engine of events knows their cores and uplinks."""

    of_box: tuple[int, ...]
    cores: int | None = None
    """of each node; None: as many as it needs"""
    shared_uplink: bool = False
    """whether all messages that leave a node queue at one link, not one for each boundary and direction"""

    @property
    def limit(self) -> bool:
        """Whether boxes wait for each other there."""
        return self.cores is not None or self.shared_uplink


def no_noise() -> Array:
    return np.ones(1, np.float32)


@lru_cache
def lognormal(sigma: float) -> Array:
    """Factors with mean 1 whose logarithms have the standard deviation sigma: quantiles, so the rarest 1 in 8192 on
    each side are cut off."""
    normal = NormalDist(0, sigma) if sigma else None
    factors = [math.exp(normal.inv_cdf((i + 0.5) / FACTORS)) if normal else 1.0 for i in range(FACTORS)]
    return table(np.array(factors))


def uniform(low: float, high: float) -> Array:
    """Factors with mean 1 of a time that is uniform between low and high."""
    return table(low + (high - low) * (np.arange(FACTORS) + 0.5) / FACTORS) if high > low else no_noise()


def varying(low: float, high: float, sigma: float) -> Array:
    """Table of factors: of a uniform time, a lognormal one, or the product of both."""
    if not sigma:
        return uniform(low, high)
    if low == high:
        return lognormal(sigma)
    rng = np.random.default_rng(0)
    product = rng.permutation(uniform(low, high)) * lognormal(sigma)
    return (product / product.mean()).astype(np.float32) if len(product) > 1 else no_noise()


def table(times: Array) -> Array:
    """Times as factors of their mean."""
    mean = times.mean()
    return (times / mean).astype(np.float32) if mean > 0 else no_noise()


def quantiles(times: Array) -> Array:
    """Of times, as many as a table has."""
    return np.quantile(times, (np.arange(FACTORS) + 0.5) / FACTORS)


@dataclass(frozen=True, eq=False)
class Scene:
    """A chain and its surroundings. Shapes: K boxes, K-1 boundaries."""

    update: Rule
    lag: int
    pieces: int
    """micro-batches of a locked tick; 1 under other rules"""
    work: Work
    """means; [K] each"""
    latency: Array
    """[K-1] mean nanoseconds that a message is on its way over a boundary, either way"""
    sending: Array
    """[K-1] nanoseconds for which a message occupies the link before it is on its way: bytes over bandwidth"""
    noise: Array = field(default_factory=no_noise)
    """table of factors for work, but for what is emulated"""
    emulated: Array = field(default_factory=no_noise)
    """table of factors for emulated work"""
    jitter: Array = field(default_factory=no_noise)
    """table of factors for latencies"""
    failures: Failures | None = None
    nodes: Nodes | None = None
    asleep: Work | None = None
    """the part of work that needs no core: emulated work; None: there is none"""
    warm: bool = False
    """whether all boxes go back from the first tick on under `delayed`, as they do after L (K-1) ticks"""
    seed: int = 0

    @property
    def boxes(self) -> int:
        return len(self.work.forward)

    @cached_property
    def gradient_sending(self) -> Array:
        return np.zeros_like(self.sending) if self.update in SILENT else self.sending

    @cached_property
    def delays(self) -> Array:
        """[K] ticks by which box k's backward pass is late under `delayed`."""
        return self.lag * np.arange(self.boxes - 1, -1, -1) * (self.update == "delayed" and not self.warm)

    @cached_property
    def means(self) -> Work:
        """What each phase costs under this rule: nothing where the program has no such phase."""
        means = np.array(self.work, np.int64)
        none = [Work._fields.index(name) for name in ("train", "synthesize")]
        means[none, -1 if self.update == "synthetic" else slice(None)] = 0
        return Work(*means)

    def row(self, n: int) -> Row:
        """What tick n costs."""
        return self._always if len(self.noise) == len(self.jitter) == len(self.emulated) == 1 else self._drawn(n)

    @cached_property
    def _always(self) -> Row:
        return self._drawn(0)

    def _drawn(self, n: int) -> Row:
        awake = (np.array(self.means) - self.sleeps).astype(np.float32)
        latency = self.latency.astype(np.float32)
        asleep = whole(self.sleeps * self._factors(self.emulated, Stream.COMPUTE_DELAY, n, 1, self.boxes))
        work = asleep + whole(awake * self._factors(self.noise, Stream.COMPUTE_DELAY, n, 0, self.boxes))
        there, back = (
            whole(latency * self._factors(self.jitter, Stream.LINK_DELAY, n, lane, self.boxes - 1)) for lane in (0, 1)
        )
        for times in (work, asleep) if self.pieces > 1 else ():
            for name in ("forward", "backward"):
                times[Work._fields.index(name)] //= self.pieces
        return Row(Work(*work), asleep, there, back)

    @cached_property
    def sleeps(self) -> Array:
        """[6, K] mean nanoseconds of work that needs no core."""
        return np.minimum(0 if self.asleep is None else self.asleep, self.means).astype(np.int64)

    def _factors(self, of: Array, stream: Stream, n: int, lane: int, count: int) -> Array:
        if len(of) == 1:
            return of
        return of[generator(self.seed, stream, n, lane).integers(0, len(of), count, np.uint16)]

    def deaths(self) -> Iterator[int]:
        """When boxes die, in order."""
        if self.failures is None:
            return
        if self.failures.only is not None:
            yield self.failures.only
            return
        rng, at = generator(self.seed, Stream.UPDATES, 0), 0.0
        while True:
            at += rng.exponential(self.failures.every)
            yield int(at)


class Times(NamedTuple):
    """What an engine finds, after so many ticks; after fewer, if failures let nothing get on (MOST_REWINDS)."""

    finished: Array
    """[ticks] when the last box had done each tick, for the last time if it was done again"""
    elapsed: int
    """nanoseconds, up to the last of them or the last death"""
    late: "Late"
    rewinds: int = 0
    redone: int = 0
    """ticks"""

    @property
    def period(self) -> float:
        """Nanoseconds a tick, the first half of the run left out."""
        ticks = len(self.finished)
        first = ticks // 2
        return float(self.finished[-1] - (self.finished[first - 1] if first else 0)) / (ticks - first)


class Late(NamedTuple):
    """What boxes waited for in each of the last W ticks: [W, K]; tick n stands at place n % W."""

    state: Array
    """bool"""
    gradient: Array
    """bool"""
    queue: Array
    """nanoseconds of waiting for a core or a shared uplink"""

    @classmethod
    def of(cls, window: int, boxes: int) -> "Late":
        shape = (window, boxes)
        return cls(np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape, np.int64))


def whole(times: Array) -> Array:
    """To the nearest nanosecond."""
    return np.rint(times).astype(np.int64)
