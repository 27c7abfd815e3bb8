"""A box's clocks: wall and CPU time of its ticks, time waited per channel, slack; closed into rows of the metrics."""

import math
import time
from collections import deque

from dni_actors.box.channel import Channel, Take
from dni_actors.box.report import Window
from dni_actors.box.schedule import closes_window
from dni_actors.box.tally import Tally
from dni_actors.config import RunConfig

# Sums since the run began; a window's row is the difference of two such lists.
CPU, DELAY, WAIT_STATE, WAIT_GRADIENT, SLACK, GRADIENTS = range(6)
WAITS = {Channel.STATE: WAIT_STATE, Channel.GRADIENT: WAIT_GRADIENT}


class Meter:
    """Evaluations are left out of everything it measures: time stands still between ticks."""

    def __init__(self, config: RunConfig, box: int, first: int) -> None:
        self._config, self._box = config, box
        self._steady_first = first + math.ceil((config.ticks - first) / 10)
        self._steady_seconds = 0.0
        self._first = self._window_first = self._done = first
        self._training = True
        self._wall = self._cpu = 0.0  # readings of the clocks when they were last looked at
        self._waiting_since: float | None = None
        self._seconds = 0.0
        self._sums = [0.0] * 6
        self._before, self._seconds_before = list(self._sums), 0.0
        self._windows: deque[Window] = deque()

    # Wall time goes on from `start` to the end; CPU time only between `resume` and `pause`, while this box has the
    # thread. Both count only in `training`.

    def start(self) -> None:
        self._wall = time.perf_counter()

    def resume(self) -> None:
        self._cpu = time.thread_time()

    def pause(self) -> None:
        now = time.thread_time()
        if self._training:
            self._sums[CPU] += now - self._cpu
        self._cpu = now

    def training(self, on: bool) -> None:
        """Off for an evaluation, on after it."""
        self.pause()
        self._look()
        self._training = on

    def _look(self) -> float:
        now = time.perf_counter()
        if self._training:
            self._seconds += now - self._wall
        self._wall = now
        return now

    def wait(self, channel: Channel) -> None:
        if self._waiting_since is None:
            self._waiting_since = time.perf_counter()

    def took(self, take: Take, slack: int) -> None:
        if self._waiting_since is not None:
            if take.channel in WAITS:
                self._sums[WAITS[take.channel]] += time.perf_counter() - self._waiting_since
            self._waiting_since = None
        if take.channel is Channel.GRADIENT:
            self._sums[SLACK] += slack
            self._sums[GRADIENTS] += 1

    def delayed(self, seconds: float) -> None:
        self._sums[DELAY] += seconds

    def ticked(self, n: int, tally: Tally) -> None:
        """Tick n is done: closes the window if it is full, or the run over."""
        self._look()
        self._done = n + 1
        if self._done == self._steady_first:
            self._steady_seconds = self._seconds
        if closes_window(self._config, n):
            self.pause()
            self._close(n, tally)

    def _close(self, n: int, tally: Tally) -> None:
        new = [now - before for now, before in zip(self._sums, self._before, strict=True)]
        means = tally.means()
        self._windows.append(
            Window(
                box=self._box,
                first_tick=self._window_first,
                last_tick=n,
                loss=means["loss"],
                accuracy=means["accuracy"],
                updates=int(means["updates"] or 0),
                seconds=self._seconds - self._seconds_before,
                cpu_seconds=new[CPU],
                delay_seconds=new[DELAY],
                wait_state_seconds=new[WAIT_STATE],
                wait_gradient_seconds=new[WAIT_GRADIENT],
                slack=new[SLACK] / new[GRADIENTS] if new[GRADIENTS] else None,
                synthesizer_error=means["synthesizer_error"],
                cosine=means["cosine"],
                norm_ratio=means["norm_ratio"],
            )
        )
        self._before, self._seconds_before, self._window_first = list(self._sums), self._seconds, n + 1
        tally.reset()

    def new_windows(self) -> tuple[Window, ...]:
        """The windows closed since the last call."""
        return tuple(self._windows.popleft() for _ in range(len(self._windows)))

    @property
    def seconds(self) -> float:
        return self._seconds

    @property
    def steady_rate(self) -> float:
        """Ticks per second, the first tenth of the run left out as soon as there is more."""
        if self._done > self._steady_first:
            return (self._done - self._steady_first) / (self._seconds - self._steady_seconds)
        return (self._done - self._first) / self._seconds if self._seconds else 0.0

    @property
    def cpu_seconds(self) -> float:
        return self._sums[CPU]

    @property
    def delay_seconds(self) -> float:
        return self._sums[DELAY]
