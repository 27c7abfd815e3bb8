"""The chain as its boxes' statuses tell it: what the console shows and the record keeps, gathered in one place."""

import math
from collections import Counter, deque
from collections.abc import Iterable
from itertools import pairwise

from dni_actors.box.data.probe import Probed
from dni_actors.config.run import RunConfig
from dni_actors.nn.digest import combine
from dni_actors.observe.evaluations import Evaluations
from dni_actors.observe.events import Event, Kept, Lost, Place, Row, Started, Status, Tuned, Up, Warned
from dni_actors.observe.figure import Figure, figure
from dni_actors.observe.spent import Spent
from dni_actors.observe.strip import Strip
from dni_actors.protocol.program import Evaluation

COURSE, STORY = 16, 32  # rows of metrics, and events, that are kept to be shown
STRIPS = 3  # of each box that are kept, to find some of the same instant


class Standing:
    """Takes events as they come; everything else is read off.

    `evaluations`: those of an earlier part of the run.
    """

    def __init__(self, config: RunConfig, evaluations: Iterable[Evaluation] = ()) -> None:
        self.config = config
        self.cores: float = math.inf
        """that the boxes share"""
        self.tuned = False
        """the lag was measured before the run"""
        self.up: set[int] | None = None
        """boxes whose processes are up, before the run starts; None: Ray is not"""
        self.places: tuple[Place, ...] = ()
        self.kinds: tuple[str, ...] = ()
        """of the links, one for each boundary (observe/links.py); none in one process"""
        self.statuses = [Status(k, 0, "starting") for k in range(config.boxes)]
        self.rows: list[Row | None] = [None] * config.boxes
        """the newest row of each box"""
        self.courses: list[deque[float]] = [deque(maxlen=COURSE) for _ in range(config.boxes)]
        """losses of the newest rows of each box"""
        self.spent = [Spent() for _ in range(config.boxes)]
        """what each box's ticks took, without the first ones, in which nothing had to be waited for"""
        self.story: deque[tuple[str, str]] = deque(maxlen=STORY)
        """what happened last: what kind it is of (evaluation, lost, warning), and a line"""
        self.evaluations = Evaluations(config, evaluations)
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
        self.strips: list[Strip] | None = None
        """one of each box, of the newest instant that all have told of, also when some are done; None before there is
        one"""

    def take(self, event: Event) -> None:
        """ProtocolError if a part of the run that is done again comes out differently."""
        match event:
            case Status():
                self._reported(event)
            case Up():
                self.up = (self.up or set()) | set(event.boxes)
            case Started():
                self._started(event)
            case Lost():
                self._lost(event)
            case Warned():
                self.warnings.append(event.text)
                self.story.append(("warning", f"tick {self.ticks}: {event.text}"))
            case Kept():
                self.kept = event.tick
            case Tuned():
                self.tuned = True

    def _reported(self, status: Status) -> None:
        box = status.box
        self.statuses[box] = status
        self.probes |= {row.box: row for row in status.probes}
        for evaluation in status.evaluations:
            if self.evaluations.take(evaluation, box):
                self.story.append(("evaluation", self._line(evaluation)))
        for row in status.rows:
            if row.first_tick >= self.config.lag:
                self.spent[box].add(row)
            if row.loss is not None:
                self.courses[box].append(row.loss)
        if status.rows:
            self.rows[box] = status.rows[-1]
        if status.strip is not None:
            strips = self._strips[box] | {status.strip.until: status.strip}
            self._strips[box] = dict(sorted(strips.items())[-STRIPS:])
            if shared := set.intersection(*map(set, self._strips)):
                self.strips = [of[max(shared)] for of in self._strips]

    def _line(self, evaluation: Evaluation) -> str:
        accuracy, loss = evaluation.validation_accuracy, evaluation.validation_loss
        both = evaluation, evaluation._replace(accuracy=accuracy, loss=loss)
        tested, validated = (figure(self.config.task, one).text for one in both)
        return f"tick {evaluation.tick}: test {tested}, validation {validated}"

    def _started(self, event: Started) -> None:
        """All boxes, or all of them again: what those before had counted stays."""
        self.places, self.kinds = event.places, event.links
        for status in self.statuses:
            self._messages_before.update(dict(status.messages))
            self._sent_before[0] += status.sent
            self._sent_before[1] += status.sent_bytes
        self._strips, self.strips = [{} for _ in self.statuses], None
        self.statuses = [Status(r.box, event.tick, "starting", seconds=r.seconds) for r in self.statuses]

    def _lost(self, event: Lost) -> None:
        self.restarts[event.box] += 1
        self.losses.append(event)
        tick = self.statuses[event.box].tick
        self.story.append(("lost", f"tick {tick}: box {event.box} started again: {event.why}"))

    def end_at(self, tick: int, digests: list[str]) -> None:
        """The run ends at this cut: what came after it does not count."""
        self.ended_at = tick, digests
        self.evaluations.end_at(tick)

    @property
    def figure(self) -> Figure | None:
        """Of the newest evaluation."""
        return figure(self.config.task, self.evaluations[-1]) if self.evaluations else None

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
    def links(self) -> list[float | None]:
        """Of each boundary, the least seconds there and back; None where no wire has measured it."""
        found = []
        for left, right in pairwise(self.statuses):
            there, back = right.transit[0], left.transit[1]
            found.append(None if there is None or back is None else there + back)
        return found

    @property
    def kernels(self) -> tuple[str, ...]:
        """The different CPU kernels at work. With several, the last bits may depend on which machine ran which box."""
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
