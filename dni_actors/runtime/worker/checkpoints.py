"""When box 0 marks a cut: after every so many ticks, or by the clock; and at evaluations, which give a cut a score."""

import time
from collections import deque
from collections.abc import Collection

from dni_actors.config.run import RunConfig
from dni_actors.protocol.cut import BoxCut
from dni_actors.protocol.schedule import evaluates, mark_lead

EVERY = 5.0  # seconds
SHARE = 0.02  # of its time, at most, that a box may spend on cuts that nobody has asked for by number
COST = 0.002  # seconds that a cut takes at least, with what the driver and its disk have to do


class Checkpoints:
    """By default about every 5 seconds. At an evaluation, too, where the cost allows, whatever the interval: the best
    evaluation's cut can be kept only if there is one."""

    def __init__(self, config: RunConfig, k: int, at: Collection[int] | None = None) -> None:
        """Of box k. `at`: these ticks, and no others."""
        self._config, self._decides, self._at = config, k == 0, None if at is None else frozenset(at)
        self.marks = False
        """whether this tick's state carries a mark: `lead` ticks after it comes a cut"""
        self._lead = mark_lead(config, k)
        self._after: set[int] = set()  # ticks
        self._parts: deque[BoxCut] = deque()
        self.seconds = 0.0
        """spent on them"""
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

    def begin(self, n: int) -> None:
        """Tick n begins: box 0 decides."""
        self.marks = False
        waits = self._lead and self._after and self._config.output.checkpoint_every is None
        if self._decides and not waits and self.due(n + 1 + self._lead):
            self._mark(n)

    def marked(self, n: int) -> None:
        """A mark came in tick n. (In a ring box 0 sees its own again.)"""
        if not self._decides:
            self._mark(n)

    def _mark(self, n: int) -> None:
        self.marks = True
        self._after.add(n + self._lead)

    def after(self, n: int) -> bool:
        """Whether a cut comes after tick n."""
        return n in self._after or n + 1 == self._config.ticks

    def keep(self, part: BoxCut, began: float) -> None:
        """The box has put its part aside, for which it `began` at that time."""
        self._after.discard(part.tick - 1)
        self._parts.append(part)
        self._last = time.perf_counter()
        self._cost = max(COST, self._last - began)
        self.seconds += self._last - began

    def new(self) -> tuple[BoxCut, ...]:
        """The parts put aside since the last call."""
        return tuple(self._parts.popleft() for _ in range(len(self._parts)))
