"""The Ray runtime: starts the boxes, watches them, and takes all of them to the last complete cut when one is lost.

One act serves every fault: a box that died or hangs is started again (anywhere), the run's incarnation goes up, and
every box, dead or alive, goes on from the last complete cut; messages of an earlier incarnation are dropped. The lag
would have stopped the others soon, so what is done again is a few seconds' work, and it comes to the same bits.
"""

import os
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial

from dni_actors.box.errors import BoxDiedError, BoxError
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Event, Lost, Started, Status, Warned
from dni_actors.protocol.cut import Cuts, NoCuts
from dni_actors.runtime import Runtime
from dni_actors.runtime.driver.actors import Actors, Deaths
from dni_actors.runtime.driver.cluster import Room, cluster

STATUS_EVERY = 0.25  # seconds between two questions to a box ...
STATUS_RATE = 64  # ... or longer, so that there are no more than these a second in all
LAST_WORDS_WITHIN = 1.0  # seconds that the other boxes get to report when a run is cut short
STALLED_AFTER = 60.0  # seconds in which no box that waits gets on
SILENT_AFTER = 10.0  # seconds without an answer: its process hangs, for the thread that answers does nothing else
STUCK_AFTER = 30.0  # seconds in one step of its program, waiting for nothing: its loop hangs, unless it is a slow one;
SLOWER = 20  # then a step before took a fair part of this time, or it is the first tick, where all is slower
BACK_OFF = 30.0  # seconds, at most, before a box is started again that dies whenever it is


@contextmanager
def started(config: RunConfig) -> Iterator[Runtime]:
    """See the package's docstring."""
    with cluster(config) as room:
        yield Runtime(partial(run, room), cores=room.cpus * config.boxes)


def run(room: Room, config: RunConfig, cuts: Cuts | None = None) -> Generator[Event]:
    kept: Cuts = cuts or NoCuts()
    cut = kept.newest()
    actors, mending = Actors(config, room), Mending(config.execution.max_restarts)
    told = False  # what to be cautious about
    try:
        while True:
            first = cut[0].tick if cut else 0
            watch = Watch(config, actors, first)
            try:
                yield from actors.begin()
                if not (room.private or told):
                    told = True
                    yield from cautions(room, actors, kept.marker)
                yield Started(actors.stand(cut), first)
                yield from watch.statuses()
                return
            except Deaths as deaths:
                actors.hold()
                pause = 0.0
                for error in deaths.errors:
                    at = BoxDiedError(error.box, watch.ticks[error.box], error.cause)
                    pause = max(pause, mending.lost(at, first))
                    yield Lost(error.box, at.cause)
                time.sleep(pause)
                for error in deaths.errors:
                    actors.replace(error.box)
                cut = kept.newest()
    finally:
        actors.end()


def cautions(room: Room, actors: Actors, marker: str | None) -> Iterator[Warned]:
    """What one should know of this cluster. Nodes that do not see the marker do not have the run's folder."""
    if not room.guarded:
        told = "the cluster asks for no token: whoever reaches it can run code on its nodes"
        yield Warned(f"{told}; set RAY_AUTH_MODE=token where Ray is started (docs/security.md)")
    blind = [] if marker is None else actors.blind(marker)
    if marker is not None and blind:
        others = f"{blind[0]} and {len(blind) - 1} more nodes do" if len(blind) > 1 else f"node {blind[0]} does"
        told = f"{others} not see {os.path.dirname(marker)}: cuts and result are kept on the driver's node alone"
        yield Warned(f"{told}, and lost with it; --storage on a shared disk, or s3://..., outlives every node")


class Mending:
    """How often boxes were lost, and whether it is worth while to go on."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._losses: Counter[int] = Counter()
        self._in_vain: Counter[int] = Counter()
        self._stood_at = -1

    def lost(self, error: BoxDiedError, tick: int) -> float:
        """Box lost in a chain that had gone on from `tick`: seconds to wait before it is started again.

        Raises the error when it was lost too often.
        """
        if tick > self._stood_at:  # there was progress since the last loss
            self._in_vain.clear()
        self._stood_at = tick
        self._losses[error.box] += 1
        if self._losses[error.box] > self._most:
            again = f"restarts left: 0 of {self._most} (--max-restarts)"
            told = f"{error.cause}; {again}; the same command with --resume goes on from the last complete cut"
            raise BoxDiedError(error.box, error.tick, told)
        self._in_vain[error.box] += 1
        vain = self._in_vain[error.box] - 1
        return min(BACK_OFF, 2.0 ** (vain - 1)) if vain else 0.0


class Watch:
    """Asks the boxes how they stand, from one start of theirs to the run's end or the next loss."""

    def __init__(self, config: RunConfig, actors: Actors, first: int) -> None:
        boxes = config.boxes
        self._actors, self._everyone, self._first = actors, set(range(boxes)), first
        self.ticks = [first] * boxes
        self._states, self._turns = ["starting"] * boxes, [0] * boxes
        self._moved = [time.monotonic()] * boxes  # when a box was last seen to get on
        self._longest = [0.0] * boxes  # seconds that a box once took to get on
        self._fresh: set[int] = set()  # boxes that were heard in this round
        self._slowness = config.compute_delay[1] + config.link_delay[1]

    def statuses(self) -> Iterator[Status]:
        """Until all boxes are done. BoxError when one cannot go on: then, and on Ctrl-C, the others' last words come
        first. Deaths when processes are gone, or hang."""
        interval = max(STATUS_EVERY, len(self._everyone) / STATUS_RATE)
        done: set[int] = set()
        failures: list[BoxError] = []
        self._moved = [time.monotonic()] * len(self._everyone)
        try:
            while done != self._everyone and not failures:
                self._fresh.clear()
                self._actors.ask(self._everyone)  # one that is done is still needed: it hears so
                next_round = time.monotonic() + interval
                for status in self._heard(interval, failures):
                    if status.box not in done:
                        yield status
                    if status.digest is not None:
                        done.add(status.box)
                failures += self._hanging() or self._stalled()
                time.sleep(max(0.0, next_round - time.monotonic()))
        except KeyboardInterrupt:
            yield from self._last_words(done, failures)
            raise
        dead = [error for error in failures if isinstance(error, BoxDiedError)]
        if dead:
            raise Deaths(dead)  # which explains the others' failures
        if failures:
            yield from self._last_words(done | {error.box for error in failures}, failures)
            raise min(failures, key=lambda e: (e.tick, -e.box))  # the earliest explains the rest

    def _last_words(self, silent: set[int], failures: list[BoxError]) -> Iterator[Status]:
        self._actors.ask(self._everyone - silent)
        yield from self._heard(LAST_WORDS_WITHIN, failures)

    def _heard(self, timeout: float, failures: list[BoxError]) -> Iterator[Status]:
        for answer in self._actors.answers(timeout):
            if isinstance(answer, BoxDiedError):
                failures.append(answer)
                continue
            self._note(answer)
            if answer.error is not None:
                failures.append(answer.error)
            yield answer

    def _note(self, status: Status) -> None:
        k, now = status.box, time.monotonic()
        if (status.state, status.turns) != (self._states[k], self._turns[k]):
            if not self._states[k].startswith("wait") and self._states[k] != "starting":
                self._longest[k] = max(self._longest[k], now - self._moved[k])
            self._moved[k] = now
        self._fresh.add(k)
        self.ticks[k], self._states[k], self._turns[k] = status.tick, status.state, status.turns

    def _hanging(self) -> list[BoxDiedError]:
        """Boxes whose process does not answer, or whose loop does not turn though it waits for nothing."""
        now = time.monotonic()
        told = [
            BoxDiedError(k, self.ticks[k], f"its process hangs, silent for {SILENT_AFTER:.0f} s, in: {self._states[k]}")
            for k in self._actors.silent(SILENT_AFTER)
        ]
        for k, state in ((k, self._states[k]) for k in self._fresh):  # who was heard just now: it may be us who slept
            usual = STUCK_AFTER if self.ticks[k] > self._first else 4 * STUCK_AFTER
            patience = max(usual, SLOWER * self._longest[k]) + self._slowness
            at_work = not state.startswith("wait") and state not in ("done", "starting")
            if at_work and now - self._moved[k] > patience:
                told.append(BoxDiedError(k, self.ticks[k], f"its loop hangs, for {patience:.0f} s, in: {state}"))
        return told

    def _stalled(self) -> list[BoxError]:
        """Nothing comes through any more if every box waits and none has moved for long, for all their asking."""
        patience = STALLED_AFTER + self._slowness
        if time.monotonic() - max(self._moved) < patience:
            return []
        if not all(state.startswith("wait") or state == "done" for state in self._states):
            return []
        k = next(k for k, state in enumerate(self._states) if state != "done")
        waits = "; ".join(f"box {k}: {state}" for k, state in enumerate(self._states))
        told = f"nothing has moved for {patience:.0f} s ({waits})"
        return [BoxError(k, self.ticks[k], f"{told}; check the network between the nodes")]
