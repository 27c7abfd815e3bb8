"""What a box's ticks took, by the rows of its metrics: its work, phase by phase, and its waits."""

import math
from collections import defaultdict
from typing import NamedTuple

from dni_actors.observe.events import Row

SECONDS = [name for name in Row._fields if name.endswith("seconds")]

GROWN = 1.5  # times as many ticks as those that a cost is the mean of, from which on there is a new one


class Cost(NamedTuple):
    """Seconds of a box's work in a tick."""

    train: float
    """of the synthesizer"""
    forward: float
    backward: float
    """with the synthesis before it"""
    update: float
    cpu: float
    """the part of all these in which it needs a core: all but emulated work"""
    prepare: float = 0.0
    """what comes before everything else"""

    @property
    def tick(self) -> float:
        return self.prepare + self.train + self.forward + self.backward + self.update


class Spent:
    """Sums over rows."""

    def __init__(self) -> None:
        self.ticks = 0
        self.slack = math.inf
        """the least mean of a row, in ticks"""
        self._cost: Cost | None = None
        self._cost_of = 0  # ticks
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def add(self, row: Row) -> None:
        self.ticks += row.last_tick + 1 - row.first_tick
        for name in SECONDS:
            self._seconds[name] += getattr(row, name)
        if row.slack is not None:
            self.slack = min(self.slack, row.slack)

    def share(self, name: str) -> float:
        """Of its time, what went into a column of the metrics, such as wait_state_seconds. There must be ticks."""
        return self._seconds[name] / self._seconds["seconds"]

    @property
    def period(self) -> float:
        """Seconds a tick. There must be ticks."""
        return self._seconds["seconds"] / self.ticks

    @property
    def cost(self) -> Cost:
        """Of a tick. There must be ticks. It stays as it is while they grow by less than a half, as do its users'
        conclusions."""
        if self._cost is None or self.ticks >= GROWN * self._cost_of:
            self._cost, self._cost_of = self._mean(), self.ticks
        return self._cost

    def _mean(self) -> Cost:
        of = {name: seconds / self.ticks for name, seconds in self._seconds.items()}
        return Cost(
            prepare=of["prepare_seconds"],
            train=of["train_seconds"],
            forward=of["forward_seconds"],
            backward=of["synthesize_seconds"] + of["backward_seconds"],
            update=of["update_seconds"],
            cpu=of["cpu_seconds"],
        )
