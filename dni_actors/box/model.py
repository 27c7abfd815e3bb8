"""A trained chain, to be used: its boxes one after the other, without messages, ticks or learning."""

from collections.abc import Sequence

import numpy as np

from dni_actors.box.cut import BoxCut, fill
from dni_actors.box.time_box import TimeBox
from dni_actors.config import RunConfig
from dni_actors.nn.arrays import Array


class Model:
    """The boxes of a run as they were at a cut."""

    def __init__(self, config: RunConfig, cut: Sequence[BoxCut]) -> None:
        # Boxes that only go forward: no lag, no pieces. What learns is in the cut all the same.
        self.config, self.tick = config, cut[0].tick
        self._boxes = [TimeBox(config, k) for k in range(config.boxes)]
        for box, part in zip(self._boxes, cut, strict=True):
            fill(box, part)

    def outputs(self, x: Array) -> Array:
        """x [N, T, I], sequences of the task's T steps -> what the read-out says: [N, C], or [N, T, C] of a task that
        asks at every step. Probabilities of classes or bits, or numbers. ValueError if the shape is another."""
        config = self.config
        steps, inputs, rows = config.steps, config.task.inputs, config.rows
        if x.ndim != 3 or x.shape[1:] != (steps, inputs):
            raise ValueError(f"the input is {list(x.shape)}; give [N, {steps}, {inputs}]: samples, steps, inputs")
        found = []
        for first in range(0, len(x), rows):
            batch = x[first : first + rows]
            # One shape for every product, as in training: the last rows are filled up, and do not count.
            padded = np.concatenate([batch, np.zeros((rows - len(batch), steps, inputs), batch.dtype)])
            found.append(self._forward(padded.transpose(1, 0, 2))[: len(batch)])
        asked = (steps, config.task.classes) if config.task.per_step else (config.task.classes,)
        return np.concatenate(found) if found else np.zeros((0, *asked))

    def _forward(self, x: Array) -> Array:
        config, state, said = self.config, self._boxes[0].initial_state, []
        for k, box in enumerate(self._boxes):
            first, steps = config.window(k)
            seen = x[first : first + steps]
            if config.chain.cell == "dense":
                seen = seen.transpose(1, 0, 2).reshape(1 if steps else 0, x.shape[1], -1)
            state = box.infer(seen, state)
            if config.task.per_step:
                said.append(box.said().reshape(steps, x.shape[1], -1))
        return np.concatenate(said).transpose(1, 0, 2) if said else self._boxes[-1].said().copy()

    def weights(self) -> dict[str, Array]:
        """Every weight by name, as `box-000/recurrent`: copies."""
        return {
            f"box-{k:03}/{name}": w.copy() for k, box in enumerate(self._boxes) for name, w in box.weights().items()
        }
