"""A box's clocks: wall and CPU time of its ticks, time waited per channel, slack; closed into rows of the metrics."""

import math
import time
from collections import deque

import numpy as np

from dni_actors.box.tally import Tally
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Arrays
from dni_actors.observe.events import Row
from dni_actors.observe.strip import LETTERS, WAITS, Marks, Strip
from dni_actors.protocol.channel import Channel, Phase, Take

# Sums over the box's ticks since the run began; a window's row is the difference of two such lists.
CPU, DELAY, WAIT_STATE, WAIT_GRADIENT, SLACK, GRADIENTS, TRAIN, FORWARD, SYNTHESIZE, BACKWARD, UPDATE = range(11)
SQUARES, ROWS = 11, 12  # of received gradients that were measured
PHASES = {
    Phase.TRAIN: TRAIN,
    Phase.FORWARD: FORWARD,
    Phase.SYNTHESIZE: SYNTHESIZE,
    Phase.BACKWARD: BACKWARD,
    Phase.UPDATE: UPDATE,
}
WAITED = {Channel.STATE: WAIT_STATE, Channel.GRADIENT: WAIT_GRADIENT}
MARKS = {phase: ord(letter) for phase, letter in LETTERS.items()}
WAIT_MARKS = {channel: ord(letter) for channel, letter in WAITS.items()}
NORM_EVERY = 16  # gradients of which one is measured
STRIP_EVERY = 0.25  # seconds between instants that strips end at


def prints(parities: list[int]) -> bytes:
    """The two halves of each number's 64 bits, one over the other."""
    halves = np.array(parities, "<u8").view("<u4").reshape(-1, 2)
    return (halves[:, 0] ^ halves[:, 1]).tobytes()


class Clock:
    """Seconds of training: wall time that is held during evaluations.

    `shared` by the boxes of one process, it is held while any box evaluates; a box's own is held from the beginning of
    its evaluation to the end, waiting included.
    """

    def __init__(self, shared: bool = False) -> None:
        self.shared = shared
        self._held_since: float | None = None
        self._held = 0.0
        self._start = time.perf_counter()

    def now(self) -> float:
        return (self._held_since or time.perf_counter()) - self._held - self._start

    def hold(self, on: bool) -> None:
        if on and self._held_since is None:
            self._held_since = time.perf_counter()
        elif not on and self._held_since is not None:
            self._held += time.perf_counter() - self._held_since
            self._held_since = None


class Meter:
    """Counts from its making on; `seconds` of training came before."""

    def __init__(
        self, config: RunConfig, box: int, first: int, clock: Clock, seconds: float = 0.0, incarnation: int = 0
    ) -> None:
        self._config, self._box, self._clock, self._incarnation = config, box, clock, incarnation
        self._first = self._window_first = self._done = first
        self._steady_first = first + math.ceil((config.ticks - first) / 10)
        self._training, self._running = True, False
        self._began = time.perf_counter()
        self._cpu = 0.0  # the thread's CPU clock when it was last looked at
        self._waiting_since: float | None = None
        self._sums = [0.0] * 13
        self._marks = Marks()
        self._parities: list[int] = []  # of the weights after each tick since the last window
        self._phase = TRAIN
        self._before, self._seconds_before = list(self._sums), seconds
        self._seconds_first = seconds
        self._windows: deque[Row] = deque()
        self.seconds = self._steady_seconds = seconds
        """of training, up to the last finished tick"""
        self.cpu_seconds = self.elapsed = 0.0
        """all of the thread's, and of the wall's, up to the last look; evaluations included"""

    def run(self, on: bool) -> None:
        """The box gets the thread, or gives it back: only in between does the thread's CPU time belong to it."""
        if not on:
            self._look()
        self._running = on
        self._cpu = time.thread_time()
        self._hold()

    def train(self, on: bool) -> None:
        """Off for an evaluation, on after it."""
        self._look()
        self._training = on
        self._hold()

    def _look(self) -> float:
        """Sums up to now, which it returns."""
        now = time.thread_time()
        self.cpu_seconds += now - self._cpu
        if self._training:
            self._sums[CPU] += now - self._cpu
            self._sums[self._phase] += now - self._cpu
        self._cpu = now
        wall = time.perf_counter()
        self.elapsed = wall - self._began
        return wall

    def _hold(self) -> None:
        self._clock.hold(not self._training and (self._running or not self._clock.shared))

    def wait(self, channel: Channel) -> None:
        if self._waiting_since is None:
            self._waiting_since = self._clock.now()
            self._marks.add(time.perf_counter(), WAIT_MARKS[channel])

    def took(self, take: Take, slack: int, arrays: Arrays) -> None:
        if self._waiting_since is not None:
            if take.channel in WAITED:
                self._sums[WAITED[take.channel]] += self._clock.now() - self._waiting_since
            self._waiting_since = None
        if take.channel is Channel.GRADIENT:
            if arrays and self._sums[GRADIENTS] % NORM_EVERY == 0:
                self._sums[SQUARES] += float(np.vdot(arrays[0], arrays[0]))
                self._sums[ROWS] += len(arrays[0])
            self._sums[SLACK] += slack
            self._sums[GRADIENTS] += 1

    def work(self, phase: Phase) -> None:
        """The box goes over to another phase; whatever lies before its first one in a tick counts as its own start."""
        if self._training:
            now = self._look()
            self._phase = PHASES[phase]
        else:
            now = time.perf_counter()
        self._marks.add(now, MARKS[phase])

    def strip(self) -> Strip:
        """What the box did up to the last quarter of a second of the wall clock; from any thread."""
        wall = time.time()
        until = wall // STRIP_EVERY * STRIP_EVERY
        return self._marks.strip(time.perf_counter() - (wall - until), until)

    def delayed(self, seconds: float) -> None:
        self._sums[DELAY] += seconds
        self._sums[self._phase] += seconds

    def ticked(self, n: int, tally: Tally, parity: int, closes: bool) -> None:
        """Tick n is done, with weights of this parity; `closes` the window."""
        self._look()
        self._phase = TRAIN  # the next tick begins with it
        self._parities.append(parity)
        self.seconds = self._seconds_first + self._clock.now()
        self._done = n + 1
        if self._done == self._steady_first:
            self._steady_seconds = self.seconds
        if closes:
            self._close(n, tally)

    def _close(self, n: int, tally: Tally) -> None:
        new = [now - before for now, before in zip(self._sums, self._before, strict=True)]
        means = tally.means()
        self._windows.append(
            Row(
                box=self._box,
                incarnation=self._incarnation,
                first_tick=self._window_first,
                last_tick=n,
                loss=means["loss"],
                accuracy=means["accuracy"],
                updates=int(means["updates"] or 0),
                seconds=self.seconds - self._seconds_before,
                cpu_seconds=new[CPU],
                delay_seconds=new[DELAY],
                wait_state_seconds=new[WAIT_STATE],
                wait_gradient_seconds=new[WAIT_GRADIENT],
                slack=new[SLACK] / new[GRADIENTS] if new[GRADIENTS] else None,
                train_seconds=new[TRAIN],
                forward_seconds=new[FORWARD],
                synthesize_seconds=new[SYNTHESIZE],
                backward_seconds=new[BACKWARD],
                update_seconds=new[UPDATE],
                synthesizer_error=means["synthesizer_error"],
                cosine=means["cosine"],
                norm_ratio=means["norm_ratio"],
                received_norm=math.sqrt(new[SQUARES] / new[ROWS]) if new[ROWS] else None,
                prints=prints(self._parities),
            )
        )
        self._before, self._seconds_before, self._window_first = list(self._sums), self.seconds, n + 1
        self._parities.clear()
        tally.reset()

    def new_rows(self) -> tuple[Row, ...]:
        """The windows closed since the last call."""
        return tuple(self._windows.popleft() for _ in range(len(self._windows)))

    @property
    def steady_rate(self) -> float:
        """Ticks per second of training, the first tenth of the run left out as soon as there is more."""
        if self._done > self._steady_first:
            return (self._done - self._steady_first) / (self.seconds - self._steady_seconds)
        seconds = self.seconds - self._seconds_first
        return (self._done - self._first) / seconds if seconds else 0.0

    @property
    def delay_seconds(self) -> float:
        return self._sums[DELAY]
