"""Keeps a box's trace (observe/trace.py), in the box's own thread: the slices come from its timeline."""

import time
from collections import deque

import numpy as np

from dni_actors.config.run import RunConfig
from dni_actors.observe.trace import BEGIN, CODES, ROW, ROWS, SLICES, TICK, Trace
from dni_actors.protocol.channel import Channel, Put, Take
from dni_actors.protocol.schedule import traces
from dni_actors.runtime.worker.timeline import WHAT, Spans

SLIVER = 5e-6  # seconds: what is shorter is none of its own, but a part of what comes after it
NANOSECOND = 1e-9
KINDS = np.array([CODES[what] for what in SLICES], np.uint8)
PUTS, TAKES = ({channel: CODES[f"{way} {channel}"] for channel in Channel} for way in ("put", "take"))


class Tracer:
    """Off between the ticks that are traced, where it costs next to nothing."""

    def __init__(self, config: RunConfig, incarnation: int) -> None:
        self._config, self._incarnation = config, incarnation
        self._keeps = config.output.trace != "off"
        self._on = False  # whether this tick is traced
        self._tick, self._tick_since = 0, 0.0
        self._rows: deque[bytes] = deque()
        self._arrived: dict[tuple[Channel, int], float] = {}

    def _add(self, kind: int, index: int, begin: float, end: float) -> None:
        self._rows.append(ROW.pack(kind, self._tick, index, begin, end))

    def start(self, first: int) -> None:
        """The box begins, or goes on from the cut before tick `first`."""
        self._tick, self._on = first, traces(self._config, first)
        if self._keeps:
            now = time.perf_counter()
            self._add(CODES[BEGIN], 0, now, now)

    def begin(self, now: float) -> None:
        """The tick begins."""
        self._tick_since = now

    def end(self, now: float) -> None:
        """The tick has ended; what comes now belongs to the next one."""
        if self._on:
            self._add(CODES[TICK], 0, self._tick_since, now)
        self._tick += 1
        self._on = traces(self._config, self._tick)

    def spans(self, spans: Spans) -> None:
        """Slices of what was traced, without slivers."""
        if not self._keeps:
            return
        wanted = traces(self._config, spans.place // 2)
        if not np.any(wanted):
            return
        long = spans.end - spans.begin >= SLIVER
        # A slice begins with the slivers before it, as far as they belong to the same place.
        index = np.arange(len(long))
        place_begins = np.where(np.diff(spans.place, prepend=-1) != 0, index, 0)
        after_long = np.concatenate([[0], np.where(long, index + 1, 0)[:-1]])
        first = np.maximum.accumulate(np.maximum(place_begins, after_long))
        kept = long & wanted
        rows = np.zeros(int(kept.sum()), ROWS)
        rows["kind"], rows["tick"] = KINDS[spans.what[kept] & WHAT], spans.place[kept] // 2
        # What lies in a tick begins later than it, so that readers who go by times alone see what is in what.
        rows["begin"], rows["end"] = spans.begin[first[kept]] + NANOSECOND * (spans.place[kept] % 2), spans.end[kept]
        self._rows.append(rows.tobytes())

    def took(self, take: Take) -> None:
        """A message was taken."""
        arrived = self._arrived.pop((take.channel, take.index), 0.0) if self._keeps else 0.0
        if self._on:
            now = time.perf_counter()
            self._add(TAKES[take.channel], take.index, arrived or now, now)

    def arrived(self, channel: Channel, index: int, at: float) -> None:
        """A message is in the inbox since then."""
        if self._keeps:
            self._arrived.setdefault((channel, index), at)

    def put(self, put: Put, began: float) -> None:
        """The message is with the wire now."""
        if self._on:
            self._add(PUTS[put.channel], put.index, began, time.perf_counter())

    def new(self) -> Trace:
        """The rows since the last call; from any thread."""
        return Trace(self._incarnation, b"".join(self._rows.popleft() for _ in range(len(self._rows))))
