"""Work arrays of one passage forward and back: of a mini-batch, or of a part of one (b samples)."""

from typing import NamedTuple

import numpy as np

from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.cell import cell_kind
from dni_actors.nn.losses import LOSSES
from dni_actors.nn.no_steps import NoSteps
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.readout import Readout
from dni_actors.nn.streams import Stream, generator
from dni_actors.tasks import optional


def reads_out(config: RunConfig, k: int) -> bool:
    """Whether box k has losses of the task: the last box, or all of them where every step has a target."""
    return config.task.per_step or k == config.boxes - 1


def shapes(config: RunConfig, k: int) -> dict[str, tuple[int, ...]]:
    """Of the weights of cell and read-out of box k."""
    chain = config.chain
    found: dict[str, tuple[int, ...]] = {}
    if config.unrolls[k]:
        found = cell_kind(chain.cell, chain.activation, chain.norm).shapes(config.inputs(k), chain.hidden)
    return found | (Readout.shapes(chain.hidden, config.task.classes) if reads_out(config, k) else {})


def initialise(config: RunConfig, k: int, parameters: Parameters) -> np.random.Generator:
    """Draws the weights of cell and read-out: the generator, for what else box k draws. Boxes that share them draw the
    same."""
    seed, shares = config.learning.seed, config.chain.weights == "shared"
    rng = generator(seed, Stream.WEIGHTS, 0 if shares else k)
    if config.unrolls[k]:
        cell_kind(config.chain.cell, config.chain.activation, config.chain.norm).initialise(parameters, rng)
    if reads_out(config, k):
        Readout.initialise(parameters, rng)
    return generator(seed, Stream.WEIGHTS, k, lane=1) if shares else rng


class Judged(NamedTuple):
    """Sums over samples, or over all their steps where every step is asked."""

    asked: int
    """how many of them have a known target, of those that an answer can be right or wrong about: no numbers"""
    right: int
    """how many answers"""
    loss: float
    known: float
    """shares of known targets, times the weights of their classes: what the loss is of"""
    error: float = 0.0
    """of numbers, in an evaluation: their mean squared error, in the targets' own units"""


class Piece:
    """Of box k. Shapes: T steps, b samples, I inputs, H hidden units, S state width, C outputs, A targets ahead."""

    def __init__(self, config: RunConfig, k: int, parameters: Parameters) -> None:
        chain, dtype, task = config.chain, config.chain.precision, config.task
        steps, rows, width = config.unrolls[k], config.rows, config.state_width
        self.hidden = chain.hidden
        kind = cell_kind(chain.cell, chain.activation, chain.norm) if steps else NoSteps
        units = chain.hidden if steps else width
        self.cell = kind(parameters, steps, rows, config.inputs(k), units, dtype)
        self._per_step, self._classes = task.per_step, task.classes
        loss = LOSSES[task.loss]
        self.labels = loss.targets((steps, rows) if task.per_step else (rows,), task.classes)
        """[b] or [b, C]; where every step has a target, [T, b] or [T, b, C]"""
        ahead = config.synthesizer.look_ahead if task.per_step and config.synthesizer.conditioned else 0
        self.ahead = loss.targets((ahead, rows), task.classes) if ahead else None
        """[A, b] or [A, b, C]: targets after the box's steps"""
        self.begins = np.zeros(rows, np.int64) if optional(task).begins is not None else None
        """[b] steps at which sequences begin, where they differ"""
        self._window = config.window(k)
        self._loss = loss(rows, task.classes, dtype, config.class_weights)
        samples = steps * rows if task.per_step else rows
        self.readout: Readout | None = None
        if reads_out(config, k):
            self.readout = Readout(parameters, samples, dtype, task.loss, config.class_weights)
        self._read = False  # the read-out has seen this passage
        self.state: Array = zeros((rows, width), dtype)
        """[b, S] after the last step"""
        self.at_end: Array | None = None
        """[b, H], of the last way back: dL/dh of the box's own losses at its end; and at its steps: [T, b, H]"""
        self.at_steps: Array | None = None
        self._d_out = zeros((rows, width), dtype)

    @property
    def h(self) -> Array:
        """[b, H], the part of the state that read-outs see."""
        return self.state[:, : self.hidden]

    def forward(self, h_in: Array) -> Array:
        """State in [b, S] -> state out [b, S]."""
        self.state = self.cell.forward(h_in)
        self._read = False
        return self.state

    def read(self) -> Readout:
        """The read-out, after it has seen this passage's hidden states and targets."""
        assert self.readout is not None
        if not self._read:
            self._read = True
            if self._per_step:
                h, labels = self.cell.h.reshape(-1, self.hidden), self.labels.reshape(-1, *self.labels.shape[2:])
                self.readout.forward(h, labels)
            else:
                self.readout.forward(self.h, self.labels)
        return self.readout

    @property
    def late(self) -> Array | None:
        """[b] sequences that begin after the box's last step: their state is zero still. None: there are none."""
        return None if self.begins is None else self.begins >= sum(self._window)

    def judged(self, rows: int | None = None) -> Judged:
        """After `read`: of the first so many rows."""
        assert self.readout is not None
        labels = self.labels[:, :rows] if self._per_step else self.labels[:rows]
        known = np.count_nonzero(self._loss.known(labels)) if self._loss.can_be_right else 0

        def first(a: Array) -> Array:
            return a.reshape(-1, len(self.state))[:, :rows]

        right, loss = first(self.readout.correct).sum(), first(self.readout.loss).sum()
        return Judged(int(known), int(right), float(loss), float(self._loss.weigh(labels).sum()))

    def error(self, scale: Array | float, rows: int) -> float:
        """After `read`, of C numbers in units of `scale`: the sum of squared errors of so many rows, over C."""
        assert self.readout is not None
        off = self.readout.said.reshape(self.labels.shape) - self.labels
        off = (off[:, :rows] if self._per_step else off[:rows]).astype(np.float64) * scale
        return float(np.nansum(off * off) / off.shape[-1])

    @property
    def local_labels(self) -> Array:
        """As a local read-out has them: of sequences that have begun."""
        if (late := self.late) is None or not late.any():
            return self.labels
        labels = self.labels.copy()
        labels[late] = -1 if labels.dtype.kind == "i" else np.nan
        return labels

    def condition(self, into: Array) -> None:
        """What a conditioned synthesizer sees of the targets: into [b, C], or [b, A C] of the next A ones."""
        if self.ahead is None:
            self._loss.one_hot(self.labels, into)
            return
        for a, labels in enumerate(self.ahead):
            self._loss.one_hot(labels, into[:, a * self._classes : (a + 1) * self._classes])

    def own_losses(self) -> None:
        """Finds the gradient of the read-out's losses, which `backward` adds."""
        d = self.read().backward()
        self._read = False  # its work arrays hold the gradient now
        if self._per_step:
            self.at_steps = d.reshape(self.cell.h.shape)
        else:
            self.at_end = d

    def backward(self, d_out: Array | None) -> Array:
        """dL/d(state out) [b, S], None is zero, and the own losses' -> dL/d(state in) [b, S]."""
        if d_out is None or self.at_end is not None:
            if d_out is None:
                self._d_out[:] = 0
            else:
                np.copyto(self._d_out, d_out)
            d_out = self._d_out
            if self.at_end is not None:
                d_out[:, : self.hidden] += self.at_end
        back = self.cell.backward(d_out, self.at_steps)
        if self.begins is not None and (fresh := self.begins >= self._window[0]).any():
            back[fresh] = 0  # their sequences begin here or later, from a state that nobody made
        return back

    def kept(self) -> dict[str, Array]:
        """What a backward pass needs that comes many ticks later: the arrays themselves."""
        begins = {} if self.begins is None else {"begins": self.begins}
        return self.cell.activations() | {"state": self.state, "labels": self.labels} | begins

    def weight_gradients(self) -> None:
        """Sums over steps and samples, into the parameters' gradients."""
        self.cell.weight_gradients()
        if self.readout is not None:
            self.readout.weight_gradients()
