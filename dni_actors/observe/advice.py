"""Whether the boxes learn in good health: what the rows of their metrics give cause to warn of, with advice.

    cosine          below 0.05 at the last boundary for an epoch; below 0 anywhere
    norm ratio      above 5: the synthetic gradient is far longer than the received one
    received norm   at the last boundary, tenfold of what it usually was, for three rows of the metrics
    loss            no longer finite

Only the last boundary's cosine is unbiased: upstream, where targets are made with synthetic gradients themselves, it
flatters, and norms grow from nothing as synthesizers learn. Where the loss has fallen to a fifth the gradients are on
their way to nothing, and say little of their synthesizers. Each sign is told once a run, of the first box to show it.
"""

import math
import statistics
from collections import deque

from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Event, Row, Started, Status, Warned

DULL = 0.05  # cosine below which a synthesizer tells next to nothing
LONG = 5.0  # norm ratio
GROWTH, ROWS = 10.0, 3  # of the received norm: how many times what it was, for how many rows
USUAL = 5, 100  # rows of metrics, at least and at most, that tell what a norm usually is
LEARNED = 0.2  # share of its first row's loss at which a chain is well enough
PATIENCE = 500  # ticks at least, or an epoch if that is longer, but never more than a tenth of the run


class Health:
    """Takes events; gives warnings back."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._patience = min(max(PATIENCE, config.ticks_per_epoch), max(1, config.ticks // 10))
        self._since: dict[tuple[int, str], int] = {}  # box and sign of illness: the tick from which on it has lasted
        self._told: set[str] = set()  # signs
        self._norms: list[deque[float]] = [deque(maxlen=USUAL[1]) for _ in range(config.boxes)]  # received
        self._loss = self._first_loss = math.nan  # of the chain
        self._grown = 0  # rows in sequence

    def take(self, event: Event) -> list[Warned]:
        """What an event gives cause to warn of."""
        if isinstance(event, Started):  # what is done again does not last longer for it
            self._since.clear()
        if not isinstance(event, Status):
            return []
        return [Warned(f"box {event.box}: {told}") for row in event.rows for told in self._row(row)]

    def _row(self, row: Row) -> list[str]:
        config = self._config
        if row.loss is not None:
            self._loss = row.loss
            self._first_loss = row.loss if math.isnan(self._first_loss) else self._first_loss
        if row.first_tick < config.lag + config.synthesizer.warmup:
            return []
        growth = self._growth(row)
        learned = self._loss < LEARNED * self._first_loss
        cosine, ratio = (None, None) if learned else (row.cosine, row.norm_ratio)
        label = config.synthesizer.conditioned
        remedy = f"lower --synthesizer-learning-rate or {'--lag' if label else 'use --conditioned'}"
        last = row.box == config.boxes - 2
        found = []
        if lasted := self._lasts(row, "opposed", cosine is not None and cosine < 0):
            found.append(f"synthetic gradient points away from the received one for {lasted} ticks; {remedy}")
        if lasted := self._lasts(row, "dull", last and cosine is not None and 0 <= cosine < DULL):
            little = "use --conditioned: without the label there is little to predict"
            told = f"synthetic gradient tells next to nothing of the received one (cosine {cosine:.2f})"
            found.append(f"{told} for {lasted} ticks; {remedy if label else little}")
        if lasted := self._lasts(row, "long", ratio is not None and ratio > LONG):
            told = f"synthetic gradient is {ratio:.3g} times as long as the received one for {lasted} ticks"
            found.append(f"{told}; lower --synthesizer-learning-rate or --synthetic-scale")
        self._grown = (self._grown + 1 if growth > GROWTH and not learned else 0) if last else self._grown
        if last and self._grown >= ROWS and self._first("grown"):
            told = f"received gradient is {growth:.3g} times as long as usual, at tick {row.last_tick}"
            found.append(f"{told}; lower --learning-rate or --clip")
        figures = [x for x in (row.loss, row.cosine, row.norm_ratio, row.received_norm) if x is not None]
        if not all(map(math.isfinite, figures)) and self._first("broken"):
            found.append(f"loss or gradient no longer finite at tick {row.last_tick}; lower --learning-rate")
        return found

    def _growth(self, row: Row) -> float:
        """How many times as long as usual the received gradient is."""
        norms, norm = self._norms[row.box], row.received_norm
        if norm is None or not math.isfinite(norm):
            return 1.0
        usual = statistics.median(norms) if len(norms) >= USUAL[0] else 0.0
        growth = norm / usual if usual > 0 else 1.0
        if growth <= GROWTH:  # what it has grown to does not become usual
            norms.append(norm)
        return growth

    def _lasts(self, row: Row, sign: str, ill: bool) -> int:
        """For how many ticks it has lasted, if that is long enough to be told, now, for the first time; else 0."""
        if not ill:
            self._since.pop((row.box, sign), None)
            return 0
        lasted = row.last_tick + 1 - self._since.setdefault((row.box, sign), row.first_tick)
        return lasted if lasted >= self._patience and self._first(sign) else 0

    def _first(self, sign: str) -> bool:
        first = sign not in self._told
        self._told.add(sign)
        return first
