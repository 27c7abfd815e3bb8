"""Engine 2: a heap of instants over the boxes' own programs (protocol/program.py), so that it knows no protocol.

A box goes on until its program works, or takes a message that has not come; then it waits for its instant in the heap.
As instants come in order, boxes can share things, first come, first served: the cores of a node, the link by which
messages leave it. A death sends all boxes back to the last cut that all of them have passed, as in real recovery.
Boxes go on after the last tick that is asked for, until the last box has done it: in a chain that ends there, those who
are done would leave their cores to the others, and it would look faster than it is.
"""

from heapq import heappop, heappush

import numpy as np

from dni_actors.box.messages import Contents
from dni_actors.nn.arrays import Array
from dni_actors.observe.trace import BEGIN, CODES, EVENTS, PREPARE, TICK
from dni_actors.protocol.channel import Channel, Phase, Put, Work
from dni_actors.protocol.program import tick
from dni_actors.simulate.street import Costs, Seat, Way, seats
from dni_actors.simulate.weightless import WeightlessBox
from dni_actors.timing.scene import MOST_REWINDS, SECOND, Late, Scene, Times

PHASES = (PREPARE, Phase.TRAIN, Phase.FORWARD, Phase.SYNTHESIZE, Phase.BACKWARD, Phase.UPDATE)
"""what a box can do, as the fields of `scene.Work`"""
PLACES = {phase: place for place, phase in enumerate(PHASES)}
PREPARED = 0  # the place of PREPARE
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


class Simulation:
    """All boxes, and what is on its way between them. Times are nanoseconds."""

    def __init__(self, scene: Scene, ticks: int, window: int, traced: Traced | None) -> None:
        self._scene, self._ticks, self._window, self._traced = scene, ticks, window, traced
        self._count = scene.boxes
        self._boxes = [WeightlessBox(scene, k) for k in range(scene.boxes)]
        self._rows: dict[int, Costs] = {}
        self._late = Late.of(window, scene.boxes)
        self._finished, self.rewinds, self._redone, self._elapsed = [0] * ticks, 0, 0, 0
        self._passed = [0] * ticks
        """by tick: how many boxes have done it"""
        self._start(0, 0)

    def _start(self, n: int, at: int) -> None:
        """All boxes at the cut before tick n. Gradients that are still to be taken are sent again."""
        scene = self._scene
        self._cuts, self._cut_at = [n], at  # ticks before which box 0 wanted one; when it last did
        self._seats = seats(self._boxes, scene, n, at)
        self._heap = [at * self._count + k for k in range(self._count)]
        """instants at which boxes go on, each with its box as one whole number, which compares faster than a pair"""
        for index in range(max(0, n - scene.lag), n) if scene.update != "locked" else ():
            for seat in self._seats[1:]:
                seat.costs = self._row(index)
                self._put(seat, Put(Channel.GRADIENT, index, seat.box.gradient), at)
        if self._traced is not None:
            for seat in self._seats:
                self._trace(seat, BEGIN, 0, at, at)

    def go(self, death: int | None) -> bool:
        """To the end, or to an instant at which a box dies: whether there is more to do after it."""
        heap, count, boxes, advance = self._heap, self._count, self._seats, self._advance
        passed, last = self._passed, self._ticks - 1
        while passed[last] < count:
            now, k = divmod(heappop(heap), count)
            if death is not None and now > death:
                self._rewind(death)
                return True
            advance(boxes[k], now)
        return False

    def times(self) -> Times:
        """What has been found."""
        finished = np.array(self._finished[: self._done], np.int64)
        return Times(finished, self._elapsed, self._late, self.rewinds, self._redone)

    @property
    def _done(self) -> int:
        """Ticks that all boxes have done."""
        return min(self._ticks, *(seat.tick for seat in self._seats))

    def _rewind(self, death: int) -> None:
        """All go on from the last complete cut."""
        assert self._scene.failures is not None
        done = self._done
        cut = max(n for n in self._cuts if n <= done)
        self._passed[cut:] = [0] * (self._ticks - cut)
        self.rewinds, self._redone, self._elapsed = self.rewinds + 1, self._redone + done - cut, death
        self._start(cut, death + self._scene.failures.restart)

    def _advance(self, seat: Seat, now: int) -> None:
        """A box goes on at its instant, as far as it gets at once."""
        if seat.working is not None and not self._rests(seat, now):
            return
        answer = self._taken(seat, seat.wanted, now) if seat.wanted is not None else None
        while True:
            if seat.program is None and (self._over(seat) or self._begin(seat, now)):
                return
            try:
                request = seat.program.send(answer)  # type: ignore[union-attr]  # _begin has made it
            except StopIteration:
                self._end(seat, now)
                continue
            answer = None
            if isinstance(request, Work):
                if self._work(seat, PLACES[request.phase], now):
                    return
            elif isinstance(request, Put):
                self._put(seat, request, now)
            else:
                seat.wanted = way = seat.states if request.channel is Channel.STATE else seat.gradients
                seat.asked = now
                if not way.came:
                    return  # the message will wake it
                if (arrives := way.came[0][0]) > now:
                    heappush(self._heap, arrives * self._count + seat.k)
                    return
                answer = self._taken(seat, way, now)

    def _over(self, seat: Seat) -> bool:
        """Whether it has nothing more to do: the last box, for which nobody waits."""
        return seat.tick >= self._ticks and seat.box.is_last

    def _begin(self, seat: Seat, now: int) -> bool:
        """Its next tick begins, with what comes before everything else; whether that takes time."""
        n = seat.tick
        seat.costs, seat.begun, seat.program = self._row(n), now, tick(seat.box, n)
        seat.late_state = seat.late_gradient = False
        seat.queued = 0
        return self._work(seat, PREPARED, now)

    def _end(self, seat: Seat, now: int) -> None:
        """Its tick is done."""
        n, k = seat.tick, seat.k
        if self._traced is not None:
            self._trace(seat, TICK, 0, seat.begun, now)
        seat.tick, seat.program = n + 1, None
        if n >= self._ticks:
            return
        place, late = (n % self._window, k), self._late
        late.state[place], late.gradient[place], late.queue[place] = seat.late_state, seat.late_gradient, seat.queued
        failures = self._scene.failures
        if k == 0 and failures is not None and now - self._cut_at >= failures.checkpoint_every:
            self._cuts.append(n + 1)
            self._cut_at = now
        self._passed[n] += 1
        if self._passed[n] == self._count:
            self._finished[n] = self._elapsed = now
            self._rows.pop(n, None)

    def _row(self, n: int) -> Costs:
        row = self._rows.get(n)
        if row is None:
            row = self._rows[n] = Costs(self._scene.row(n))
        return row

    # Work, and the cores for it.

    def _work(self, seat: Seat, place: int, now: int) -> bool:
        """Begins it, or queues for a core; whether it takes any time."""
        costs, at = seat.costs, len(PHASES) * seat.k + place
        lasts = costs.work[at]
        if not lasts:
            return False
        seat.place, seat.asked, seat.asleep = place, now, costs.asleep[at]
        seat.awake = lasts - seat.asleep
        cores = seat.cores
        if cores.idle:
            cores.idle -= 1
            seat.working = True
            heappush(self._heap, (now + seat.awake) * self._count + seat.k)
        else:
            cores.queue.append(seat)
        return True

    def _rests(self, seat: Seat, now: int) -> bool:
        """Its core goes to the box that has waited longest; whether its work is done, or goes on without a core."""
        if seat.working:
            cores = seat.cores
            if cores.queue:
                other = cores.queue.popleft()
                other.queued += now - other.asked
                other.working, other.asked = True, now
                heappush(self._heap, (now + other.awake) * self._count + other.k)
            else:
                cores.idle += 1
            if seat.asleep:
                seat.working = False
                heappush(self._heap, (now + seat.asleep) * self._count + seat.k)
                return False
        seat.working = None
        if self._traced is not None:
            self._trace(seat, PHASES[seat.place], 0, seat.asked, now)
        return True

    # Messages, and the links for them.

    def _put(self, seat: Seat, put: Put, now: int) -> None:
        """Over the link to the neighbour, once what was sent before has left."""
        if put.channel is Channel.STATE:
            way, latency = seat.right, seat.costs.there
        else:
            way, latency = seat.left, seat.costs.back
        link = way.link
        leaves = link.free = (now if now > link.free else link.free) + way.sending
        arrives = leaves + latency[way.boundary]
        way.came.append((arrives, put.index, put.contents))
        if way.to.wanted is way and len(way.came) == 1:
            heappush(self._heap, arrives * self._count + way.to.k)
        if self._traced is not None:
            self._trace(seat, f"put {put.channel}", put.index, now, now)

    def _taken(self, seat: Seat, way: Way, now: int) -> Contents:
        """The message that a box wants is there."""
        arrived, index, contents = way.came.popleft()
        seat.wanted, late = None, now > seat.asked
        if way.channel is Channel.STATE:
            seat.late_state = late
        else:
            seat.late_gradient = late
        if self._traced is not None:
            if late:
                self._trace(seat, f"wait {way.channel}", 0, seat.asked, now)
            self._trace(seat, f"take {way.channel}", index, arrived, now)
        return contents

    def _trace(self, seat: Seat, kind: str, index: int, begin: int, end: int) -> None:
        assert self._traced is not None
        if seat.tick >= self._ticks:
            return
        self._traced.append((seat.k, self.rewinds, seat.node, CODES[kind], seat.tick, index, begin, end))
