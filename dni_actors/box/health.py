"""Whether the boxes learn in good health: what the rows of their metrics give cause to warn of, with advice.

    cosine          below 0.05 at the last boundary for an epoch, where the synthesizer sees the label; below 0 anywhere
    norm ratio      above 5: the synthetic gradient is far longer than the received one
    received norm   tenfold of what it usually was
    loss            no longer finite

Only the last boundary's cosine is unbiased: upstream, where targets are made with synthetic gradients themselves, it
flatters. Each is told once, and again only after it has been well in between.
"""

import math
import statistics
from collections import deque

from dni_actors.box.report import Event, Report, Started, Warned, Window
from dni_actors.config import RunConfig

DULL = 0.05  # cosine below which a synthesizer tells next to nothing
LONG = 5.0  # norm ratio
GROWTH = 10.0  # of the received norm
USUAL = 5, 100  # rows of metrics, at least and at most, that tell what a norm usually is
PATIENCE = 500  # ticks at least, or an epoch if that is longer, but never more than a tenth of the run


class Health:
    """Takes events; gives warnings back."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._patience = min(max(PATIENCE, config.ticks_per_epoch), max(1, config.ticks // 10))
        self._since: dict[tuple[int, str], int] = {}  # box and sign of illness: the tick from which on it has lasted
        self._told: set[tuple[int, str]] = set()
        self._norms: list[deque[float]] = [deque(maxlen=USUAL[1]) for _ in range(config.boxes)]

    def take(self, event: Event) -> list[Warned]:
        """What an event gives cause to warn of."""
        if isinstance(event, Started):  # what is done again does not last longer for it
            self._since.clear()
            for norms in self._norms:
                norms.clear()
        if not isinstance(event, Report):
            return []
        return [Warned(told) for window in event.windows for told in self._row(window)]

    def _row(self, row: Window) -> list[str]:
        config = self._config
        if row.first_tick < config.lag + config.synthesizer.warmup:
            return []
        conditioned, last = config.synthesizer.conditioned, row.box == config.boxes - 2
        grown = self._growth(row)
        found = []
        if self._lasts(row, "opposed", row.cosine is not None and row.cosine < 0):
            found.append(f"synthetic gradient points away from the received one {self._for(row, 'opposed')}; {REMEDY}")
        dull = last and row.cosine is not None and 0 <= row.cosine < DULL
        if self._lasts(row, "dull", dull):
            remedy = REMEDY if conditioned else "use --conditioned: without the label there is little to predict"
            told = f"synthetic gradient tells next to nothing of the received one (cosine {row.cosine:.2f})"
            found.append(f"{told} {self._for(row, 'dull')}; {remedy}")
        if self._lasts(row, "long", row.norm_ratio is not None and row.norm_ratio > LONG):
            told = f"synthetic gradient is {row.norm_ratio:.0f} times as long as the received one"
            found.append(f"{told} {self._for(row, 'long')}; lower --synthesizer-learning-rate or --synthetic-scale")
        if self._once(row, "grown", grown is not None):
            told = f"received gradient has grown {grown:.0f}-fold by tick {row.last_tick}"
            found.append(f"{told}; lower --learning-rate or --clip")
        broken = [x for x in (row.loss, row.cosine, row.norm_ratio, row.received_norm) if x is not None]
        if self._once(row, "broken", not all(map(math.isfinite, broken))):
            found.append(f"loss or gradient no longer finite at tick {row.last_tick}; lower --learning-rate")
        return [f"box {row.box}: {told}" for told in found]

    def _growth(self, row: Window) -> float | None:
        """How many times what it usually was the received norm is, if that is too many."""
        norms, norm = self._norms[row.box], row.received_norm
        if norm is None or not math.isfinite(norm):
            return None
        usual = statistics.median(norms) if len(norms) >= USUAL[0] else math.inf
        norms.append(norm)
        return norm / usual if 0 < GROWTH * usual < norm else None

    def _lasts(self, row: Window, sign: str, ill: bool) -> bool:
        """Whether it is to be told now: it has lasted long enough."""
        if not ill:
            self._since.pop((row.box, sign), None)
        since = self._since.setdefault((row.box, sign), row.first_tick) if ill else row.last_tick + 1
        return self._once(row, sign, row.last_tick + 1 - since >= self._patience, clear=not ill)

    def _once(self, row: Window, sign: str, ill: bool, clear: bool = True) -> bool:
        first = ill and (row.box, sign) not in self._told
        if ill:
            self._told.add((row.box, sign))
        elif clear:
            self._told.discard((row.box, sign))
        return first

    def _for(self, row: Window, sign: str) -> str:
        return f"for {row.last_tick + 1 - self._since[row.box, sign]} ticks"


REMEDY = "lower --synthesizer-learning-rate or use --conditioned"
