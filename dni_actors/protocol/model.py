"""A trained chain, to be used: its boxes one after the other, without ticks or learning."""

from collections.abc import Sequence

import numpy as np

from dni_actors.box.messages import Contents
from dni_actors.box.time_box import TimeBox
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.cell import cell_kind
from dni_actors.nn.losses import LOSSES
from dni_actors.nn.readout import Readout
from dni_actors.protocol.channel import Put, Take
from dni_actors.protocol.cut import BoxCut, fill
from dni_actors.protocol.layout import contents_of
from dni_actors.protocol.program import Evaluation, evaluate


class Model:
    """The boxes of a run as they were at a cut."""

    def __init__(self, config: RunConfig, cut: Sequence[BoxCut]) -> None:
        # Boxes that only go forward: no lag, no pieces. What learns is in the cut all the same.
        self.config, self.tick = config, cut[0].tick
        self._boxes = [TimeBox(config, k) for k in range(config.boxes)]
        for box, part in zip(self._boxes, cut, strict=True):
            fill(box, part)
        self._nothing = zeros((config.rows, config.state_width), config.chain.precision)  # a sequence's first state

    @property
    def any_length(self) -> bool:
        """Whether the chain is one RNN: of shared weights, or a single box."""
        chain = self.config.chain
        return chain.cell != "dense" and (chain.weights == "shared" or self.config.boxes == 1)

    def evaluation(self) -> Evaluation:
        """On the task's held-out samples, by the boxes' own program: the figures that the run gave at this cut."""
        sent: dict[tuple[int, int], Contents] = {}  # by the box that is to take it, and its index
        count = len(self._boxes)
        programs = [evaluate(box, self.tick) for box in self._boxes]
        requests = [next(program) for program in programs]
        while True:
            for k, program in enumerate(programs):
                request, answer = requests[k], None
                if isinstance(request, Put):
                    sent[(k + 1) % count, request.index] = copied(request)
                elif isinstance(request, Take):
                    if (k, request.index) not in sent:
                        continue
                    answer = sent.pop((k, request.index))
                try:
                    requests[k] = program.send(answer)
                except StopIteration as end:
                    if end.value is not None:  # the last box's, and the last to end
                        found: Evaluation = end.value
                        return found

    def outputs(self, x: Array) -> Array:
        """x [N, T, I], sequences of the task's T steps -> what the read-out says: [N, C], or [N, T, C] of a task that
        asks at every step. Probabilities of classes or bits, or numbers. ValueError if the shape is another.

        Where the chain is one RNN, sequences may have any length.
        """
        config = self.config
        inputs, rows = config.task.inputs, config.rows
        steps = x.shape[1] if x.ndim == 3 and x.shape[1] and self.any_length else config.steps
        if x.ndim != 3 or x.shape[1:] != (steps, inputs):
            wanted = "T" if self.any_length else steps
            raise ValueError(f"the input is {list(x.shape)}; give [N, {wanted}, {inputs}]: samples, steps, inputs")
        with np.errstate(over="ignore"):  # that is what is looked for
            x = x.astype(config.chain.precision, copy=False)
        if not (good := np.isfinite(x).all(axis=(1, 2))).all():
            problem = f"sample {np.flatnonzero(~good)[0]} of the input has NaN or infinite numbers as {x.dtype}"
            raise ValueError(f"{problem}; fill in what is missing, and scale what is too large")
        forward = self._forward if steps == config.steps else self._unrolled
        found = []
        for first in range(0, len(x), rows):
            batch = x[first : first + rows]
            # One shape for every product, as in training: the last rows are filled up, and do not count.
            padded = np.concatenate([batch, np.zeros((rows - len(batch), steps, inputs), batch.dtype)])
            found.append(forward(padded.transpose(1, 0, 2))[: len(batch)])
        asked = (steps, config.task.classes) if config.task.per_step else (config.task.classes,)
        return np.concatenate(found) if found else np.zeros((0, *asked))

    def _forward(self, x: Array) -> Array:
        config, state, said = self.config, self._nothing, []
        for k, box in enumerate(self._boxes):
            first, steps = config.window(k)
            seen = x[first : first + steps]
            if config.chain.cell == "dense" and steps:
                seen = seen.transpose(1, 0, 2).reshape(1, x.shape[1], -1)
            state = box.infer(seen, state)
            if config.task.per_step:
                said.append(box.said().reshape(steps, x.shape[1], -1))
        return np.concatenate(said).transpose(1, 0, 2) if said else self._boxes[-1].said().copy()

    def _unrolled(self, x: Array) -> Array:
        """One cell over all steps of x [T, b, I], however many. Boxes that share weights differ by what they have not
        exchanged yet: those of the last one count, which knows the most of what all have learned."""
        config, last, dtype = self.config, self._boxes[-1], self.config.chain.precision
        learner = [box for box, steps in zip(self._boxes, config.unrolls, strict=True) if steps][-1]
        (steps, rows, inputs), hidden, task = x.shape, config.chain.hidden, config.task
        weights = learner.weights.base
        cell = cell_kind(config.chain.cell)(weights, steps, rows, inputs, hidden, dtype)
        cell.x[..., :-1], cell.x[..., -1] = x, 1
        state = cell.forward(self._nothing)
        h = cell.h.reshape(-1, hidden) if task.per_step else state[:, :hidden]
        readout = Readout(weights if task.per_step else last.parameters, len(h), dtype, task.loss)
        readout.forward(h, LOSSES[task.loss].targets((len(h),), task.classes))
        said = readout.said
        return said.reshape(steps, rows, -1).transpose(1, 0, 2) if task.per_step else said

    def weights(self) -> dict[str, Array]:
        """Every weight by name, as `box-000/recurrent`: copies."""
        boxes = enumerate(self._boxes)
        return {f"box-{k:03}/{name}": w.copy() for k, box in boxes for name, w in box.named_weights().items()}


def copied(put: Put) -> Contents:
    """A message's contents, apart from the box's work arrays."""
    return contents_of(put.channel, [None if field is None else field.copy() for field in put.contents])
