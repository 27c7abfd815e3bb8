"""What a box's ticks took, by the rows of its metrics: its work, phase by phase, and its waits."""

import math
from collections import defaultdict

from dni_actors.observe.events import Row
from dni_actors.observe.law import Cost

SECONDS = [name for name in Row._fields if name.endswith("seconds")]


class Spent:
    """Sums over rows."""

    def __init__(self) -> None:
        self.ticks = 0
        self.slack = math.inf
        """the least mean of a row, in ticks"""
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
        """Of a tick. There must be ticks."""
        of = {name: seconds / self.ticks for name, seconds in self._seconds.items()}
        return Cost(
            train=of["prepare_seconds"] + of["train_seconds"],
            forward=of["forward_seconds"],
            backward=of["synthesize_seconds"] + of["backward_seconds"],
            update=of["update_seconds"],
            cpu=of["cpu_seconds"],
        )
