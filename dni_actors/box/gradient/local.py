"""A box's own read-out of the label: the part of its gradient that needs nobody else.

    p = softmax(h A + a),   gradient = s (p - y) A^T,   s = clip((1 - CE / log C) / 0.1, 0, 1)      (or another loss)

Alone it is decoupled greedy learning (Belilovsky et al. 2019); added to the synthetic gradient it grounds it (hybrid).
A and a start at zero and learn at once, from the label. The gate s, with CE a running mean of the cross-entropy, keeps
a read-out silent that knows nothing yet.
"""

import numpy as np

from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.losses import LOSSES
from dni_actors.nn.optimizer import OPTIMIZERS
from dni_actors.nn.parameters import Parameters
from dni_actors.nn.readout import Readout

SKILL = 0.98  # decay of the running mean of the cross-entropy
FULL = 0.1  # share of log C by which the cross-entropy must have fallen for the gate to be open


class LocalReadout:
    """Shapes: b samples of a piece of the mini-batch, H hidden units, C classes."""

    def __init__(self, config: RunConfig) -> None:
        dtype, classes = config.chain.precision, config.task.classes
        self.parameters = Parameters(Readout.shapes(config.chain.hidden, classes), dtype)
        self._readout = Readout(self.parameters, config.rows, dtype, config.task.loss, config.class_weights)
        self._optimizer = OPTIMIZERS["adam"](self.parameters)
        self._batch, self._chance = config.learning.batch, LOSSES[config.task.loss].chance(classes)
        self._loss = np.full(1, min(self._chance, 1e30))  # without a chance to go by, the gate is open
        self._sum = zeros(self.parameters.gradients.shape, dtype)  # of the pieces of a mini-batch

    def gradient(self, h: Array, labels: Array) -> Array:
        """h [b, H], labels [b] -> dL/dh [b, H] per sample (a work array); keeps what `step` learns from."""
        readout = self._readout
        readout.forward(h, labels)
        if (loss := readout.mean_loss()) is not None:
            self._loss *= SKILL
            self._loss += (1 - SKILL) * loss
        d = readout.backward()
        readout.weight_gradients()
        self._sum += self.parameters.gradients
        d *= self.skill
        return d

    @property
    def skill(self) -> float:
        """The gate s, 0 to 1."""
        return min(1.0, max(0.0, (1 - float(self._loss[0]) / self._chance) / FULL))

    def step(self, rate: float) -> float:
        """One update from all pieces since the last one; the norm of the weight gradient."""
        np.divide(self._sum, self._batch, out=self.parameters.gradients)
        self._sum[:] = 0
        self._optimizer.step(rate, 1.0)
        return self.parameters.gradient_norm()

    def skip(self) -> float:
        """No update this time."""
        self._sum[:] = 0
        return 0.0

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        found = {"values": self.parameters.values, "loss": self._loss}
        return found | {f"optimizer/{name}": array for name, array in self._optimizer.state.items()}
