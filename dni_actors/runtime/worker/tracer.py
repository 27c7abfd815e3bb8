"""Keeps a box's trace (observe/trace.py): the stepper tells what comes, in the box's own thread."""

import time
from collections import deque

from dni_actors.config.run import RunConfig
from dni_actors.observe.trace import BEGIN, CODES, PREPARE, ROW, TICK, Trace
from dni_actors.protocol.channel import Channel, Phase, Put, Take
from dni_actors.protocol.schedule import traces

SLIVER = 5e-6  # seconds: what is shorter is none of its own, but a part of what comes after it
PREPARING, TICKED = CODES[PREPARE], CODES[TICK]
PHASES = {phase: CODES[phase] for phase in Phase}
WAITS, PUTS, TAKES = ({channel: CODES[f"{way} {channel}"] for channel in Channel} for way in ("wait", "put", "take"))


class Tracer:
    """Off between the ticks that are traced, where it costs next to nothing."""

    def __init__(self, config: RunConfig, incarnation: int) -> None:
        self._config, self._incarnation = config, incarnation
        self._keeps = config.output.trace != "off"
        self.on = False
        """whether this tick is traced"""
        self._tick, self._what = 0, PREPARING
        self._resumed = PREPARING  # what the box was at when it had to wait
        self._since = self._tick_since = 0.0
        self._rows: deque[bytes] = deque()
        self._arrived: dict[tuple[Channel, int], float] = {}

    def begin(self, first: int) -> None:
        """The box begins, or goes on from the cut before tick `first`."""
        if self._keeps:
            now = time.perf_counter()
            self._rows.append(ROW.pack(CODES[BEGIN], first, 0, now, now))

    def between(self, n: int) -> None:
        """What comes now lies before tick n, or is tick n."""
        self.on, self._tick = traces(self._config, n), n
        self._what, self._since = PREPARING, time.perf_counter()

    def tick(self) -> None:
        if self.on:
            self._turn(PREPARING)
            # What lies in the tick begins later, so that readers who go by times alone see what is in what.
            self._tick_since, self._since = self._since, time.perf_counter()

    def ticked(self) -> None:
        if self.on:
            self._turn(PREPARING)
            self._rows.append(ROW.pack(TICKED, self._tick, 0, self._tick_since, time.perf_counter()))

    def _turn(self, to: int) -> None:
        """What the box did until now is a slice; now it does something else."""
        now = time.perf_counter()
        if now - self._since >= SLIVER:
            self._rows.append(ROW.pack(self._what, self._tick, 0, self._since, now))
            self._since = now
        self._what = to

    def work(self, phase: Phase) -> None:
        if self.on:
            self._turn(PHASES[phase])

    def wait(self, take: Take) -> None:
        """The message is not there; told once or again."""
        if self.on and self._what != WAITS[take.channel]:
            self._resumed = self._what
            self._turn(WAITS[take.channel])

    def took(self, take: Take) -> None:
        arrived = self._arrived.pop(take, 0.0) if self._keeps else 0.0
        if self.on:
            if self._what == WAITS[take.channel]:
                self._turn(self._resumed)
            now = time.perf_counter()
            self._rows.append(ROW.pack(TAKES[take.channel], self._tick, take.index, arrived or now, now))

    def arrived(self, channel: Channel, index: int, at: float) -> None:
        """A message is in the inbox since then."""
        if self._keeps:
            self._arrived.setdefault((channel, index), at)

    def put(self, put: Put, began: float) -> None:
        """The message is with the wire now."""
        if self.on:
            self._rows.append(ROW.pack(PUTS[put.channel], self._tick, put.index, began, time.perf_counter()))

    def new(self) -> Trace:
        """The rows since the last call; from any thread."""
        return Trace(self._incarnation, b"".join(self._rows.popleft() for _ in range(len(self._rows))))
