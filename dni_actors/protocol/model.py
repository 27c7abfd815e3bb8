"""A trained chain, to be used: its boxes one after the other, without ticks or learning."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dni_actors.box.data.scaled import Scaled
from dni_actors.box.messages import Contents
from dni_actors.box.time_box import TimeBox
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.cell import cell_kind
from dni_actors.nn.losses import LOSSES
from dni_actors.nn.narrow import rounded
from dni_actors.nn.readout import Readout
from dni_actors.protocol.channel import Put, Take
from dni_actors.protocol.cut import BoxCut, fill
from dni_actors.protocol.layout import contents_of, layout
from dni_actors.protocol.program import Evaluation, evaluate
from dni_actors.protocol.sequences import Sequences, sequences
from dni_actors.tasks import optional
from dni_actors.tasks.told import class_names


class Model:
    """The boxes of a run as they were at a cut."""

    result: Any = None
    """of the run that trained them, if `fit` has made them"""

    def __init__(self, config: RunConfig, cut: Sequence[BoxCut]) -> None:
        # Boxes that only go forward: no lag, no pieces. What learns is in the cut all the same.
        self._make(config, cut[0].tick)
        for box, part in zip(self._boxes, cut, strict=True):
            fill(box, part)

    def _make(self, config: RunConfig, tick: int) -> None:
        self.config, self.tick = config, tick
        self._boxes = [TimeBox(config, k) for k in range(config.boxes)]
        self._nothing = zeros((config.rows, config.state_width), config.chain.precision)  # a sequence's first state

    def __getstate__(self) -> dict[str, Any]:
        """Boxes' arrays lie in each other, and would come back apart."""
        states = [{name: array.copy() for name, array in box.state().items()} for box in self._boxes]
        return {"config": self.config, "tick": self.tick, "states": states, "result": self.result}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._make(state["config"], state["tick"])
        self.result = state["result"]
        for box, found in zip(self._boxes, state["states"], strict=True):
            for name, array in box.state().items():
                np.copyto(array, found[name])

    @property
    def any_length(self) -> bool:
        """Whether the chain is one RNN: of shared weights, or a single box."""
        chain = self.config.chain
        return chain.cell != "dense" and (chain.weights == "shared" or self.config.boxes == 1)

    def evaluation(self) -> Evaluation:
        """On the task's held-out samples, by the boxes' own program: the figures that the run gave at this cut.
        ValueError if the model was made without them."""
        if not self._boxes[0].held_out.chunks:
            raise ValueError("the model was made without the task's samples; load it with data=True")
        sent: dict[tuple[int, int], Contents] = {}  # by the box that is to take it, and its index
        count = len(self._boxes)
        programs = [evaluate(box, self.tick) for box in self._boxes]
        requests = [next(program) for program in programs]
        while True:
            for k, program in enumerate(programs):
                request, answer = requests[k], None
                if isinstance(request, Put):
                    sent[(k + 1) % count, request.index] = self._carried(request)
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

    def outputs(self, x: Any, lengths: Any = None) -> Array:
        """What the read-out says of sequences.

        Args:
            x: [N, T, I], or [N, T] of one input: the task's T steps. Where the chain is one RNN (see `any_length`)
                there may be any number of steps. A list of arrays [t, I] of unequal lengths, where the task has such.
            lengths: [N] how many of the T steps count, from the first on; None: all.

        Returns:
            [N, C], or [N, T, C] of a task that asks at every step: probabilities of classes or bits, or numbers in
            their own units. NaN at steps beyond a sequence's end.

        Raises:
            ValueError: x has another shape, or numbers that are not finite.
        """
        given = sequences(x, lengths, self.config, self.any_length)
        said = self._said(given)
        return given.as_given(said) if self.config.task.per_step else said

    def _said(self, given: Sequences) -> Array:
        """[N, C] or [N, T, C] of sequences that all end at step T."""
        config, rows, steps = self.config, self.config.rows, given.x.shape[1]
        with np.errstate(over="ignore"):  # that is what is looked for
            x = self._scaled.inputs(given.x).astype(config.chain.precision, copy=False)
        if not (good := np.isfinite(x).all(axis=(1, 2))).all():
            problem = f"sample {np.flatnonzero(~good)[0]} of the input has NaN or infinite numbers as {x.dtype}"
            raise ValueError(f"{problem}; fill in what is missing, and scale what is too large")
        forward = self._forward if steps == config.steps else self._unrolled
        found = []
        for first in range(0, len(x), rows):
            batch, begins = x[first : first + rows], given.begins[first : first + rows]
            more = rows - len(batch)
            # One shape for every product, as in training: the last rows are filled up, and do not count.
            padded = np.concatenate([batch, np.zeros((more, *batch.shape[1:]), batch.dtype)])
            begun = np.arange(steps)[:, None] >= np.concatenate([begins, np.zeros(more, np.int64)])
            found.append(forward(padded.transpose(1, 0, 2), begun)[: len(batch)])
        asked = (steps, config.task.classes) if config.task.per_step else (config.task.classes,)
        return self._scaled.answers(np.concatenate(found)) if found else np.zeros((0, *asked))

    def of_test_samples(self) -> tuple[Array, Array]:
        """What the read-out says of them, as `outputs` does, and their labels [N, ...], at the steps where they lie."""
        config, begins = self.config, optional(self.config.task).begins
        test = config.task.load(0, config.steps).test
        late = np.zeros(test.labels.shape[int(config.task.per_step)], np.int64) if begins is None else begins[2]
        said = self._said(Sequences(test.x.transpose(1, 0, 2), late, config.steps))
        return said, test.labels.swapaxes(0, 1) if config.task.per_step else test.labels

    def predict(self, x: Any, lengths: Any = None) -> Array:
        """The answers to sequences (see `outputs`).

        Returns:
            [N], or [N, T] of a task that asks at every step: classes, by the names that the task has for them; of bits
            and several numbers [N, C] or [N, T, C].
        """
        said, task = self.outputs(x, lengths), self.config.task
        if task.loss == "softmax":
            return np.array(class_names(task))[said.argmax(-1)] if optional(task).names else said.argmax(-1)
        if task.loss == "bits":
            return (said > 0.5).astype(np.int64)
        return said[..., 0] if task.classes == 1 else said

    def predict_proba(self, x: Any, lengths: Any = None) -> Array:
        """As `outputs`, of classes or bits. ValueError of a task of numbers, which has no probabilities."""
        if self.config.task.loss == "squared":
            raise ValueError(f"{self.config.chain.task} asks for numbers, which have no probabilities; use predict")
        return self.outputs(x, lengths)

    def score(self, x: Any, y: Any, lengths: Any = None) -> float:
        """How well the answers fit.

        Args:
            x, lengths: see `outputs`.
            y: as `predict` answers: classes by name or number, or numbers. Where every step is asked, -1, an empty text
                or NaN at a step that is not.

        Returns:
            The share of right answers; of numbers R^2, the share of their variance that is explained.
        """
        wanted, said = np.asarray(y), self.predict(x, lengths)
        if wanted.shape != said.shape:
            if wanted.size != said.size:
                raise ValueError(f"y is {list(wanted.shape)}; give {list(said.shape)}")
            wanted = wanted.reshape(said.shape)
        if self.config.task.loss == "squared":
            known = ~np.isnan(wanted)
            off, spread = (wanted - said)[known], (wanted - np.nanmean(wanted, axis=0))[known]
            return 1 - float(off @ off) / max(float(spread @ spread), np.finfo(np.float64).tiny)
        if optional(self.config.task).names and wanted.dtype.kind != "U":
            wanted = wanted.astype(str)
        asked = wanted != ("" if wanted.dtype.kind == "U" else -1)
        if self.config.task.loss == "bits":
            return float((wanted == said).all(axis=-1).mean())
        return float((wanted == said)[asked].mean())

    @property
    def _scaled(self) -> Scaled:
        return self._boxes[0].data.scaled

    def _forward(self, x: Array, begun: Array) -> Array:
        config, state, said = self.config, self._nothing, []
        for k, box in enumerate(self._boxes):
            first, steps = config.window(k)
            seen, there = x[first : first + steps], begun[first : first + steps]
            if config.chain.cell == "dense" and steps:
                seen, there = seen.transpose(1, 0, 2).reshape(1, x.shape[1], -1), there[:1]
            state = box.infer(seen, state, there)
            state = rounded(state, config.wire_dtype) if k + 1 < config.boxes else state
            if config.task.per_step:
                said.append(box.said().reshape(steps, x.shape[1], -1))
        return np.concatenate(said).transpose(1, 0, 2) if said else self._boxes[-1].said().copy()

    def _carried(self, put: Put) -> Contents:
        """A message's contents, apart from the box's work arrays, and rounded as on the wire."""
        specs = layout(self.config)[put.channel]
        fields = zip(put.contents, specs, strict=True)
        return contents_of(put.channel, [None if a is None or s is None else rounded(a, s.dtype) for a, s in fields])

    def _unrolled(self, x: Array, begun: Array) -> Array:
        """One cell over all steps of x [T, b, I], however many. Boxes that share weights differ by what they have not
        exchanged yet: those of the last one count, which knows the most of what all have learned."""
        config, last, dtype = self.config, self._boxes[-1], self.config.chain.precision
        learner = [box for box, steps in zip(self._boxes, config.unrolls, strict=True) if steps][-1]
        (steps, rows, inputs), hidden, task = x.shape, config.chain.hidden, config.task
        weights = learner.weights.base
        cell = cell_kind(config.chain.cell)(weights, steps, rows, inputs, hidden, dtype)
        cell.x[..., :-1], cell.x[..., -1] = x, 1
        cell.x[~begun] = 0
        state = cell.forward(self._nothing)
        h = cell.h.reshape(-1, hidden) if task.per_step else state[:, :hidden]
        readout = Readout(weights if task.per_step else last.parameters, len(h), dtype, task.loss)
        readout.forward(h, LOSSES[task.loss].targets((len(h),), task.classes))
        said = readout.said
        return said.reshape(steps, rows, -1).transpose(1, 0, 2) if task.per_step else said

    def weights(self) -> dict[str, Array]:
        """Every weight by name, as `box-000/recurrent`, and what numbers are standardised by, as `scaling/mean`:
        copies."""
        found = {
            f"box-{k:03}/{name}": w for k, box in enumerate(self._boxes) for name, w in box.named_weights().items()
        }
        by = self._scaled.by
        found |= {} if by is None else {f"scaling/{name}": array for name, array in by._asdict().items()}
        return {name: array.copy() for name, array in found.items()}

    def __repr__(self) -> str:
        chain, size = self.config.chain, sum(array.size for array in self.weights().values())
        return f"<Model of {chain.task}: {self.config.boxes} {chain.cell} boxes, {size:,} weights, at tick {self.tick}>"
