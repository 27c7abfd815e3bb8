"""Runs one box's program, request by request: the part that every runtime shares.

A runtime delivers messages to the stepper and calls `advance`; the stepper goes on until it must wait, or is done. It
keeps the clocks: time waited, time worked, emulated work, and the rows of the metrics.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, MutableSequence

import numpy as np

from dni_actors.box.data.probe import Probed
from dni_actors.box.errors import BoxError
from dni_actors.box.time_box import TimeBox
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Arrays
from dni_actors.nn.streams import Stream
from dni_actors.observe.events import Status
from dni_actors.protocol.channel import Channel, Phase, Put, Request, Take, Work
from dni_actors.protocol.cut import BoxCut, restore, take
from dni_actors.protocol.inbox import Inbox
from dni_actors.protocol.layout import layout
from dni_actors.protocol.post import Carry, Message, Post
from dni_actors.protocol.program import Evaluation, evaluate, probe, tick
from dni_actors.protocol.schedule import ahead, bounds, closes_row, evaluates, first_indices, probes, reach, under_way
from dni_actors.runtime.worker.checkpoints import Checkpoints
from dni_actors.runtime.worker.delays import Arrivals, Delay
from dni_actors.runtime.worker.meter import Clock, Meter
from dni_actors.runtime.worker.tracer import Tracer

Story = MutableSequence[tuple[int, int, Request]]
LOOK_EVERY = 0.5  # seconds of emulated work, at most, before a box looks whether it shall stop
DELAYED = (Phase.FORWARD, Phase.BACKWARD, Phase.UPDATE)  # emulated work falls on these, a third each


def nothing(side: int) -> None:
    pass


class Stepper:
    """Box k from a cut, or the beginning, to the run's end. `carry` takes a message to a neighbour's stepper; `poll`
    delivers what has come from the next (+1) or previous (-1) box, without waiting, where messages must be fetched.
    `wait` waits for the message that the box needs, where there is nothing else to do; `advance` returns without it."""

    def __init__(
        self,
        config: RunConfig,
        k: int,
        carry: Carry,
        poll: Callable[[int], None] = nothing,
        wait: Callable[[], None] | None = None,
        cut: BoxCut | None = None,
        story: Story | None = None,
        incarnation: int = 0,
        cuts_at: Collection[int] | None = None,
    ) -> None:
        seed = config.learning.seed
        self.box = TimeBox(config, k)
        self.first = 0 if cut is None else cut.tick
        chunks = self.box.held_out.chunks
        first = first_indices(config, chunks, self.first, k)
        self.inbox = Inbox(k, reach(config, chunks, k), first, ahead(config)[1])
        self.post = Post(self.inbox, bounds(config, chunks, k), layout(config), carry, incarnation)
        if cut is not None:
            restore(self.box, self.inbox, self.post, cut)
        self._seconds = 0.0 if cut is None else cut.seconds
        self._incarnation = incarnation
        self._checkpoints, self._tracer = Checkpoints(config, k, cuts_at), Tracer(config, incarnation)
        self.halted = False
        """`advance` returns soon, and gets nowhere any more"""
        self.tick = self.first
        self.done = False
        self._phase: str = "starting"
        self._config = config
        self._poll, self._wait = poll, wait
        self._story = deque(maxlen=8) if story is None else story
        link = Delay(*config.link_delay, seed, Stream.LINK_DELAY)
        self._slow_link, self._dtype = link.high > 0, config.chain.precision
        self._arrivals = Arrivals(k, link, config.lag, self._admit)
        self._begun = self.first  # the newest tick that has begun
        self._heavy = Delay(*config.compute_delay, seed, Stream.COMPUTE_DELAY)
        self._overslept = 0.0  # seconds
        self._evaluations: deque[Evaluation] = deque()
        self._probes: deque[Probed] = deque()
        self._script = self._run()
        self._turns = 0
        self._request: Request | None = None  # None: the script has not been started

    def begin(self, clock: Clock) -> None:
        """The run begins: once, before the first `advance`."""
        self._meter = Meter(self._config, self.box.index, self.first, clock, self._seconds, self._incarnation)
        self._tracer.begin(self.first)
        if self.first:  # for what was under way
            for direction in (1,) * self.box.has_right + (-1,) * (self.box.state_lag > 0):
                self.post.greet(direction)

    def deliver(self, message: Message) -> None:
        """A message for this box; in the thread that advances it."""
        if not self.post.receive(message):
            return
        if self._slow_link:
            self._arrivals.add(message)
        else:
            self._admit(message, self._begun, time.perf_counter())

    def _admit(self, message: Message, at_tick: int, at: float) -> None:
        if message.index >= self.inbox.first[message.channel]:
            self._tracer.arrived(message.channel, message.index, at)
        self.post.admit(message, at_tick, self._dtype)

    def ask(self) -> None:
        """The box has waited for long: asks for what it waits for, if that is not on its way here."""
        if isinstance(self._request, Take) and not self._arrivals.expects(self._request):
            self.post.ask(self._request)

    @property
    def state(self) -> str:
        """What the box does: a phase, `wait State 7`, or `done`."""
        if self.done:
            return "done"
        request = self._request
        if isinstance(request, Take) and not self.inbox.holds(request):
            return f"wait {request.channel} {request.index}"
        return self._phase

    @property
    def ready(self) -> bool:
        """Whether `advance` would get anywhere."""
        if not isinstance(self._request, Take):
            return not self.done
        return self._came(self._request)

    @property
    def side(self) -> int:
        """From where the box waits for a message: the next (+1) or the previous (-1) box."""
        return -self._request.channel.direction if isinstance(self._request, Take) else 1

    @property
    def next_due(self) -> float | None:
        """Seconds until a message that an emulated link holds back arrives; None if there is none."""
        return self._arrivals.next_due

    def advance(self, most: float = math.inf) -> None:
        """Answers requests until the program must wait, is done, or `most` of them are answered.

        Raises BoxError: whatever goes wrong inside, with the box, the tick and the story.
        """
        self._meter.run(True)
        try:
            with np.errstate(all="ignore"):  # what overflows is caught as such, by name (NonFiniteError)
                self._answer(most)
        except BoxError as error:
            error.story = error.story or tuple(self.story)
            raise
        except Exception as error:
            raise BoxError(self.box.index, self.tick, f"{type(error).__name__}: {error}", self.story) from error
        finally:
            self._meter.run(False)

    def _answer(self, most: float) -> None:
        request = self._request
        while most > 0 and not self.halted:
            most -= 1
            try:
                if isinstance(request, Take):
                    if not (self._came(request) or self._comes(request)):
                        self._meter.wait(request.channel)
                        self._tracer.wait(request)
                        if self._wait is not None:
                            self._wait()
                        if not self._came(request):
                            return
                    arrived = self.inbox.take(request)
                    if arrived.mark:
                        self._checkpoints.marked(self.tick)
                    self._meter.took(request, self.tick - arrived.at_tick, arrived.arrays)
                    self._tracer.took(request)
                    request = self._script.send(arrived.arrays)
                else:
                    if isinstance(request, Put):
                        began = time.perf_counter()
                        self.post.put(request, self._checkpoints.marks and request.channel is Channel.STATE)
                        self._tracer.put(request, began)
                    elif isinstance(request, Work):
                        self._phase = request.phase
                        self._meter.work(request.phase)
                        self._tracer.work(request.phase)
                        if self._heavy.high and request.phase in DELAYED:
                            self._labour(request.phase)
                    request = next(self._script)
            except StopIteration:
                self.done = True
                return
            self._request = request
            self._turns += 1
            self._story.append((self.box.index, self.tick, request))

    def _came(self, take: Take) -> bool:
        if self._slow_link:
            self._arrivals.move()
        return self.inbox.holds(take)

    def _comes(self, take: Take) -> bool:
        self._poll(-take.channel.direction)
        return self._came(take)

    def _labour(self, phase: Phase) -> None:
        pieces = 1 if phase is Phase.UPDATE else self._config.learning.micro_batches
        seconds = self._heavy.draw(self.tick, self.box.index) / len(DELAYED) / pieces
        self._meter.delayed(seconds)
        # What one sleep is too long is taken off the next: emulated work lasts as long as it says.
        until = time.perf_counter() + seconds - self._overslept
        while (left := until - time.perf_counter()) > 0 and not self.halted:
            time.sleep(min(left, LOOK_EVERY))
        self._overslept = time.perf_counter() - until

    def _run(self) -> Generator[Request, Arrays, None]:
        config, box = self._config, self.box
        for n in range(self.first, config.ticks + 1):
            self._tracer.between(n)
            if evaluates(config, n):
                self._meter.train(False)
                evaluation = yield from evaluate(box, n)
                if evaluation is not None:
                    self._evaluations.append(evaluation)
                self._meter.train(True)
            if probes(config, n):
                self._meter.train(False)
                agreement = yield from probe(box, n)
                if agreement is not None:
                    error, cosine, norm_ratio = agreement
                    self._probes.append(Probed(n, box.index, self._incarnation, cosine, error, norm_ratio))
                self._meter.train(True)
            self._tracer.tick()
            if n < config.ticks:
                self._poll(1)  # gradients that came by now came in the tick before
                if self._slow_link:
                    self._arrivals.begin(n)
                self._begun = n
                self._checkpoints.begin(n)
                self.inbox.skip(Channel.SCORE, (n + 1) * box.held_out.chunks)
                yield from tick(box, n)
                self._tracer.ticked()
                cuts = self._checkpoints.after(n)
                closes = cuts or closes_row(config, n)
                if closes:
                    box.verify(n)
                self.tick = n + 1
                self._meter.ticked(n, box.tally, box.parity(), closes)
                if cuts:
                    self._cut()

    @property
    def story(self) -> list[str]:
        """The last requests, oldest first."""
        return [f"{request}, tick {tick}" for _, tick, request in self._story]

    def _cut(self) -> None:
        """Puts the box's part of the cut aside at which it stands."""
        began = time.perf_counter()
        first = under_way(self._config, self.box.held_out.chunks, self.tick, self.box.index)
        self._checkpoints.keep(take(self.box, self.post, self.tick, first, self._meter.seconds), began)

    def status(self) -> Status:
        """How the box stands, and what is new since the last call; from any thread."""
        done = self.done  # read first: once done, nothing is added any more
        cuts = self._checkpoints.new()  # then these: what came before them goes along
        return Status(
            box=self.box.index,
            tick=self.tick,
            state=self.state,
            turns=self._turns,
            seconds=self._meter.seconds,
            elapsed=self._meter.elapsed,
            steady_rate=self._meter.steady_rate,
            cpu_seconds=self._meter.cpu_seconds,
            delay_seconds=self._meter.delay_seconds,
            rows=self._meter.new_rows(),
            evaluations=tuple(self._evaluations.popleft() for _ in range(len(self._evaluations))),
            probes=tuple(self._probes.popleft() for _ in range(len(self._probes))),
            cuts=cuts,
            trace=self._tracer.new(),
            cut_seconds=self._checkpoints.seconds,
            messages=tuple(self.post.counts.items()),
            sent=self.post.sent,
            sent_bytes=self.post.sent_bytes,
            waiting=self.inbox.waiting,
            unanswered=max(0, self.inbox.unanswered),
            strip=self._meter.strip(),
            digest=self.box.digest() if done else None,
        )
