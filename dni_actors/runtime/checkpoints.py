"""When box 0 marks a cut: after every so many ticks, or by the clock."""

import time
from collections.abc import Collection

from dni_actors.box.schedule import evaluates
from dni_actors.config import RunConfig

EVERY = 5.0  # seconds
AT_LEAST = 0.5  # seconds, even where an evaluation invites one
SHARE = 0.02  # of its time, at most, that a box may spend on putting cuts aside


class Checkpoints:
    """By default about every 5 seconds, earlier where an evaluation will give the cut a score."""

    def __init__(self, config: RunConfig, at: Collection[int] | None = None) -> None:
        """`at`: these ticks, and no others."""
        self._config, self._at = config, None if at is None else frozenset(at)
        self._every = config.output.checkpoint_every
        self._last = time.perf_counter()
        self._cost = 0.0  # seconds that a cut took

    def due(self, n: int) -> bool:
        """Whether a cut comes before tick n."""
        config = self._config
        if self._at is not None:
            return n in self._at
        if n >= config.ticks:
            return False  # that cut comes by itself
        if config.learning.stop_after and evaluates(config, n):
            return True
        if self._every is not None:
            return self._every > 0 and n % self._every == 0
        since = time.perf_counter() - self._last
        return since > self._cost / SHARE and since > (AT_LEAST if evaluates(config, n) else EVERY)

    def took(self, seconds: float) -> None:
        """A cut was put aside."""
        self._last, self._cost = time.perf_counter(), seconds
