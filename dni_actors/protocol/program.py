"""The box's program: what a box does in tick n, and between ticks. The whole protocol stands here.

Tick n of a decoupled box k of K (update rules `synthetic`, `local` and `truncated`), lag L:

    1  if n >= L and k < K-1: take Gradient n-L; train the synthesizer on the stashed (state, gradient) of tick n-L
    2  take State n                      (box 0 starts from the initial state; in a ring from the last box's, n-G)
    3  forward over the box's steps;     put State n: the next box starts now
    4  synthesize the gradient at the far boundary        (the last box has no future, only the loss)
    5  backward;                         put Gradient n: the box before learns from it, L ticks later
    6  weight gradients; update at once  -> nobody was waited for

Under `locked` a box takes Gradient n after step 3 instead, and goes backward from it: exact backpropagation. With the
mini-batch cut into M pieces, M forwards and M backwards come before the one update: GPipe. Under `delayed` box k goes
backward in tick n through tick n - L(K-1-k), from the true gradient that has come by then.

A program is a generator. It yields `Take`, `Put` and `Work`, and a runtime answers: the program knows nothing of
processes, wires or clocks. Between ticks it has no state of its own: all is in the box's arrays and in n, so it can be
thrown away after any tick and started afresh at the next. `run` has the order of all that lies between ticks, too.
"""

import math
from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np

from dni_actors.box.messages import Gradient, Probe, ProbeGradient, Score, State
from dni_actors.box.piece import Judged
from dni_actors.box.time_box import TimeBox
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array
from dni_actors.nn.synthesizer import Agreement
from dni_actors.protocol.channel import At, Channel, Found, Phase, Point, Put, Request, Step, Take, Work
from dni_actors.protocol.schedule import closes_row, evaluates, probes


class Evaluation(NamedTuple):
    """The chain on the held-out samples, as it was between tick n-1 and tick n."""

    tick: int
    accuracy: float
    """on the test samples, as is the loss"""
    loss: float
    validation_accuracy: float
    """on samples that are neither trained on nor tested on: what the best cut is chosen by"""
    validation_loss: float
    reached: float = math.nan
    """how far a task with a curriculum has come; NaN for others"""
    error: float = math.nan
    """mean squared error of numbers, in their own units, on the test samples; NaN for others"""
    validation_error: float = math.nan


class Compared(NamedTuple):
    """What a probe found at the cut before a tick."""

    tick: int
    agreement: Agreement
    """of the synthetic gradient with the exact one"""


Program = Generator[Step, Any, None]
"""what it is sent: the contents of the message that it takes, else nothing"""


def run(box: TimeBox, config: RunConfig, first: int) -> Generator[Request, Any, None]:
    """From the cut before tick `first` to the run's end: evaluation, probe, tick, cut, in this order, over and over."""
    for n in range(first, config.ticks + 1):
        if evaluates(config, n) or probes(config, n):
            yield At(Point.BETWEEN, n)
        if evaluates(config, n) and (evaluation := (yield from evaluate(box, n))) is not None:
            yield Found(evaluation)
        if probes(config, n) and (agreement := (yield from probe(box, n))) is not None:
            yield Found(Compared(n, agreement))
        if n == config.ticks:
            return
        yield At(Point.BEGIN, n)
        yield from tick(box, n)
        cut = yield At(Point.END, n)
        if cut or closes_row(config, n):
            box.verify(n)
            yield At(Point.ROW, n)
        if cut:
            yield At(Point.CUT, n + 1)


def tick(box: TimeBox, n: int) -> Program:
    """Tick n under the box's update rule."""
    return PROGRAMS[box.update_rule](box, n)


def decoupled(box: TimeBox, n: int) -> Program:
    """Every box updates in tick n with its synthetic gradient."""
    here = n % box.pieces
    box.begin(n)
    if box.has_right and n >= box.lag:
        answer: Gradient = yield Take(Channel.GRADIENT, n - box.lag)
        if not answer.empty:
            yield Work(Phase.TRAIN)
            box.learn(n, answer)
    box.load(n, here)
    if box.predicted is None:
        h_in = box.enter(n, (yield from state_in(box, n)), here)
    else:
        h_in = yield from predicted_state(box, n)
    yield Work(Phase.FORWARD)
    h_out = box.forward(h_in, here)
    sent = used = None
    if box.has_right:
        yield Put(Channel.STATE, n, box.onward(n, h_out, here))
        yield Work(Phase.SYNTHESIZE)
        sent, used = box.synthesize(n, here)
    yield Work(Phase.BACKWARD)
    gradient = box.backward(sent, here)
    if box.has_left:
        # Always put, empty where the rule has nothing to say: gradients are the flow control, too.
        yield Put(Channel.GRADIENT, n, box.answer(n, gradient))
    yield Work(Phase.UPDATE)
    if used is not sent and used is not None:
        box.backward_again(used, here)
    box.update(n, here)


def predicted_state(box: TimeBox, n: int) -> Generator[Step, Any, Array]:
    """Complete unlock: the state that came for tick n-L is learned from, that of tick n is predicted."""
    if n >= box.state_lag:
        came: State = yield Take(Channel.STATE, n - box.state_lag)
        yield Work(Phase.TRAIN)
        box.learn_state(n, came.state)
    return box.predict_state(n)


def locked(box: TimeBox, n: int) -> Program:
    """Forward through the whole chain, then backward through it, piece by piece: each box waits for the true gradient.

    M pieces: GPipe (Huang et al. 2019, figure 2c; there the last piece goes back first, which takes as long). Message
    n M + m is piece m of tick n.
    """
    box.begin(n)
    box.load(n)
    pieces = range(n * box.micro_batches, (n + 1) * box.micro_batches)
    for m, index in enumerate(pieces):
        h_in = box.enter(n, (yield from state_in(box, index)), m)
        yield Work(Phase.FORWARD)
        h_out = box.forward(h_in, m)
        if not box.is_last:
            yield Put(Channel.STATE, index, State(h_out))
    for m, index in enumerate(pieces):
        answer = Gradient()
        if not box.is_last:
            answer = yield Take(Channel.GRADIENT, index)
        yield Work(Phase.BACKWARD)
        gradient = box.backward(answer.gradient, m)
        if not box.is_first:
            yield Put(Channel.GRADIENT, index, Gradient(gradient))
    yield Work(Phase.UPDATE)
    box.update(n)


def delayed(box: TimeBox, n: int) -> Program:
    """The true gradient, L ticks late per boundary (DDG, Huo et al. 2018): backward through tick n - L (K-1-k).

    Message n of box k+1 carries the gradient of tick n - L (K-2-k), and is empty while there is none.
    """
    box.begin(n)
    answer = Gradient()
    if not box.is_last and n >= box.lag:
        answer = yield Take(Channel.GRADIENT, n - box.lag)
    here, there = n % box.pieces, (n - box.delay) % box.pieces
    box.load(n, here)
    h_in = box.enter(n, (yield from state_in(box, n)), here)
    yield Work(Phase.FORWARD)
    h_out = box.forward(h_in, here)
    if not box.is_last:
        yield Put(Channel.STATE, n, State(h_out))
    gradient = Gradient()
    if n >= box.delay:
        yield Work(Phase.BACKWARD)
        gradient = Gradient(box.backward(answer.gradient, there))
    if not box.is_first:
        yield Put(Channel.GRADIENT, n, gradient)
    if not gradient.empty:
        yield Work(Phase.UPDATE)
        box.update(n, there)


PROGRAMS = dict.fromkeys(("synthetic", "local", "truncated", "noise"), decoupled) | {
    "locked": locked,
    "delayed": delayed,
}


def evaluate(box: TimeBox, n: int) -> Generator[Step, Any, Evaluation | None]:
    """The held-out samples, forward only, in chunks, at the cut before tick n; the last box returns what came out."""
    held_out = box.held_out
    sums = np.zeros((2, len(Judged._fields)))  # of validation and test samples
    free = n % box.pieces  # no passage that is still to go back lies there: tick n will begin in it
    for chunk in range(held_out.chunks):
        index = n * held_out.chunks + chunk
        came: Score | None = None
        if not (box.is_first and held_out.begins(chunk)):
            came = yield Take(Channel.SCORE, index - box.is_first)
        yield Work(Phase.EVALUATE)
        onward = held_out.score(chunk, came, free)
        if box.is_last:
            sums[held_out.tests(chunk)] += held_out.sums
        if not (box.is_last and held_out.ends(chunk)):
            yield Put(Channel.SCORE, index, onward)
    if not box.is_last:
        return None
    asked, right, loss, known, error = sums.T
    with np.errstate(invalid="ignore"):  # of numbers none is right or wrong: NaN
        validated, tested = (right / asked).tolist()
    validation_loss, test_loss = (loss / known).tolist()
    validation_error, test_error = (error / known).tolist() if held_out.numbers else (math.nan, math.nan)
    reached = held_out.reached()
    return Evaluation(n, tested, test_loss, validated, validation_loss, reached, test_error, validation_error)


def probe(box: TimeBox, n: int) -> Generator[Step, Any, Agreement | None]:
    """A locked pass at the cut before tick n; how the synthetic gradient agrees with the exact one, if both exist."""
    prober, free, found = box.prober, n % box.pieces, None
    assert prober is not None
    came: Probe = Probe(prober.initial_state) if box.is_first else (yield Take(Channel.PROBE, n))
    yield Work(Phase.EVALUATE)
    h_out = prober.forward(n, came.state, free)
    exact = None
    if not box.is_last:
        yield Put(Channel.PROBE, n, Probe(h_out))
        answer: ProbeGradient = yield Take(Channel.PROBE_GRADIENT, n)
        exact = answer.gradient
        yield Work(Phase.EVALUATE)
        found = prober.compare(exact, free)
    back = prober.back(exact, free)
    if not box.is_first:
        yield Put(Channel.PROBE_GRADIENT, n, ProbeGradient(back))
    return found


def state_in(box: TimeBox, index: int) -> Generator[Step, Any, State | None]:
    """What comes with the state at the box's near boundary: a message, or nothing where a sequence begins."""
    if not box.has_left or index < box.state_lag:
        return None
    came: State = yield Take(Channel.STATE, index - box.state_lag)
    return came
