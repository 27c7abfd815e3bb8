"""A box's clocks: CPU time of its phases, time waited per channel, slack; closed into rows of the metrics."""

import math
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from dni_actors.box.messages import Contents
from dni_actors.box.tally import Tally
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Row
from dni_actors.observe.strip import Strip
from dni_actors.observe.trace import PREPARE, SLICES
from dni_actors.protocol.channel import Channel, Phase
from dni_actors.runtime.worker.timeline import ASIDE, AWAY, CODES, SIZE, Clock, Spans, Timeline

PREPARING = CODES[PREPARE]
PHASES = {phase: CODES[phase] for phase in Phase}
WAITS = {channel: CODES[f"wait {channel}"] for channel in Channel}
OURS = slice(0, len(SLICES))  # of the codes: what the box does in a tick, with the thread
NORM_EVERY = 16  # gradients of which one is measured
STRIP_EVERY = 0.25  # seconds between instants that strips end at


def prints(parities: list[int]) -> bytes:
    """The two halves of each number's 64 bits, one over the other."""
    halves = np.array(parities, "<u8").view("<u4").reshape(-1, 2)
    return (halves[:, 0] ^ halves[:, 1]).tobytes()


class Meter:
    """Counts from its making on; `seconds` of training came before. `settled` takes the spans of time, each once."""

    def __init__(
        self,
        config: RunConfig,
        box: int,
        first: int,
        clock: Clock,
        seconds: float = 0.0,
        incarnation: int = 0,
        settled: Callable[[Spans], None] | None = None,
    ) -> None:
        self._box, self._clock, self._incarnation, self._settled_by = box, clock, incarnation, settled
        self._first = self._row_first = self._done = first
        self._steady_first = first + math.ceil((config.ticks - first) / 10)
        self._running = False
        self._timeline = Timeline(clock)
        self._what, self._resumed, self._flags, self._place = PREPARING, PREPARING, AWAY, 2 * first
        self._settled, self._cpu_settled = 0, 0.0  # instants whose spans were settled, and the CPU time in them
        # Of the row that is going on, by what the box did: CPU time, time of training, emulated work.
        self._cpu, self._spent, self._delays = (np.zeros(256) for _ in range(3))
        self._slack = self._gradients = self._squares = self._measured = 0.0
        self._parities: list[int] = []  # of the weights after each tick of the row
        self._rows: deque[Row] = deque()
        self._seconds_first = self._row_seconds = self._steady_seconds = seconds
        self.seconds = seconds
        """of training, up to the last finished tick"""
        self.delay_seconds = 0.0
        """emulated work so far"""
        self._began = self._now = self._add()

    def _add(self) -> float:
        if self._timeline.count - self._settled >= SIZE // 2:
            self.settle()
        self._now = self._timeline.add(self._what | self._flags, self._place)
        return self._now

    def _turn(self, what: int) -> float:
        self._what = what
        return self._add()

    def run(self, on: bool) -> None:
        """The box gets the thread, or gives it back: only in between does the thread's CPU time belong to it."""
        self._running = on
        self._flags = self._flags & ~AWAY if on else self._flags | AWAY
        self._hold()
        self._add()

    def between(self, n: int) -> None:
        """What comes now lies before tick n and is none of it: an evaluation, a probe."""
        self._flags |= ASIDE
        self._hold()
        self._turn(PREPARING)

    def begin(self, n: int) -> float:
        """Tick n begins; when."""
        self._flags &= ~ASIDE
        self._hold()
        self._place = 2 * n + 1
        return self._turn(PREPARING)

    def _hold(self) -> None:
        self._clock.hold(bool(self._flags & ASIDE) and (self._running or not self._clock.shared))

    def work(self, phase: Phase) -> None:
        """The box goes over to another phase."""
        self._turn(PHASES[phase])

    def wait(self, channel: Channel) -> None:
        """The message is not there; told once or again."""
        if self._what != WAITS[channel]:
            self._resumed = self._what
            self._turn(WAITS[channel])

    def took(self, channel: Channel, slack: int, contents: Contents) -> None:
        """A message was taken that had come so many ticks before."""
        if self._what == WAITS[channel]:
            self._turn(self._resumed)
        if channel is Channel.GRADIENT:
            gradient = contents[0]
            if gradient is not None and self._gradients % NORM_EVERY == 0:
                self._squares += float(np.vdot(gradient, gradient))
                self._measured += len(gradient)
            self._slack += slack
            self._gradients += 1

    def delayed(self, seconds: float) -> None:
        """Work of the phase at hand that is only emulated."""
        self.delay_seconds += seconds
        self._delays[self._what] += seconds

    def end(self, n: int, parity: int) -> float:
        """Tick n is done, with weights of this parity; when."""
        self._place = 2 * n + 2
        self._turn(PREPARING)
        self._parities.append(parity)
        self.seconds = self._seconds_first + self._clock.at(self._now)
        self._done = n + 1
        if self._done == self._steady_first:
            self._steady_seconds = self.seconds
        return self._now

    def settle(self) -> None:
        """Adds up the spans that have come to their end."""
        spans = self._timeline.spans(self._settled)
        self._settled, self._cpu_settled = self._timeline.count - 1, self._cpu_settled + of_box(spans)
        self._cpu += np.bincount(spans.what, spans.cpu, 256)
        self._spent += np.bincount(spans.what, spans.trained, 256)
        if self._settled_by is not None:
            self._settled_by(spans)

    def close_row(self, n: int, tally: Tally) -> None:
        """Tick n is the last one of a row."""
        self._add()
        self.settle()
        means, cpu, phases = tally.means(), self._cpu[OURS], (self._cpu + self._delays).tolist()
        spent = (self._spent[OURS] + self._spent[AWAY : AWAY + len(SLICES)]).tolist()
        self._rows.append(
            Row(
                box=self._box,
                incarnation=self._incarnation,
                first_tick=self._row_first,
                last_tick=n,
                loss=means["loss"],
                accuracy=means["accuracy"],
                updates=int(means["updates"] or 0),
                seconds=self.seconds - self._row_seconds,
                cpu_seconds=float(cpu.sum()),
                delay_seconds=float(self._delays.sum()),
                wait_state_seconds=spent[WAITS[Channel.STATE]],
                wait_gradient_seconds=spent[WAITS[Channel.GRADIENT]],
                slack=self._slack / self._gradients if self._gradients else None,
                prepare_seconds=phases[PREPARING] + sum(phases[wait] for wait in WAITS.values()),
                train_seconds=phases[PHASES[Phase.TRAIN]],
                forward_seconds=phases[PHASES[Phase.FORWARD]],
                synthesize_seconds=phases[PHASES[Phase.SYNTHESIZE]],
                backward_seconds=phases[PHASES[Phase.BACKWARD]],
                update_seconds=phases[PHASES[Phase.UPDATE]],
                synthesizer_error=means["synthesizer_error"],
                cosine=means["cosine"],
                norm_ratio=means["norm_ratio"],
                received_norm=math.sqrt(self._squares / self._measured) if self._measured else None,
                prints=prints(self._parities),
            )
        )
        self._row_seconds, self._row_first = self.seconds, n + 1
        for sums in (self._cpu, self._spent, self._delays):
            sums[:] = 0
        self._slack = self._gradients = self._squares = self._measured = 0.0
        self._parities.clear()
        tally.reset()

    def new_rows(self) -> tuple[Row, ...]:
        """The rows closed since the last call."""
        return tuple(self._rows.popleft() for _ in range(len(self._rows)))

    def strip(self) -> Strip:
        """What the box did up to the last quarter of a second of the wall clock; from any thread."""
        wall = time.time()
        until = wall // STRIP_EVERY * STRIP_EVERY
        return self._timeline.strip(time.perf_counter() - (wall - until), until)

    @property
    def cpu_seconds(self) -> float:
        """Of the box's thread, evaluations included, up to the newest instant; from any thread."""
        return self._cpu_settled + of_box(self._timeline.spans(self._settled))

    @property
    def elapsed(self) -> float:
        """Wall time, evaluations included, up to the newest instant."""
        return self._now - self._began

    @property
    def steady_rate(self) -> float:
        """Ticks per second of training, the first tenth of the run left out as soon as there is more."""
        if self._done > self._steady_first:
            return (self._done - self._steady_first) / (self.seconds - self._steady_seconds)
        seconds = self.seconds - self._seconds_first
        return (self._done - self._first) / seconds if seconds else 0.0


def of_box(spans: Spans) -> float:
    """Seconds of CPU in which the box had the thread."""
    return float(spans.cpu[spans.what & AWAY == 0].sum())
