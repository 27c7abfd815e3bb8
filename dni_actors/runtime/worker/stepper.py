"""Runs one box's program, request by request: the part that every runtime shares.

A runtime delivers messages to the stepper and calls `advance`; the stepper goes on until it must wait, or is done. The
program says what comes when (protocol/program.py); the stepper keeps the box's clocks, its trace and its cuts.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Collection, MutableSequence

import numpy as np

from dni_actors.box.data.probe import Probed
from dni_actors.box.errors import BoxError
from dni_actors.box.time_box import TimeBox
from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.nn.streams import Stream
from dni_actors.observe.events import Status
from dni_actors.protocol.channel import At, Channel, Found, Phase, Point, Put, Request, Step, Take, Work
from dni_actors.protocol.cut import BoxCut, restore, take
from dni_actors.protocol.inbox import Inbox
from dni_actors.protocol.layout import layout
from dni_actors.protocol.post import Carry, Message, Post
from dni_actors.protocol.program import Compared, Evaluation, run
from dni_actors.protocol.schedule import ahead, bounds, first_indices, reach, under_way
from dni_actors.runtime.worker.checkpoints import Checkpoints
from dni_actors.runtime.worker.delays import Delay
from dni_actors.runtime.worker.meter import Meter
from dni_actors.runtime.worker.timeline import Clock
from dni_actors.runtime.worker.tracer import Tracer

Story = MutableSequence[tuple[int, int, Step]]
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
        self._config, self._dtype = config, config.chain.precision
        self._poll, self._wait = poll, wait
        self._story = deque(maxlen=8) if story is None else story
        self._begun = self.first  # the newest tick that has begun
        self._heavy = Delay(*config.compute_delay, config.learning.seed, Stream.COMPUTE_DELAY)
        self._overslept = 0.0  # seconds
        self._evaluations: deque[Evaluation] = deque()
        self._probes: deque[Probed] = deque()
        self._program = run(self.box, config, self.first)
        self._turns = 0
        self._request: Request | None = None  # None: the program has not been started

    def begin(self, clock: Clock) -> None:
        """The run begins: once, before the first `advance`."""
        self._meter = Meter(
            self._config, self.box.index, self.first, clock, self._seconds, self._incarnation, self._tracer.spans
        )
        self._tracer.start(self.first)
        if self.first:  # for what was under way
            for direction in (1,) * self.box.has_right + (-1,) * (self.box.state_lag > 0):
                self.post.greet(direction)

    def deliver(self, message: Message) -> None:
        """A message for this box; in the thread that advances it."""
        if self.post.receive(message):
            if message.index >= self.inbox.first[message.channel]:
                self._tracer.arrived(message.channel, message.index, time.perf_counter())
            self.post.admit(message, self._begun, self._dtype)

    def ask(self) -> None:
        """The box has waited for long: asks for what it waits for."""
        if isinstance(self._request, Take):
            self.post.ask(self._request)

    @property
    def state(self) -> str:
        """What the box does: a phase, `wait State 7`, or `done`."""
        if self.done:
            return "done"
        request = self.waits_for
        return self._phase if request is None else f"wait {request.channel} {request.index}"

    @property
    def waits_for(self) -> Take | None:
        """The message without which the box cannot go on; None if it can."""
        request = self._request
        return request if isinstance(request, Take) and not self.inbox.holds(request) else None

    @property
    def ready(self) -> bool:
        """Whether `advance` would get anywhere."""
        return not self.done and self.waits_for is None

    @property
    def side(self) -> int:
        """From where the box waits for a message: the next (+1) or the previous (-1) box."""
        return -self._request.channel.direction if isinstance(self._request, Take) else 1

    def advance(self, most: float = math.inf) -> None:
        """Answers requests until the program must wait, is done, or `most` of them are answered.

        Raises BoxError: whatever goes wrong inside, with the box, the tick and the story.
        """
        self._meter.run(True)
        try:
            with np.errstate(all="ignore"):  # what overflows is caught as such, by name (NonFiniteError)
                self._go_on(most)
        except BoxError as error:
            error.story = error.story or tuple(self.story)
            raise
        except ConfigError as error:  # what a task draws is seen in its tick
            raise BoxError(self.box.index, self.tick, str(error)) from error
        except Exception as error:
            raise BoxError(self.box.index, self.tick, f"{type(error).__name__}: {error}", self.story) from error
        finally:
            self._meter.run(False)

    def _go_on(self, most: float) -> None:
        while most > 0 and not self.halted:
            most -= 1
            request = self._request
            if isinstance(request, Take) and not self._comes(request):
                return
            try:
                self._request = self._program.send(self._answer(request))
            except StopIteration:
                self._meter.settle()
                self.done = True
                return
            self._turns += 1
            if isinstance(self._request, (Take, Put, Work)):
                self._story.append((self.box.index, self.tick, self._request))

    def _comes(self, take: Take) -> bool:
        """Whether the message is there, after a look, and after a wait where one may wait."""
        if self.inbox.holds(take):
            return True
        self._poll(-take.channel.direction)
        if self.inbox.holds(take):
            return True
        self._meter.wait(take.channel)
        if self._wait is not None:
            self._wait()
        return self.inbox.holds(take)

    def _answer(self, request: Request | None) -> object:
        """Does what the program asks for; what it is to be sent."""
        if isinstance(request, Work):  # the most of them
            self._phase = request.phase
            self._meter.work(request.phase)
            if self._heavy.high and request.phase in DELAYED:
                self._labour(request.phase)
        elif isinstance(request, Take):
            arrived = self.inbox.take(request)
            if arrived.mark:
                self._checkpoints.marked(self.tick)
            self._meter.took(request.channel, self.tick - arrived.at_tick, arrived.contents)
            self._tracer.took(request)
            return arrived.contents
        elif isinstance(request, Put):
            began = time.perf_counter()
            self.post.put(request, self._checkpoints.marks and request.channel is Channel.STATE)
            self._tracer.put(request, began)
        elif isinstance(request, At):
            return self._at(request.point, request.tick)
        elif isinstance(request, Found):
            self._found(request.what)
        return None

    def _at(self, point: Point, n: int) -> bool:
        """Whether a cut lies after the tick that ends."""
        box = self.box
        if point is Point.BETWEEN:
            self._meter.between(n)
        elif point is Point.BEGIN:
            self._poll(1)  # gradients that came by now came in the tick before
            self._begun = n
            self._checkpoints.begin(n)
            self.inbox.skip(Channel.SCORE, (n + 1) * box.held_out.chunks)
            self._tracer.begin(self._meter.begin(n))
        elif point is Point.END:
            self.tick = n + 1
            self._tracer.end(self._meter.end(n, box.parity()))
            return self._checkpoints.after(n)
        elif point is Point.ROW:
            self._meter.close_row(n, box.tally)
        else:
            began = time.perf_counter()
            first = under_way(self._config, box.held_out.chunks, n, box.index)
            self._checkpoints.keep(take(box, self.post, n, first, self._meter.seconds), began)
        return False

    def _found(self, what: object) -> None:
        if isinstance(what, Evaluation):
            self._evaluations.append(what)
        elif isinstance(what, Compared):
            error, cosine, norm_ratio = what.agreement
            self._probes.append(Probed(what.tick, self.box.index, self._incarnation, cosine, error, norm_ratio))

    def _labour(self, phase: Phase) -> None:
        pieces = 1 if phase is Phase.UPDATE else self._config.learning.micro_batches
        seconds = self._heavy.draw(self.tick, self.box.index) / len(DELAYED) / pieces
        self._meter.delayed(seconds)
        # What one sleep is too long is taken off the next: emulated work lasts as long as it says.
        until = time.perf_counter() + seconds - self._overslept
        while (left := until - time.perf_counter()) > 0 and not self.halted:
            time.sleep(min(left, LOOK_EVERY))
        self._overslept = time.perf_counter() - until

    @property
    def story(self) -> list[str]:
        """The last requests, oldest first."""
        return [f"{request}, tick {tick}" for _, tick, request in self._story]

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
