"""All boxes in this process: resumes whichever program has its message. The oracle of every other runtime."""

import os
import random
import socket
import time
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from dni_actors.box.errors import BoxError, DeadlockError, RuntimeUnavailableError
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Event, Place, Started, Status
from dni_actors.protocol.cut import BoxCut, Cuts
from dni_actors.protocol.post import Message
from dni_actors.runtime import Runtime
from dni_actors.runtime.kernels import describe_kernels, require_kernels, single_blas_thread
from dni_actors.runtime.worker.delays import SlowLink
from dni_actors.runtime.worker.stepper import Stepper, Story
from dni_actors.runtime.worker.timeline import Clock

REPORT_EVERY = 0.1  # seconds
ASKS = 100  # times that boxes ask for what they wait for, before the chain is called dead


@contextmanager
def started() -> Iterator[Runtime]:
    """See the package's docstring."""
    yield Runtime(run, cores=1)


def run(config: RunConfig, cuts: Cuts | None = None) -> Generator[Event]:
    """See the package's docstring."""
    require_kernels(config)
    begun = None if cuts is None else cuts.newest()
    kernels, node = describe_kernels(), socket.gethostname()
    with single_blas_thread():
        try:
            chain = Chain(config, cuts=begun)
        except MemoryError as error:
            problem = "this chain does not fit into memory; lower --hidden, --batch or --lag"
            raise RuntimeUnavailableError(problem) from error
        yield Started(tuple(Place(k, os.getpid(), node, "inline", kernels) for k in range(config.boxes)), chain.first)
        reported = time.perf_counter()
        try:
            for _ in chain.turns():
                if time.perf_counter() - reported > REPORT_EVERY:
                    yield from chain.statuses()
                    reported = time.perf_counter()
        except (BoxError, KeyboardInterrupt):
            yield from chain.statuses()
            raise
        yield from chain.statuses()


class Chain:
    """The boxes of a run and the messages between them.

    `schedule`: a source of randomness that picks which box goes on, one request at a time; without it each box goes on
    as far as it can. `cuts`: where to go on from, one for each box. `story`: a list that takes every request made.
    `cuts_at`: ticks before which a cut comes, instead of those that the configuration asks for.
    """

    def __init__(
        self,
        config: RunConfig,
        schedule: random.Random | None = None,
        cuts: Sequence[BoxCut] | None = None,
        story: Story | None = None,
        incarnation: int = 0,
        cuts_at: Collection[int] | None = None,
    ) -> None:
        self._schedule = schedule
        self.steppers = [
            Stepper(
                config,
                k,
                partial(self._send, k),
                partial(self._release, k),
                cut=cuts[k] if cuts else None,
                story=story,
                incarnation=incarnation,
                cuts_at=cuts_at,
            )
            for k in range(config.boxes)
        ]
        self.first = self.steppers[0].first
        slow = config.slow_links
        self._links = [SlowLink(config, k, stepper.deliver) for k, stepper in enumerate(self.steppers) if slow]
        clock = Clock(shared=True)
        for stepper in self.steppers:
            stepper.begin(clock)

    def _send(self, k: int, direction: int, message: Message) -> None:
        self.carry(k, direction, message)

    def _release(self, k: int, side: int) -> None:
        if self._links:
            self._links[k].release()

    def carry(self, k: int, direction: int, message: Message) -> None:
        """The wire: from box k to the next (+1) or the previous (-1)."""
        there = (k + direction) % len(self.steppers)  # a ring's ends meet
        (self._links[there].add if self._links else self.steppers[there].deliver)(message)

    def turns(self) -> Iterator[None]:
        """Runs to the end; yields after each turn of a box."""
        while waiting := [stepper for stepper in self.steppers if not stepper.done]:
            for link in self._links:
                link.release()
            ready = [stepper for stepper in waiting if stepper.ready]
            if not ready:
                self._pause(waiting)
            elif self._schedule is not None:
                self._schedule.choice(ready).advance(most=1)
                yield
            else:
                for stepper in ready:
                    stepper.advance()
                    yield

    def run(self) -> list[str]:
        """Runs to the end; the boxes' digests."""
        for _ in self.turns():
            pass
        return [stepper.box.digest() for stepper in self.steppers]

    def statuses(self) -> list[Status]:
        return [stepper.status() for stepper in self.steppers]

    def cuts(self) -> list[BoxCut]:
        """The newest cut of the finished chain, one part for each box."""
        return [stepper.status().cuts[-1] for stepper in self.steppers]

    def _pause(self, waiting: list[Stepper]) -> None:
        """Nobody could go on a moment ago: sleeps until an emulated link lets a message through, or asks for it."""
        for stepper in waiting:
            stepper.advance()  # notes that it waits, and for what
        if any(stepper.done for stepper in waiting):
            return  # what it waited for came between two looks
        due = [link.next_due for link in self._links if link.next_due is not None]
        if due:
            time.sleep(min(due))
            return
        for _ in range(ASKS):
            if any(stepper.ready for stepper in waiting):
                return
            for stepper in waiting:
                stepper.ask()  # nothing comes by itself any more: what is missing was lost
        stories = "; ".join(f"box {s.box.index} {s.state}" for s in waiting)
        raise DeadlockError(waiting[0].box.index, waiting[0].tick, f"every box waits: {stories}", waiting[0].story)
