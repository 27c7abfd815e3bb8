"""Engine 2: a heap of instants over the boxes' own programs (protocol/program.py), so that it knows no protocol.

A box goes on until its program works, or takes a message that has not come; then it waits for its instant in the heap.
As instants come in order, boxes can share things, first come, first served: the cores of a node, the link by which
messages leave it. A death sends all boxes back to the last cut that all of them have passed, as in real recovery.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Generator
from typing import Any

import numpy as np

from dni_actors.box.messages import Contents
from dni_actors.nn.arrays import Array
from dni_actors.observe.trace import BEGIN, CODES, EVENTS, KINDS, PREPARE, TICK
from dni_actors.protocol.channel import At, Channel, Phase, Point, Put, Step, Take, Work
from dni_actors.protocol.program import tick
from dni_actors.simulate.scene import MOST_REWINDS, SECOND, Late, Nodes, Row, Scene, Times
from dni_actors.simulate.weightless import WeightlessBox

PLACES = {
    what: place
    for place, what in enumerate((PREPARE, Phase.TRAIN, Phase.FORWARD, Phase.SYNTHESIZE, Phase.BACKWARD, Phase.UPDATE))
}
"""of what a box can do, among the fields of `scene.Work`"""
Traced = list[tuple[int, ...]]
"""box, incarnation, node, code of the kind, tick, index, begin, end"""


def run(scene: Scene, ticks: int, window: int = 1, traced: Traced | None = None) -> Times:
    """As `recurrence.run`, with shared cores and uplinks. `traced` takes what a real run's trace would have."""
    simulation = Simulation(scene, ticks, window, traced)
    deaths = scene.deaths()
    while simulation.go(next(deaths, None)) and simulation.rewinds < MOST_REWINDS:
        pass
    return simulation.times()


def as_trace(rows: Traced) -> Array:
    """EVENTS, as a real run has."""
    table = np.zeros(len(rows), EVENTS)
    for name, column in zip(EVENTS.fields or (), zip(*rows, strict=True), strict=True):
        table[name] = np.array(column) / SECOND if name in ("begin", "end") else column
    return table


def program(box: WeightlessBox, first: int, ticks: int) -> Generator[Step | At, Any, None]:
    """From the cut before tick `first` on, without what may lie between ticks."""
    for n in range(first, ticks):
        yield At(Point.BEGIN, n)
        yield from tick(box, n)
        yield At(Point.END, n)


class Simulation:
    """All boxes, and what is on its way between them. Times are nanoseconds."""

    def __init__(self, scene: Scene, ticks: int, window: int, traced: Traced | None) -> None:
        self._scene, self._ticks, self._window, self._traced = scene, ticks, window, traced
        nodes = scene.nodes or Nodes(tuple(range(scene.boxes)))
        self._node, self._cores, self._uplink = nodes.of_box, nodes.cores or scene.boxes, nodes.shared_uplink
        self._boxes = [WeightlessBox(scene, k) for k in range(scene.boxes)]
        self._rows: dict[int, Row] = {}
        self._late = Late.of(window, scene.boxes)
        self._finished, self.rewinds, self._redone, self._elapsed = [0] * ticks, 0, 0, 0
        self._passed = [0] * (ticks + 1)
        """by tick: how many boxes have done it"""
        self._start(0, 0)

    def _start(self, n: int, at: int) -> None:
        """All boxes at the cut before tick n. Gradients that are still to be taken are sent again."""
        scene, boxes = self._scene, self._scene.boxes
        self._cuts, self._cut_at = [n], at  # ticks before which box 0 wanted one; when it last did
        self._programs = [program(box, n, self._ticks) for box in self._boxes]
        self._answers: list[Any] = [None] * boxes
        self._tick, self._begun = [n] * boxes, [at] * boxes
        self._free: defaultdict[object, int] = defaultdict(lambda: at)  # when a link has sent what it has to send
        self._came: list[dict[Take, tuple[int, Contents]]] = [{} for _ in range(boxes)]
        self._wanted: list[tuple[Take, int] | None] = [None] * boxes  # since when
        self._working: list[tuple[int, int, int | None] | None] = [None] * boxes
        # at what, since when, and nanoseconds still to come without a core; None: it has left its core already
        self._idle: defaultdict[int, int] = defaultdict(lambda: self._cores)  # cores, by node
        self._queues: defaultdict[int, deque[tuple[int, int, int, int, int]]] = defaultdict(deque)
        self._heap = [(at, k) for k in range(boxes)]
        for index in range(max(0, n - scene.lag), n) if scene.update != "locked" else ():
            for box in self._boxes[1:]:
                self._send(box.index, Put(Channel.GRADIENT, index, box.gradient), at)
        for k in range(boxes):
            self._trace(k, BEGIN, 0, at, at)

    def go(self, death: int | None) -> bool:
        """To the end, or to an instant at which a box dies: whether there is more to do after it."""
        while self._heap:
            if death is not None and self._heap[0][0] > death:
                self._rewind(death)
                return True
            now, k = heapq.heappop(self._heap)
            self._advance(k, now)
        return False

    def times(self) -> Times:
        """What has been found."""
        done = min(self._tick)
        finished = np.array(self._finished[:done], np.int64)
        return Times(finished, self._elapsed, self._late, self.rewinds, self._redone)

    def _rewind(self, death: int) -> None:
        """All go on from the last complete cut."""
        assert self._scene.failures is not None
        done = min(self._tick)
        cut = max(n for n in self._cuts if n <= done)
        for n in range(cut, self._ticks):
            self._passed[n] = 0
        self.rewinds, self._redone, self._elapsed = self.rewinds + 1, self._redone + done - cut, death
        self._start(cut, death + self._scene.failures.restart)

    def _advance(self, k: int, now: int) -> None:
        """Box k goes on at its instant, as far as it gets at once."""
        if (working := self._working[k]) is not None and not self._rests(k, *working, now):
            return
        if (wanted := self._wanted[k]) is not None:
            self._take(k, *wanted, now)
        while True:
            try:
                request = self._programs[k].send(self._answers[k])
            except StopIteration:
                return
            self._answers[k] = None
            if isinstance(request, Put):
                self._send(k, request, now)
                self._trace(k, f"put {request.channel}", request.index, now, now)
            elif isinstance(request, Take):
                self._wanted[k] = request, now
                came = self._came[k].get(request)
                if came is None:
                    return  # the message will wake it
                if came[0] > now:
                    heapq.heappush(self._heap, (came[0], k))
                    return
                self._take(k, request, now, now)
            elif isinstance(request, Work):
                if self._work(k, request.phase, now):
                    return
            elif request.point is Point.END:
                self._end(k, now)
            elif self._begin(k, request.tick, now):
                return

    def _begin(self, k: int, n: int, now: int) -> bool:
        """Tick n begins; whether there is something to prepare."""
        self._tick[k], self._begun[k] = n, now
        for of in self._late:
            of[n % self._window, k] = 0
        return self._work(k, PREPARE, now)

    def _end(self, k: int, now: int) -> None:
        n = self._tick[k]
        self._trace(k, TICK, 0, self._begun[k], now)
        self._tick[k] = n + 1
        failures = self._scene.failures
        if k == 0 and failures is not None and now - self._cut_at >= failures.checkpoint_every:
            self._cuts.append(n + 1)
            self._cut_at = now
        self._passed[n] += 1
        if self._passed[n] == self._scene.boxes:
            self._finished[n] = self._elapsed = now
            self._rows.pop(n, None)

    def _row(self, n: int) -> Row:
        if n not in self._rows:
            self._rows[n] = self._scene.row(n)
        return self._rows[n]

    # Work, and the cores for it.

    def _work(self, k: int, what: str, now: int) -> bool:
        """Begins it, or queues for a core; whether it takes any time."""
        place, node, row = PLACES[what], self._node[k], self._row(self._tick[k])
        lasts = row.work[place].item(k)
        if not lasts:
            return False
        after = row.asleep.item(place, k)
        self._queues[node].append((k, CODES[what], now, lasts - after, after))
        self._serve(node, now)
        return True

    def _serve(self, node: int, now: int) -> None:
        """Gives free cores of a node to those that have waited longest."""
        queue = self._queues[node]
        while queue and self._idle[node]:
            self._idle[node] -= 1
            k, what, asked, awake, asleep = queue.popleft()
            self._late.queue[self._tick[k] % self._window, k] += now - asked
            self._working[k] = what, now, asleep
            heapq.heappush(self._heap, (now + awake, k))

    def _rests(self, k: int, what: int, since: int, asleep: int | None, now: int) -> bool:
        """Its core goes to another box; whether its work is done, or goes on without a core."""
        if asleep is not None:
            self._idle[self._node[k]] += 1
            self._serve(self._node[k], now)
        if asleep:
            self._working[k] = what, since, None
            heapq.heappush(self._heap, (now + asleep, k))
            return False
        self._working[k] = None
        self._trace(k, KINDS[what], 0, since, now)
        return True

    # Messages, and the links for them.

    def _send(self, k: int, put: Put, now: int) -> None:
        """Over the link to the neighbour, once what was sent before has left."""
        forward = put.channel is Channel.STATE
        boundary, to = (k, k + 1) if forward else (k - 1, k - 1)
        sending = (self._scene.sending if forward else self._scene.gradient_sending).item(boundary)
        leaves_node = self._uplink and self._node[k] != self._node[to]
        link: object = self._node[k] if leaves_node else (boundary, forward)
        leaves = self._free[link] = max(now, self._free[link]) + sending
        row = self._row(put.index // self._scene.pieces)
        arrives = leaves + (row.there if forward else row.back).item(boundary)
        self._came[to][Take(put.channel, put.index)] = arrives, put.contents
        wanted = self._wanted[to]
        if wanted is not None and wanted[0] == (put.channel, put.index):
            heapq.heappush(self._heap, (arrives, to))

    def _take(self, k: int, take: Take, since: int, now: int) -> None:
        """The message that box k has wanted since then is there."""
        arrived, self._answers[k] = self._came[k].pop(take)
        self._wanted[k] = None
        late = self._late.state if take.channel is Channel.STATE else self._late.gradient
        late[self._tick[k] % self._window, k] = now > since
        if now > since:
            self._trace(k, f"wait {take.channel}", 0, since, now)
        self._trace(k, f"take {take.channel}", take.index, arrived, now)

    def _trace(self, k: int, kind: str, index: int, begin: int, end: int) -> None:
        if self._traced is not None:
            self._traced.append((k, self.rewinds, self._node[k], CODES[kind], self._tick[k], index, begin, end))
