"""Shared weights: all boxes are one RNN, and tell each other every S ticks what they have learned.

At the start of tick j S a box puts aside D_k, the sum of its weight gradients since the last time; P_k = P_{k-1} + D_k
rides on State j S, and from the last box the total T comes back on Gradient messages, L ticks a boundary. On T / S each
box makes one and the same step of one optimizer: bases are bit-equal in boxes that have heard of as many totals.
"""

import numpy as np

from dni_actors.box.piece import initialise, shapes
from dni_actors.box.weights import OwnWeights
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.optimizer import OPTIMIZERS
from dni_actors.nn.parameters import Parameters


def shared_shapes(config: RunConfig) -> dict[str, tuple[int, ...]]:
    """Of the weights that all boxes share: the cell's, and the read-out's where every box has one."""
    return shapes(config, 0) if config.boxes > 1 or config.task.per_step else {}


def size(config: RunConfig) -> int:
    """Numbers in the vector of shared weights."""
    return Parameters.size(shared_shapes(config), config.chain.precision)


class SharedWeights(OwnWeights):
    """Box k's end of the exchange; P shared weights. What it does not share (a read-out at the end) steps by itself."""

    def __init__(self, config: RunConfig, k: int, parameters: Parameters) -> None:
        super().__init__(config, k, parameters)
        dtype = config.chain.precision
        self._every = config.chain.sync_every
        self._first, self._last = k == 0, k == config.boxes - 1
        self._delay = config.lag * (config.boxes - 1 - k)
        self._base = Parameters(shared_shapes(config), dtype)
        count = self._base.values.size
        if config.unrolls[k]:
            self._base.values[:] = parameters.values[:count]
            self._values, self._gradients = parameters.values[:count], parameters.gradients[:count]
        else:  # a read-out alone only hands sums on, but its base is everybody's
            initialise(config, 0, self._base)
            self._values, self._gradients = self._base.values, zeros(count, dtype)
        self._slots = self._delay // self._every + 2
        self._pending = zeros((self._slots, count), dtype)
        self._gathered, self._sum = zeros(count, dtype), zeros(count, dtype)
        self._total: Array | None = None
        self._of_all = OPTIMIZERS[config.learning.optimizer](self._base)

    @property
    def base(self) -> Parameters:
        """The shared weights, as far as totals have come."""
        return self._base

    def _exchanges(self, n: int) -> bool:
        return n > 0 and n % self._every == 0

    def begin(self, n: int) -> None:
        """Tick n begins: puts what was gathered aside when it is time."""
        self._total = None
        if self._exchanges(n):
            self._pending[n // self._every % self._slots], self._gathered[:] = self._gathered, 0

    def step(self, rate: float) -> None:
        """Gathers this tick's gradients of the shared weights; the others step."""
        self._gathered += self._gradients
        self._gradients[:] = 0
        super().step(rate)

    def step_locally(self, rate: float) -> None:
        """Gathers them with the others: all boxes have one optimizer."""
        self._gathered += self._gradients

    def enter(self, n: int, before: Array | None, rate: float) -> None:
        """With State n came the sum [P] of the boxes before this one; None in box 0."""
        if not self._exchanges(n):
            return
        own = self._pending[n // self._every % self._slots]
        np.add(own, 0 if self._first or before is None else before, out=self._sum)
        if self._last:
            self._settle(self._sum, rate)

    def sum(self, n: int) -> Array | None:
        """[P], which rides on State n."""
        return self._sum if self._exchanges(n) and not self._last else None

    def receive(self, n: int, total: Array, rate: float) -> None:
        """A total [P] came in tick n."""
        self._settle(total, rate)

    def _settle(self, total: Array, rate: float) -> None:
        self._total = total
        np.divide(total, self._every, out=self._base.gradients)
        self._of_all.step(rate, 1.0)
        self._values[:] = self._base.values

    def total(self) -> Array | None:
        """[P], which goes back with this tick's gradient."""
        return None if self._first else self._total

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        found = super().state() | {"base": self._base.values, "pending": self._pending, "gathered": self._gathered}
        return found | {f"shared optimizer/{name}": array for name, array in self._of_all.state.items()}
