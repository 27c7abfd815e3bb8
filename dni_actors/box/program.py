"""The box's program: what a box does in tick n, and between ticks. The whole protocol stands here.

Tick n of a decoupled box k of K (update rules `synthetic`, `local` and `truncated`), lag L:

    1  if n >= L and k < K-1: take Gradient n-L; train the synthesizer on the stashed (state, gradient) of tick n-L
    2  take State n                      (box 0 starts from the initial state)
    3  forward over the box's steps;     put State n: the next box starts now
    4  synthesize the gradient at the far boundary        (the last box has no future, only the loss)
    5  backward;                         put Gradient n: the box before learns from it, L ticks later
    6  weight gradients; update at once  -> nobody was waited for

Under `locked` a box takes Gradient n after step 3 instead, and goes backward from it: exact backpropagation. With the
mini-batch cut into M pieces, M forwards and M backwards come before the one update: GPipe. Under `delayed` box k goes
backward in tick n through tick n - L(K-1-k), from the true gradient that has come by then.

A program is a generator. It yields `Take`, `Put` and `Work`, and a runtime answers: the program knows nothing of
processes, wires or clocks. Between ticks it has no state of its own: all is in the box's arrays and in n, so it can be
thrown away after any tick and started afresh at the next.
"""

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from dni_actors.box.channel import Arrays, Channel, Phase, Put, Request, Take, Work
from dni_actors.box.time_box import TimeBox
from dni_actors.nn.arrays import Array


class Evaluation(NamedTuple):
    """The chain on the held-out samples, as it was between tick n-1 and tick n."""

    tick: int
    accuracy: float
    """on the test samples, as is the loss"""
    loss: float
    validation_accuracy: float
    """on samples that are neither trained on nor tested on: what the best cut is chosen by"""
    validation_loss: float


Program = Generator[Request, Arrays, None]


def tick(box: TimeBox, n: int) -> Program:
    """Tick n under the box's update rule."""
    return PROGRAMS[box.update_rule](box, n)


def decoupled(box: TimeBox, n: int) -> Program:
    """Every box updates in tick n with its synthetic gradient."""
    if not box.is_last and n >= box.lag:
        answer = yield Take(Channel.GRADIENT, n - box.lag)
        if answer:
            yield Work(Phase.TRAIN)
            box.train_synthesizer(n, answer[0], stashed=n - box.lag)
    box.load(n)
    h_in = yield from state_in(box, Channel.STATE, n)
    yield Work(Phase.FORWARD)
    h_out = box.forward(h_in)
    sent = used = None
    if not box.is_last:
        yield Put(Channel.STATE, n, (h_out,))
        yield Work(Phase.SYNTHESIZE)
        sent, used = box.synthesize(n)
    yield Work(Phase.BACKWARD)
    gradient = box.backward(sent)
    if not box.is_first:
        # Always put, empty where the rule has nothing to say: gradients are the flow control, too.
        yield Put(Channel.GRADIENT, n, (gradient,) if box.update_rule == "synthetic" else ())
    yield Work(Phase.UPDATE)
    if used is not sent and used is not None:
        box.backward_again(used)
    box.update(n)


def locked(box: TimeBox, n: int) -> Program:
    """Forward through the whole chain, then backward through it, piece by piece: each box waits for the true gradient.

    M pieces: GPipe (Huang et al. 2019, figure 2c; there the last piece goes back first, which takes as long). Message
    n M + m is piece m of tick n.
    """
    box.load(n)
    pieces = range(n * box.micro_batches, (n + 1) * box.micro_batches)
    for m, index in enumerate(pieces):
        h_in = yield from state_in(box, Channel.STATE, index)
        yield Work(Phase.FORWARD)
        h_out = box.forward(h_in, m)
        if not box.is_last:
            yield Put(Channel.STATE, index, (h_out,))
    for m, index in enumerate(pieces):
        received = None
        if not box.is_last:
            (received,) = yield Take(Channel.GRADIENT, index)
        yield Work(Phase.BACKWARD)
        gradient = box.backward(received, m)
        if not box.is_first:
            yield Put(Channel.GRADIENT, index, (gradient,))
    yield Work(Phase.UPDATE)
    box.update(n)


def delayed(box: TimeBox, n: int) -> Program:
    """The true gradient, L ticks late per boundary (DDG, Huo et al. 2018): backward through tick n - L (K-1-k).

    Message n of box k+1 carries the gradient of tick n - L (K-2-k), and is empty while there is none.
    """
    answer: Arrays = ()
    if not box.is_last and n >= box.lag:
        answer = yield Take(Channel.GRADIENT, n - box.lag)
    here, there = n % box.pieces, (n - box.delay) % box.pieces
    box.load(n, here)
    h_in = yield from state_in(box, Channel.STATE, n)
    yield Work(Phase.FORWARD)
    h_out = box.forward(h_in, here)
    if not box.is_last:
        yield Put(Channel.STATE, n, (h_out,))
    gradient: Arrays = ()
    if n >= box.delay:
        yield Work(Phase.BACKWARD)
        gradient = (box.backward(answer[0] if answer else None, there),)
    if not box.is_first:
        yield Put(Channel.GRADIENT, n, gradient)
    if gradient:
        yield Work(Phase.UPDATE)
        box.update(n, there)


PROGRAMS = {"synthetic": decoupled, "local": decoupled, "truncated": decoupled, "locked": locked, "delayed": delayed}


def evaluate(box: TimeBox, n: int) -> Generator[Request, Arrays, Evaluation | None]:
    """The held-out samples, forward only, in chunks, at the cut before tick n; the last box returns what came out."""
    sums = np.zeros((2, 3))  # of validation and test samples: how many, how many right, their losses
    free = n % box.pieces  # no passage that is still to go back lies there: tick n will begin in it
    for chunk in range(box.chunks):
        index = n * box.chunks + chunk
        h_in = yield from state_in(box, Channel.SCORE, index)
        yield Work(Phase.EVALUATE)
        h_out = box.score(chunk, h_in, free)
        if box.is_last:
            sums[box.tests(chunk)] += box.judge(free)
        else:
            yield Put(Channel.SCORE, index, (h_out,))
    if not box.is_last:
        return None
    (_, validated, validation_loss), (_, tested, test_loss) = (sums / sums[:, :1]).tolist()
    return Evaluation(n, tested, test_loss, validated, validation_loss)


def state_in(box: TimeBox, channel: Channel, index: int) -> Generator[Request, Arrays, Array]:
    """The state at the box's near boundary: a message, or the initial state."""
    if box.is_first:
        return box.initial_state
    (h_in,) = yield Take(channel, index)
    return h_in
