"""The chain as its boxes' statuses tell it: what the console shows and the record keeps, gathered in one place."""

import math
from collections import Counter, deque
from dataclasses import dataclass
from itertools import pairwise

from dni_actors.box.data.probe import Probed
from dni_actors.box.errors import ProtocolError
from dni_actors.config.run import RunConfig
from dni_actors.nn.digest import combine
from dni_actors.nn.losses import LOSSES
from dni_actors.observe.events import Event, Kept, Lost, Place, Row, Started, Status, Tuned, Warned
from dni_actors.observe.figure import Figure, figure, merit
from dni_actors.observe.strip import Strip
from dni_actors.protocol.program import Evaluation
from dni_actors.protocol.schedule import evaluates

WAITED = 0.1  # share of its time that a box may wait before it is told
COURSE, STORY = 16, 32  # rows of metrics, and events, that are kept to be shown
STRIPS = 3  # of each box that are kept, to find some of the same instant
RUN_AWAY = 10  # times the loss of who knows nothing


@dataclass
class Waits:
    """How a box has waited, over the rows of its metrics."""

    seconds: float = 0.0
    state: float = 0.0
    """seconds"""
    gradient: float = 0.0
    """seconds"""
    slack: float = math.inf
    """the least of a row"""

    def add(self, row: Row) -> None:
        self.seconds += row.seconds
        self.state += row.wait_state_seconds
        self.gradient += row.wait_gradient_seconds
        if row.slack is not None:
            self.slack = min(self.slack, row.slack)


class Standing:
    """Takes events as they come; everything else is read off."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.places: tuple[Place, ...] = ()
        self.statuses = [Status(k, 0, "starting") for k in range(config.boxes)]
        self.rows: list[Row | None] = [None] * config.boxes
        """the newest row of each box"""
        self.courses: list[deque[float]] = [deque(maxlen=COURSE) for _ in range(config.boxes)]
        """losses of the newest rows of each box"""
        self.story: deque[tuple[str, str]] = deque(maxlen=STORY)
        """what happened last: what kind it is of (evaluation, lost, warning), and a line"""
        self.evaluations: list[Evaluation] = []
        self.probes: dict[int, Probed] = {}
        """each box's last one"""
        self.restarts = [0] * config.boxes
        self.losses: list[Lost] = []
        self.warnings: list[str] = []
        self.kept: int | None = None
        """the tick of the last complete cut"""
        self.ended_at: tuple[int, list[str]] | None = None
        """the tick of the cut at which the run was ended, and each box's digest there, if that was before its end"""
        self._messages_before: Counter[str] = Counter()
        self._sent_before = [0, 0]
        self._strips: list[dict[float, Strip]] = [{} for _ in range(config.boxes)]
        self._waits = [Waits() for _ in range(config.boxes)]

    def take(self, event: Event) -> None:
        """ProtocolError if a part of the run that is done again comes out differently."""
        if isinstance(event, Tuned):
            return
        if isinstance(event, Kept):
            self.kept = event.tick
            return
        if isinstance(event, Warned):
            self.warnings.append(event.text)
            self.story.append(("warning", f"tick {self.ticks}: {event.text}"))
            return
        if isinstance(event, Lost):
            self.restarts[event.box] += 1
            self.losses.append(event)
            told = f"tick {self.statuses[event.box].tick}: box {event.box} started again: {event.why}"
            self.story.append(("lost", told))
            return
        if isinstance(event, Started):
            self.places = event.places
            for status in self.statuses:
                self._messages_before.update(dict(status.messages))
                self._sent_before[0] += status.sent
                self._sent_before[1] += status.sent_bytes
            self._strips = [{} for _ in self.statuses]
            self.statuses = [Status(r.box, event.tick, "starting", seconds=r.seconds) for r in self.statuses]
            return
        self.statuses[event.box] = event
        self.probes |= {row.box: row for row in event.probes}
        for evaluation in event.evaluations:
            self._evaluated(event.box, evaluation)
        for row in event.rows:
            if row.first_tick >= self.config.lag:
                self._waits[event.box].add(row)
            if row.loss is not None:
                self.courses[event.box].append(row.loss)
        if event.rows:
            self.rows[event.box] = event.rows[-1]
        if event.strip is not None:
            strips = self._strips[event.box] | {event.strip.until: event.strip}
            self._strips[event.box] = dict(sorted(strips.items())[-STRIPS:])

    def _evaluated(self, box: int, evaluation: Evaluation) -> None:
        before = next((known for known in self.evaluations if known.tick == evaluation.tick), None)
        if before is None:
            self.evaluations.append(evaluation)
            accuracy, loss = evaluation.validation_accuracy, evaluation.validation_loss
            both = evaluation, evaluation._replace(accuracy=accuracy, loss=loss)
            tested, validated = (figure(self.config.task, found).text for found in both)
            self.story.append(("evaluation", f"tick {evaluation.tick}: test {tested}, validation {validated}"))
        elif repr(before) != repr(evaluation):  # whose NaNs are equal
            told = f"an evaluation done again gave {evaluation}, not {before} as before"
            remedy = "machines that round differently? --kernels portable gives equal bits; replay finds where it began"
            raise ProtocolError(box, evaluation.tick, f"{told}; {remedy}")

    @property
    def best(self) -> Evaluation | None:
        """The evaluation that is best on the validation samples (observe/figure.py), the earliest of them."""
        return next(iter(self.ranked), None)

    @property
    def ranked(self) -> list[Evaluation]:
        """Best first; not every one has a cut at its tick."""
        return sorted(self._regular(), key=lambda e: (-self._merit(e), e.tick))

    def _merit(self, evaluation: Evaluation) -> float:
        return merit(self.config.task, evaluation)

    @property
    def figures(self) -> list[Figure]:
        """What the task goes by, of each evaluation."""
        return [figure(self.config.task, evaluation) for evaluation in self.evaluations]

    @property
    def figure(self) -> Figure | None:
        """Of the newest one."""
        return self.figures[-1] if self.evaluations else None

    def _regular(self) -> list[Evaluation]:
        """Those that this configuration asks for: not the one at the end of a run that was made longer since."""
        return sorted(evaluation for evaluation in self.evaluations if evaluates(self.config, evaluation.tick))

    @property
    def stops_at(self) -> int | None:
        """The tick of the evaluation that used up the patience of `stop_after`; None before."""
        patience, best, vain = self.config.learning.stop_after, -math.inf, 0
        for evaluation in self._regular() if patience else ():
            vain = 0 if self._merit(evaluation) > best else vain + 1
            best = max(best, self._merit(evaluation))
            if vain >= patience:
                return evaluation.tick
        return None

    def end_at(self, tick: int, digests: list[str]) -> None:
        """The run ends at this cut: what came after it does not count."""
        self.ended_at = tick, digests
        self.evaluations = [evaluation for evaluation in self.evaluations if evaluation.tick <= tick]

    @property
    def ticks(self) -> int:
        """Ticks that the whole chain has finished."""
        if self.ended_at is not None:
            return self.ended_at[0]
        return min(status.tick for status in self.statuses)

    @property
    def seconds(self) -> float:
        """Training time by the last box's clock, evaluations left out."""
        return self.statuses[-1].seconds

    @property
    def ticks_per_second(self) -> float:
        """In the steady state: the first tenth left out."""
        return self.statuses[-1].steady_rate

    @property
    def overlap(self) -> float:
        """Sum over boxes of (thread CPU time + emulated delay) over wall time, evaluations in both: 1 is lock-step."""
        worked = sum(status.cpu_seconds + status.delay_seconds for status in self.statuses)
        elapsed = max(status.elapsed for status in self.statuses)
        return worked / elapsed if elapsed else 0.0

    @property
    def cut_share(self) -> float:
        """Of their time since the last start of the boxes, what they spent on cuts: the most of a box."""
        return max(status.cut_seconds / status.elapsed if status.elapsed else 0.0 for status in self.statuses)

    @property
    def hints(self) -> list[str]:
        """What another setting would do better."""
        return self._run_away + self._lag_hints

    @property
    def _run_away(self) -> list[str]:
        """Whether training has left all bounds, though every number is finite: saturated cells can do that."""
        task = self.config.task
        guessing = LOSSES[task.loss].chance(task.classes)
        if not self.evaluations or not self.evaluations[-1].loss > RUN_AWAY * guessing:
            return []
        told = f"a test loss of {self.evaluations[-1].loss:.3g}, where guessing has {guessing:.3g}"
        return [f"{told}: training has run away; lower --learning-rate"]

    @property
    def _lag_hints(self) -> list[str]:
        """Whether the lag fits.

        Too small: at some boundary the left box waits for gradients (slack 0) while the right one waits for states. (A
        left box that waits alone is held back by a slower one, as it should be.) Larger than needed: slack always L, or
        one less, which is a gradient that comes in the very next tick.
        """
        waits = self._waits
        alone = self.config.execution.runtime == "inline"  # there a box waits because others work
        if alone or self.config.learning.update == "locked" or not all(box.seconds for box in waits):
            return []
        lag = self.config.lag
        for k, (left, right) in enumerate(pairwise(waits)):
            if min(left.gradient / left.seconds, right.state / right.seconds) > WAITED:
                told = f"slack 0: box {k} waits {left.gradient / left.seconds:.0%} of its time for gradients"
                told += f", box {k + 1} {right.state / right.seconds:.0%} for states"
                return [f"{told}: the lag of {lag} is too small; --lag auto measures what is needed"]
        if lag > 2 and len(waits) > 1 and all(box.slack > lag - 1.1 for box in waits):
            told = f"slack {min(box.slack for box in waits):.1f}, always: the lag of {lag} is larger than needed"
            return [f"{told}; a smaller one learns from fresher gradients"]
        return []

    @property
    def messages(self) -> dict[str, int]:
        """Of all boxes, the unusual ones: asked for, sent again, dropped and why."""
        total = Counter(self._messages_before)
        for status in self.statuses:
            total.update(dict(status.messages))
        return {what: count for what, count in sorted(total.items()) if count}

    @property
    def sent(self) -> tuple[int, int]:
        """Messages that the boxes have put, and their arrays' bytes; what was done again counts again."""
        messages, size = self._sent_before
        return messages + sum(r.sent for r in self.statuses), size + sum(r.sent_bytes for r in self.statuses)

    @property
    def strips(self) -> list[Strip] | None:
        """One of each box, of the newest instant that all have told of; None if there is none."""
        known = list(self._strips)
        shared = set.intersection(*(set(of) for of in known))
        return [of[max(shared)] for of in known] if shared else None

    @property
    def links(self) -> list[float | None]:
        """Of each boundary, the least seconds there and back; None where no wire has measured it."""
        found = []
        for left, right in pairwise(self.statuses):
            there, back = right.transit[0], left.transit[1]
            found.append(None if there is None or back is None else there + back)
        return found

    @property
    def kernels(self) -> tuple[str, ...]:
        """The different CPU kernels at work: more than one, and the last bit may depend on who ran what."""
        return tuple(sorted({place.kernels for place in self.places}))

    @property
    def digests(self) -> list[str] | None:
        """Of each box's weights; None before all are done."""
        if self.ended_at is not None:
            return self.ended_at[1]
        found = [status.digest for status in self.statuses if status.digest is not None]
        return found if len(found) == len(self.statuses) else None

    @property
    def digest(self) -> str | None:
        """Of the whole chain's weights; None before all boxes are done."""
        return combine(self.digests) if self.digests is not None else None
