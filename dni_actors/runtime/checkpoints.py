"""When box 0 marks a cut: after every so many ticks, or by the clock; and at evaluations, which give a cut a score."""

import time
from collections.abc import Collection

from dni_actors.box.schedule import evaluates
from dni_actors.config import RunConfig

EVERY = 5.0  # seconds
SHARE = 0.02  # of its time, at most, that a box may spend on cuts that nobody has asked for by number
COST = 0.002  # seconds that a cut takes at least, with what the driver and its disk have to do


class Checkpoints:
    """By default about every 5 seconds. At an evaluation, too, where the cost allows, whatever the interval: the best
    evaluation's cut can be kept only if there is one."""

    def __init__(self, config: RunConfig, at: Collection[int] | None = None) -> None:
        """`at`: these ticks, and no others."""
        self._config, self._at = config, None if at is None else frozenset(at)
        self._every = config.output.checkpoint_every
        self._last = time.perf_counter()
        self._cost = 0.0  # seconds that the last cut took

    def due(self, n: int) -> bool:
        """Whether a cut comes before tick n."""
        config = self._config
        if self._at is not None:
            return n in self._at
        if n >= config.ticks:
            return False  # that cut comes by itself
        scored = evaluates(config, n)
        if config.learning.stop_after and scored:
            return True
        if self._every == 0:
            return False
        if self._every and n % self._every == 0:
            return True
        since = time.perf_counter() - self._last
        invited = scored or (self._every is None and since > EVERY)
        return invited and since >= self._cost / SHARE

    def took(self, seconds: float) -> None:
        """A cut was put aside."""
        self._last, self._cost = time.perf_counter(), max(COST, seconds)
