"""What boxes tell each other: the contents of messages, by field. A field that a message does not carry is None.

Shapes: b samples of a mini-batch or of a piece of one, S numbers in a hidden state, F facts of a stream's row, P shared
weights. Which fields the messages of a run carry follows from its configuration (protocol/layout.py).
"""

from typing import NamedTuple

from dni_actors.nn.arrays import Array


class State(NamedTuple):
    """Forward: the next box starts from it."""

    state: Array
    """[b, S] after the box's last step"""
    facts: Array | None = None
    """[b, F] where each row of a stream stands"""
    sum: Array | None = None
    """[P] of shared weights: what this box and those before it have learned since the last exchange"""


class Gradient(NamedTuple):
    """Back: what the box before learns from. Empty where the update rule has nothing to say."""

    gradient: Array | None = None
    """[b, S] dL/dh at the boundary, per sample"""
    cost: Array | None = None
    """[1] under the rule `noise`: the mean loss of the mini-batch"""
    next_synthetic: Array | None = None
    """[b, S] the synthetic gradient at the next boundary: what an auxiliary head learns"""
    exact: Array | None = None
    """[b, S] the exact gradient of a tick long ago: what lambda mixes into targets"""
    total: Array | None = None
    """[P] of shared weights: what all boxes have learned"""

    @property
    def empty(self) -> bool:
        return all(field is None for field in self)


class Score(NamedTuple):
    """Forward, in an evaluation: held-out samples on their way through the chain."""

    state: Array
    """[b, S]"""
    facts: Array | None = None
    """[b, F]"""
    sums: Array | None = None
    """[3] of the boxes so far that have losses: targets, right answers, sum of losses"""


class Probe(NamedTuple):
    """Forward, in a probe."""

    state: Array
    """[b, S]"""


class ProbeGradient(NamedTuple):
    """Back, in a probe."""

    gradient: Array
    """[b, S] exact"""


Contents = State | Gradient | Score | Probe | ProbeGradient
