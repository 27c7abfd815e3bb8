"""Advice: warnings while boxes learn in bad health, and hints at what another setting would do better.

Warnings, from the rows of the metrics:

    cosine          below 0.05 at the last boundary for an epoch; below 0 anywhere
    norm ratio      above 5: the synthetic gradient is far longer than the received one
    received norm   at the last boundary, tenfold of what it usually was, for three rows of the metrics
    loss            no longer finite

Only the last boundary's cosine is unbiased. At the boundaries before it the targets are themselves partly synthetic:
the cosine is too high there, and norms grow from zero as synthesizers learn. Once the loss has fallen to a fifth,
gradients are close to zero and say little about the synthesizers. Each warning is given once a run, of the first box to
show it.

A hint is given only where following it helps, and names what to give instead and what that brings. A box that waits
says nothing by itself: it may wait because a slower one holds it back, or because others work on its core. So a larger
lag is advised only where both sides of a boundary wait *and* a simulation (observe/pace.py), from what the boxes' ticks
cost in this run, from its links and its cores, explains that by the lag.
"""

import math
import statistics
from collections import deque
from itertools import pairwise

from dni_actors.config.run import RunConfig
from dni_actors.nn.losses import LOSSES
from dni_actors.observe.events import Event, Row, Started, Status, Warned
from dni_actors.observe.pace import larger, pace
from dni_actors.observe.standing import Standing

DULL = 0.05  # cosine below which a synthesizer tells next to nothing
LONG = 5.0  # norm ratio
GROWTH, ROWS = 10.0, 3  # of the received norm: how many times what it was, for how many rows
USUAL = 5, 100  # rows of metrics, at least and at most, that tell what a norm usually is
LEARNED = 0.2  # share of its first row's loss at which a chain is well enough
RUN_AWAY = 10  # times the chance-level loss
GROWN, SINCE = 1.3, 3  # times the least test loss, and evaluations since that, from which on growth is told
WAITED = 0.1  # share of its time for which a box waits
FASTER = 1.1  # times as fast as it is, at least, is what a larger lag has to bring
FRESH = 4  # lag up to which older gradients cost nothing that can be measured
PATIENCE = 500  # ticks at least, or an epoch if that is longer, but never more than a tenth of the run ...
LEAST = 100  # ... or so many ticks: before that there is too little to judge a synthesizer by


class Health:
    """Takes events; gives warnings back."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._patience = min(max(PATIENCE, config.ticks_per_epoch), max(LEAST, config.ticks // 10))
        self._since: dict[tuple[int, str], int] = {}  # box and sign of illness: the tick from which on it has lasted
        self._given: set[str] = set()  # signs
        self._norms: list[deque[float]] = [deque(maxlen=USUAL[1]) for _ in range(config.boxes)]  # received
        self._loss = self._first_loss = math.nan  # of the chain
        self._grown = 0  # rows in sequence

    def take(self, event: Event) -> list[Warned]:
        """What an event gives cause to warn of."""
        if isinstance(event, Started):  # what is done again does not last longer for it
            self._since.clear()
        if not isinstance(event, Status):
            return []
        return [Warned(f"box {event.box}: {sentence}") for row in event.rows for sentence in self._row(row)]

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
            problem = f"synthetic gradient hardly points along the received one (cosine {cosine:.2f})"
            found.append(f"{problem} for {lasted} ticks; {remedy if label else little}")
        if lasted := self._lasts(row, "long", ratio is not None and ratio > LONG):
            problem = f"synthetic gradient is {ratio:.3g} times as long as the received one for {lasted} ticks"
            found.append(f"{problem}; lower --synthesizer-learning-rate or --synthetic-scale")
        self._grown = (self._grown + 1 if growth > GROWTH and not learned else 0) if last else self._grown
        if last and self._grown >= ROWS and self._first("grown"):
            problem = f"received gradient is {growth:.3g} times as long as usual, at tick {row.last_tick}"
            found.append(f"{problem}; lower --learning-rate or --clip")
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
        first = sign not in self._given
        self._given.add(sign)
        return first


def hints(standing: Standing) -> list[str]:
    """What the run shows that another setting would do better: a sentence each."""
    return run_away(standing) + by_heart(standing) + larger_lag(standing) + smaller_lag(standing)


def run_away(standing: Standing) -> list[str]:
    """Whether training has left all bounds, though every number is finite: saturated cells can do that."""
    task, evaluations = standing.config.task, standing.evaluations
    guessing = LOSSES[task.loss].chance(task.classes)
    if not evaluations or not evaluations[-1].loss > RUN_AWAY * guessing:
        return []
    fact = f"a test loss of {evaluations[-1].loss:.3g}, where guessing has {guessing:.3g}"
    return [f"{fact}: training has run away; lower --learning-rate"]


def by_heart(standing: Standing) -> list[str]:
    """Whether the test loss has grown while training went on: the samples are learned, not what is common to them."""
    evaluations = sorted(standing.evaluations, key=lambda evaluation: evaluation.tick)
    losses = [evaluation.loss for evaluation in evaluations]
    if not losses or not all(map(math.isfinite, losses)):
        return []
    least = min(range(len(losses)), key=losses.__getitem__)
    if len(losses) - least <= SINCE or losses[-1] < GROWN * losses[least]:
        return []
    fact = f"the test loss has grown from {losses[least]:.3g} at tick {evaluations[least].tick} to {losses[-1]:.3g}"
    remedy = "fewer --epochs or a smaller --hidden, or --stop-after 5; the best cut is kept"
    return [f"{fact} while training went on, so samples are learned by heart: {remedy}"]


def knows_lag(standing: Standing) -> bool:
    """Whether the engine can tell of the run, and there are rows to go by.

    In one process a box waits because others work; in lock-step for every gradient; where states come late, too, it
    does not apply; and who gave `--lag auto` has had its answer, and is not sent back to it.
    """
    config = standing.config
    lagged = config.learning.update != "locked" and config.learning.unlock != "full" and not standing.tuned
    return config.execution.runtime != "inline" and lagged and all(spent.ticks for spent in standing.spent)


def larger_lag(standing: Standing) -> list[str]:
    """Where boxes wait because of the lag: the one that ends it."""
    if not knows_lag(standing):
        return []
    spent, lag = standing.spent, standing.config.lag
    waits = [
        (left.share("wait_gradient_seconds"), right.share("wait_state_seconds")) for left, right in pairwise(spent)
    ]
    starved = next((k for k, both in enumerate(waits) if min(both) > WAITED), None)
    if starved is None:
        return []
    costs = [of.cost for of in spent]
    better = larger(pace(standing.config, costs, round_trip_links(standing), standing.cores), lag)
    enough, period = better.lag, max(of.period for of in spent)
    faster = period / max(period - (better.now - better.then), better.then)  # what is not simulated stays
    if faster < FASTER:
        return []
    gradient, state = waits[starved]
    fact = f"box {starved} waits {gradient:.0%} of its time for gradients, box {starved + 1} {state:.0%} for states"
    older = ", learning from older gradients" if enough > FRESH and learns_late(standing) else ""
    return [f"{fact}: with --lag {enough} the run would be about {faster:.1f} times as fast{older}"]


def round_trip_links(standing: Standing) -> list[float]:
    """Seconds there and back, of each boundary, as measured and as emulated; what no wire has measured counts as 0."""
    emulated = sum(standing.config.link_delay)  # the mean delay, twice
    return [(link or 0.0) + emulated for link in standing.links]


def learns_late(standing: Standing) -> bool:
    """Whether boxes learn from the gradient that comes late; others make nothing of it."""
    return standing.config.learning.update in ("synthetic", "delayed")


def smaller_lag(standing: Standing) -> list[str]:
    """Where every gradient lies ready for most of the lag, and is so old that it harms."""
    config, spent = standing.config, standing.spent
    slack = min(of.slack for of in spent)
    if not knows_lag(standing) or not learns_late(standing) or config.lag <= FRESH or math.isinf(slack):
        return []
    enough = max(2, 1 + math.ceil(config.lag - slack))
    if 2 * enough > config.lag:
        return []
    fact = f"every gradient lies ready for {slack:.1f} ticks and more before its turn"
    return [f"{fact}: --lag {enough} would be as fast, and boxes would learn from fresher gradients"]
