"""Engine 1: all boxes of a tick at once. Exact, and fast enough for ten thousand boxes.

In a tick, box k begins its forward pass when it is ready itself (a_k) and the state has come, which box k-1 sends when
its own forward pass is done and which takes c_k to get here:

    S_k = max(a_k, S_k-1 + c_k)     so with C_k = c_1 + ... + c_k:     S - C = running maximum of (a - C)

That is two NumPy calls for a whole chain. Everything else in a tick is element by element. Of earlier ticks only what
can still be on its way is kept: L gradients a boundary.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.timing.scene import MOST_REWINDS, Late, Row, Scene, Times


class Ticks(Protocol):
    """What can be simulated tick by tick."""

    done: Array
    """[K] when each box has done its newest tick"""
    late: Late

    def tick(self, n: int, row: Row) -> None:
        """All boxes do tick n, which costs so much."""

    def restart(self, n: int, at: int) -> None:
        """All boxes go on from the cut before tick n, at an instant."""


def run(scene: Scene, ticks: int, window: int = 1, chain: Ticks | None = None) -> Times:
    """From tick 0 on, until so many ticks are done. `window`: ticks for which `late` is kept."""
    chain = chain or Chain(scene, window)
    deaths, failures = scene.deaths(), scene.failures
    death = next(deaths, None)
    finished, n, cut, cut_at, redone, rewinds, elapsed = np.zeros(ticks, np.int64), 0, 0, 0, 0, 0, 0
    while n < ticks and rewinds < MOST_REWINDS:
        chain.tick(n, scene.row(n))
        elapsed = int(chain.done.max())
        if failures is not None and death is not None and death < elapsed:  # tick n is not done everywhere
            redone, rewinds, n, elapsed = redone + n - cut, rewinds + 1, cut, death
            cut_at = death + failures.restart
            chain.restart(n, cut_at)
            death = next(deaths, None)
            continue
        finished[n], n = elapsed, n + 1
        if failures is not None and chain.done[0] - cut_at >= failures.checkpoint_every:
            cut, cut_at = n, int(chain.done[0])
    return Times(finished[:n], elapsed, chain.late, rewinds, redone)


class Chain:
    """When each box is where. Shapes: K boxes, K-1 boundaries, L ticks of lag."""

    def __init__(self, scene: Scene, window: int) -> None:
        self._scene, self._window = scene, window
        self.done = np.zeros(scene.boxes, np.int64)
        self.late = Late.of(window, scene.boxes)
        # Per boundary: when the link is free there and back [K-1], when the last L gradients come [L, K-1].
        self._free_there, self._free_back = (np.zeros(scene.boxes - 1, np.int64) for _ in range(2))
        locked = scene.update == "locked"
        self._gradients = np.zeros((1 if locked else scene.lag, scene.boxes - 1), np.int64)
        self._of_rule: Callable[[int, Row], None] = self._locked if locked else self._lagged

    def tick(self, n: int, row: Row) -> None:
        self._of_rule(n, row)

    def restart(self, n: int, at: int) -> None:
        """Gradients that are still to be taken are sent again, in order."""
        scene = self._scene
        for times in (self.done, self._free_there, self._free_back):
            times[:] = at
        if scene.update == "locked":
            return
        for index in range(max(0, n - scene.lag), n):
            self._free_back += scene.gradient_sending
            self._gradients[index % scene.lag] = self._free_back + scene.row(index).back

    def _lagged(self, n: int, row: Row) -> None:
        """`synthetic`, `local`, `truncated`; and `delayed`, which trains nothing and goes back once it can."""
        scene, work, lag = self._scene, row.work, self._scene.lag
        ready, slot = self.done + work.prepare, n % lag
        late = self.late.gradient[n % self._window]
        late[:] = False
        if n >= lag:
            came = self._gradients[slot]
            late[:-1] = came > ready[:-1]
            np.maximum(ready[:-1], came, out=ready[:-1])
            ready += work.train
        sent = self._forward(ready, row, self.late.state[n % self._window])
        goes_back = n >= scene.delays
        answered = sent + work.synthesize + work.backward * goes_back
        leaves = np.maximum(answered[1:], self._free_back) + scene.gradient_sending
        self._free_back, self._gradients[slot] = leaves, leaves + row.back
        self.done = answered + work.update * goes_back

    def _locked(self, n: int, row: Row) -> None:
        """All forward, then all back, piece by piece."""
        scene, work = self._scene, row.work
        ready = self.done + work.prepare
        for _ in range(scene.pieces):
            ready = self._forward(ready, row, self.late.state[n % self._window])
        for _ in range(scene.pieces):
            hop = (work.backward[1:] + scene.sending + row.back)[::-1]
            own, free = ready[::-1].copy(), self._free_back[::-1]
            own[1:] = np.maximum(own[1:], free + (scene.sending + row.back)[::-1])
            ready = (chained(own, hop) + work.backward[::-1])[::-1]
            self._free_back = np.maximum(ready[1:], self._free_back) + scene.sending
        self.done = ready + work.update

    def _forward(self, ready: Array, row: Row, late: Array) -> Array:
        """[K] when boxes are ready to take their states -> [K] when they put theirs. `late` gets where states were."""
        scene, forward = self._scene, row.work.forward
        way = scene.sending + row.there
        earliest = ready.copy()
        np.maximum(earliest[1:], self._free_there + way, out=earliest[1:])
        begun = chained(earliest, forward[:-1] + way)
        np.greater(begun, ready, out=late)
        sent = begun + forward
        self._free_there = np.maximum(sent[:-1], self._free_there) + scene.sending
        return sent


def chained(own: Array, hop: Array) -> Array:
    """[K] times a_k, [K-1] hops c -> [K] the times S_k = max(a_k, S_k-1 + c_k)."""
    total = np.zeros_like(own)
    np.cumsum(hop, out=total[1:])
    return np.maximum.accumulate(own - total) + total
