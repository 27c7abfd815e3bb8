"""Watches the boxes of a run while they work: who is lost, who is only slow, and whether nothing moves any more."""

import time
from collections.abc import Iterator

from dni_actors.box.errors import BoxDiedError, BoxError
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Status
from dni_actors.protocol.layout import on_the_line
from dni_actors.runtime import limits
from dni_actors.runtime.driver.actors import Actors, Deaths

STATUS_EVERY = 0.25  # seconds between two questions to a box ...
STATUS_RATE = 64  # ... or longer, so that there are no more than these a second in all


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
        self._slowness = config.compute_delay[1] + config.link_delay[1] + sum(on_the_line(config))

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
        yield from self._heard(limits.LAST_WORDS_WITHIN, failures)

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
        found = [
            BoxDiedError(
                k, self.ticks[k], f"its process hangs, silent for {limits.SILENT_AFTER:.0f} s, in: {self._states[k]}"
            )
            for k in self._actors.silent(limits.SILENT_AFTER)
        ]
        for k, state in ((k, self._states[k]) for k in self._fresh):  # who was heard just now: it may be us who slept
            usual = limits.STUCK_AFTER if self.ticks[k] > self._first else 4 * limits.STUCK_AFTER
            patience = max(usual, limits.SLOWER * self._longest[k]) + self._slowness
            at_work = not state.startswith("wait") and state not in ("done", "starting")
            if at_work and now - self._moved[k] > patience:
                found.append(BoxDiedError(k, self.ticks[k], f"its loop hangs, for {patience:.0f} s, in: {state}"))
        return found

    def _stalled(self) -> list[BoxError]:
        """Nothing comes through any more if every box waits and none has moved for long, for all their asking."""
        patience = limits.STALLED_AFTER + self._slowness
        if time.monotonic() - max(self._moved) < patience:
            return []
        if not all(state.startswith("wait") or state == "done" for state in self._states):
            return []
        k = next(k for k, state in enumerate(self._states) if state != "done")
        waits = "; ".join(f"box {k}: {state}" for k, state in enumerate(self._states))
        problem = f"nothing has moved for {patience:.0f} s ({waits})"
        return [BoxError(k, self.ticks[k], f"{problem}; check the network between the nodes")]
