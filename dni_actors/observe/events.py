"""What a box tells of itself: plain facts, for the record and the console alike."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from dni_actors.box.data.probe import Probed
from dni_actors.box.errors import BoxError
from dni_actors.observe.strip import Strip
from dni_actors.observe.trace import NO_TRACE, Trace
from dni_actors.protocol.cut import BoxCut
from dni_actors.protocol.program import Evaluation


def plain(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts for JSON, which knows no NaN and no infinity: None instead."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in facts.items()}


class Place(NamedTuple):
    """Where a box runs."""

    box: int
    pid: int
    node: str
    address: str
    kernels: str
    """BLAS and SIMD kernels of its process: boxes that differ here may differ in the last bit"""


class Row(NamedTuple):
    """A row of the metrics: one box over the ticks first_tick .. last_tick, both included."""

    box: int
    incarnation: int
    """how often the run had gone back to a cut: of rows that tell of the same ticks, the highest one's hold"""
    first_tick: int
    last_tick: int
    loss: float | None
    """mean over samples; None in boxes without a loss of their own, as is accuracy"""
    accuracy: float | None
    updates: int
    seconds: float
    """wall time, evaluations left out"""
    cpu_seconds: float
    """of the box's thread"""
    delay_seconds: float
    """emulated work"""
    wait_state_seconds: float
    wait_gradient_seconds: float
    prepare_seconds: float
    """CPU time of what lies before the phases: messages, and loading the mini-batch"""
    train_seconds: float
    """CPU time and emulated work of the synthesizer's training; so the next four, of their phases"""
    forward_seconds: float
    synthesize_seconds: float
    backward_seconds: float
    update_seconds: float
    slack: float | None
    """mean ticks a gradient lay ready before its turn: 0 means the box waited for it"""
    synthesizer_error: float | None
    """mean relative squared error of the synthetic against the received gradient, as are the next two"""
    cosine: float | None
    norm_ratio: float | None
    received_norm: float | None
    """of the received gradient, a sample's: root mean square over the samples of every 16th tick"""
    prints: bytes
    """4 bytes a tick, folded from the bits of all weights after it: what replay goes by"""


@dataclass(frozen=True)
class Status:
    """A box as it stands, and what is new since its last status."""

    box: int
    tick: int
    """ticks it has finished"""
    state: str
    """what it does: a phase, `wait State 7`, or `done`"""
    number: int = 0
    """counts a box's statuses since it began or went back to a cut: one that comes again has the number it had"""
    turns: int = 0
    """requests of its program that were answered: while it works, they go up"""
    seconds: float = 0.0
    """wall time of its ticks so far, evaluations left out"""
    steady_rate: float = 0.0
    """ticks per second, the first tenth of the run left out"""
    elapsed: float = 0.0
    """wall time since it began, evaluations included, as are the next two"""
    cpu_seconds: float = 0.0
    """of the box's thread"""
    delay_seconds: float = 0.0
    """emulated work"""
    rows: tuple[Row, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    probes: tuple[Probed, ...] = ()
    cuts: tuple[BoxCut, ...] = ()
    """its parts of cuts"""
    trace: Trace = NO_TRACE
    cut_seconds: float = 0.0
    """wall time, so far, spent on putting cuts aside"""
    messages: tuple[tuple[str, int], ...] = ()
    """counts of the unusual ones: asked for, sent again, dropped and why"""
    sent: int = 0
    """messages put, since it began or went back to a cut"""
    sent_bytes: int = 0
    """their arrays, as the wire carries them"""
    waiting: int = 0
    """states and gradients that lie at the box and wait for their turn"""
    unanswered: int = 0
    """states it has put and not yet taken a gradient for"""
    memory: int | None = None
    """bytes of its process that nobody shares, about; None where that cannot be told"""
    strip: Strip | None = None
    """what it did just before a quarter of a second, the same one for boxes that report in the same quarter"""
    digest: str | None = None
    """of its weights, at the end of the run"""
    error: BoxError | None = None
    """why it cannot go on"""
    transit: tuple[float | None, float | None] = (None, None)
    """least seconds that a message took from the box before it, and from the one after it, by the clocks of both: two
    nodes' clocks differ, so only the sum of a boundary's two directions means anything"""


class Tuned(NamedTuple):
    """What `--lag auto` came to; seconds."""

    lag: int
    round_trip: float
    """of the slowest boundary: from the put of a state to the end of learning from its gradient"""
    busy: float
    """what a tick takes when no box waits for a gradient"""


class Up(NamedTuple):
    """The start goes on: Ray is up (no boxes), or processes of some more boxes are."""

    boxes: tuple[int, ...] = ()


class Started(NamedTuple):
    """All boxes are up, in their order, and go on from a tick: a cut, or the beginning."""

    places: tuple[Place, ...]
    tick: int = 0
    links: tuple[str, ...] = ()
    """what carries each boundary's messages (observe/links.py), a ring's last one to box 0; none in one process"""


class Lost(NamedTuple):
    """A box is gone; it will be started again, and all boxes go on from the last complete cut."""

    box: int
    why: str


class Kept(NamedTuple):
    """A complete cut was written: from here the run goes on, whatever happens."""

    tick: int


class Told(NamedTuple):
    """What the run is about."""

    text: str


class Warned(NamedTuple):
    """Something is wrong that does not end the run."""

    text: str


Event = Told | Tuned | Up | Started | Lost | Kept | Warned | Status
