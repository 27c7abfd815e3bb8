"""Every course that a small chain can take: which box goes on, which message comes, is lost, comes twice or comes late.

A box is its real inbox and its real post. Its program is the requests that the inline runtime saw it make; in place of
numbers, a box puts a hash of all that it has taken. A link is a queue. So the chain's state is small and can be copied,
compared and kept: the explorer goes depth-first from the beginning through all that can happen, and never twice through
the same state.
"""

import copy
from collections import deque
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import numpy as np

from dni_actors.config.run import RunConfig
from dni_actors.protocol.channel import Channel, Put
from dni_actors.protocol.inbox import Inbox
from dni_actors.protocol.layout import contents_of
from dni_actors.protocol.post import Message, Post
from dni_actors.protocol.schedule import ahead, bounds, first_indices, reach
from dni_actors.runtime.inline import Chain
from tests.tiny import states

CHANNELS = (Channel.STATE, Channel.GRADIENT)  # of training; evaluations and probes lie between ticks


class Box:
    """Inbox and post of box k, where it stands in its program, and a hash of what it has taken."""

    def __init__(self, config: RunConfig, k: int) -> None:
        self.k, self.at, self.value = k, 0, k
        self.sent: list[tuple[int, Message]] = []
        self.inbox = Inbox(k, reach(config, 1, k), first_indices(config, 1, 0, k), ahead(config)[1])
        self.post = Post(self.inbox, bounds(config, 1, k), states((), "int64"), self._carry)

    def _carry(self, direction: int, message: Message) -> None:
        self.sent.append((direction, message))

    def go_on(self, request: Any) -> None:
        """Answers its next request."""
        self.at += 1
        if isinstance(request, Put):
            fields = [np.array(self.value), *[None] * (len(request.contents) - 1)]
            self.post.put(Put(request.channel, request.index, contents_of(request.channel, fields)))
        else:
            self.value = hash((self.value, int(self.inbox.take(request).contents[0])))

    def deliver(self, message: Message) -> None:
        if self.post.receive(message):
            self.post.admit(message, 0, "int64")
        assert not self.post.counts["far ahead"], f"box {self.k} got a message beyond its bounds: {message}"


class State(NamedTuple):
    """Of the chain. Boxes and messages are numbered."""

    boxes: tuple[int, ...]
    links: tuple[tuple[int, ...], ...]
    """of box k, 2 k: to the one before, 2 k + 1: to the next one"""
    faults: int
    """that may still come"""


class Explorer:
    """All courses of a chain, with so many faults at most."""

    def __init__(self, config: RunConfig, faults: int) -> None:
        story: list = []
        Chain(config, story=story).run()
        self._programs = [
            [r for k, _, r in story if k == box and getattr(r, "channel", None) in CHANNELS]
            for box in range(config.boxes)
        ]
        self._numbers: dict[Hashable, int] = {}
        self._things: list = []  # by number: a box, as it stands; or a message
        self._steps: dict[tuple, tuple[int, list[tuple[int, int]]]] = {}
        self.begin = State(
            tuple(self._number(Box(config, k)) for k in range(config.boxes)), ((),) * (2 * config.boxes), faults
        )

    def explore(self) -> dict[State, list[State]]:
        """Every state that can come, and what can come before it."""
        before: dict[State, list[State]] = {self.begin: []}
        left = [self.begin]
        while left:
            state = left.pop()
            for after in self.following(state):
                if after not in before:
                    before[after] = []
                    left.append(after)
                before[after].append(state)
        return before

    def following(self, state: State) -> Iterator[State]:
        """All that can happen next."""
        if self.ended(state):
            return
        at_work = [(k, box) for k, box in enumerate(state.boxes) if self._request(box) is not None]
        at_rest = not any(state.links) and not any(self._ready(box) for _, box in at_work)
        for k, box in at_work:
            if self._ready(box):
                yield self._after(state, k, "goes on")
            elif at_rest:  # nothing comes by itself any more
                yield self._after(state, k, "asks")
            elif state.faults:  # too early
                yield self._after(state, k, "asks")._replace(faults=state.faults - 1)
        for link, (first, *rest) in ((i, queue) for i, queue in enumerate(state.links) if queue):
            to = (link // 2 + (1 if link % 2 else -1)) % len(state.boxes)
            shorter = self._with(state, link, tuple(rest))
            yield self._after(shorter, to, first)
            if state.faults:
                yield shorter._replace(faults=state.faults - 1)  # lost
                yield self._after(state, to, first)._replace(faults=state.faults - 1)  # will come again
                if rest:
                    yield self._with(state, link, (*rest, first))._replace(faults=state.faults - 1)  # late

    def ended(self, state: State) -> bool:
        return all(self._request(box) is None for box in state.boxes)

    def values(self, state: State) -> tuple[int, ...]:
        """By box: the hash of all that it has taken."""
        return tuple(self._things[box].value for box in state.boxes)

    def _request(self, box: int) -> Any:
        one = self._things[box]
        program = self._programs[one.k]
        return program[one.at] if one.at < len(program) else None

    def _ready(self, box: int) -> bool:
        request = self._request(box)
        return isinstance(request, Put) or self._things[box].inbox.holds(request)

    def _after(self, state: State, k: int, event: str | int) -> State:
        """Box k goes on, asks, or gets a message."""
        box = state.boxes[k]
        if (box, event) not in self._steps:
            self._steps[box, event] = self._step(box, event)
        changed, sent = self._steps[box, event]
        links = list(state.links)
        for direction, message in sent:
            links[2 * k + (direction > 0)] += (message,)
        return state._replace(boxes=(*state.boxes[:k], changed, *state.boxes[k + 1 :]), links=tuple(links))

    def _step(self, box: int, event: str | int) -> tuple[int, list[tuple[int, int]]]:
        one = copy.deepcopy(self._things[box])
        if event == "goes on":
            one.go_on(self._request(box))
        elif event == "asks":
            one.post.ask(self._request(box))
        else:
            one.deliver(self._things[event])
        sent = [(direction, self._number(message)) for direction, message in one.sent]
        one.sent.clear()
        one.post.counts.clear()
        return self._number(one), sent

    def _with(self, state: State, link: int, queue: tuple[int, ...]) -> State:
        return state._replace(links=(*state.links[:link], queue, *state.links[link + 1 :]))

    def _number(self, thing: Box | Message) -> int:
        """Equal ones get the same."""
        number = self._numbers.setdefault(plain(thing), len(self._things))
        if number == len(self._things):
            self._things.append(thing)
        return number


def plain(thing: Any) -> Hashable:
    """All that is in it, as tuples; but not what it calls."""
    if isinstance(thing, np.ndarray):
        return thing.tobytes()
    if isinstance(thing, dict):
        return tuple((key, plain(thing[key])) for key in sorted(thing))
    if isinstance(thing, (tuple, list, deque)):
        return tuple(plain(one) for one in thing)
    if isinstance(thing, (Box, Inbox, Post)):
        return plain({name: one for name, one in vars(thing).items() if not callable(one)})
    return thing
