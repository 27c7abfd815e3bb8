"""Learning rates over a run: a function of the tick, and for `none` of nothing."""

import math

from dni_actors.config.run import RunConfig

RISE = 0.06  # share of a run in which rates rise first: 3 epochs of 50 (Ajanthan et al. 2025)


class Rates:
    """Of box k's own weights, its synthesizer, and its local read-out, in tick n."""

    def __init__(self, config: RunConfig, k: int) -> None:
        self._decay, self._ticks = config.learning.decay, config.ticks
        self._box = config.of_box("learning_rate", k)
        self._synthesizer = config.of_box("synthesizer_learning_rate", k)
        self._local = config.of_box("local_learning_rate", k)

    def _left(self, n: int) -> float:
        """The share of a rate that is used: 1 all the time, or down to 0 at the run's end."""
        if self._decay == "linear":
            return 1 - n / self._ticks
        if self._decay == "cosine":
            return (1 + math.cos(math.pi * n / self._ticks)) / 2
        if self._decay == "warm-cosine":
            rise = math.ceil(RISE * self._ticks)
            if n < rise:
                return (n + 1) / rise
            return (1 + math.cos(math.pi * (n - rise) / (self._ticks - rise))) / 2
        return 1.0

    def box(self, n: int) -> float:
        return self._box * self._left(n)

    def synthesizer(self, n: int) -> float:
        return self._synthesizer * self._left(n)

    def local(self, n: int) -> float:
        return self._local * self._left(n)
