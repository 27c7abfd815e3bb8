"""Shared weights: boxes with equal weights, which tell each other every S ticks what they have learned.

At the start of tick j S a box puts aside the sum D_k of its gradients since the last time; P_k = P_{k-1} + D_k rides on
State j S, and from the last box the total T comes back on Gradient messages, L ticks a boundary. On T, in order of j,
every box takes one and the same step of one optimizer from T / S: the weights are bit-equal in every box.
"""

import numpy as np

from dni_actors.box.piece import initialise, shapes
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, Arrays, zeros
from dni_actors.nn.optimizer import OPTIMIZERS
from dni_actors.nn.parameters import Parameters


def shared_shapes(config: RunConfig) -> dict[str, tuple[int, ...]]:
    """Of the weights that all boxes share: the cell's, and the read-out's where every box has one."""
    return shapes(config, 0) if config.boxes > 1 or config.task.per_step else {}


def size(config: RunConfig) -> int:
    """Numbers in the vector of shared weights."""
    return Parameters.size(shared_shapes(config), config.chain.precision)


class SharedWeights:
    """Box k's end of the exchange; P shared weights."""

    def __init__(self, config: RunConfig, k: int, parameters: Parameters) -> None:
        self._every, self._lag = config.chain.sync_every, config.lag
        self._first, self._last = k == 0, k == config.boxes - 1
        self._delay = config.lag * (config.boxes - 1 - k)
        self._has_steps = config.unrolls[k] > 0
        self.base = Parameters(shared_shapes(config), config.chain.precision)
        if not self._has_steps:  # a read-out alone only hands sums on, but its base is everybody's
            initialise(config, 0, self.base)
        count = self.base.values.size
        self._values = parameters.values[:count] if self._has_steps else self.base.values.copy()
        self._gradients = parameters.gradients[:count] if self._has_steps else zeros(count, config.chain.precision)
        self.base.values[:] = self._values
        self._slots = self._delay // self._every + 2
        self._pending = zeros((self._slots, count), config.chain.precision)
        self._gathered = zeros(count, config.chain.precision)
        self._sum = zeros(count, config.chain.precision)
        self._total: Array | None = None
        self._optimizer = OPTIMIZERS[config.learning.optimizer](self.base)

    def _exchanges(self, n: int) -> bool:
        return n > 0 and n % self._every == 0

    def begin(self, n: int) -> None:
        """Tick n begins: puts the gradients aside when it is time."""
        self._total = None
        if not self._exchanges(n):
            return
        into = self._pending[n // self._every % self._slots]
        into[:], self._gathered[:] = self._gathered, 0

    def gather(self) -> None:
        """A gradient of this tick: the box takes no step of its own."""
        self._gathered += self._gradients
        self._gradients[:] = 0

    def enter(self, n: int, arrays: Arrays, rate: float) -> None:
        """With State n came, last, the sum of the boxes before this one (none in box 0)."""
        if not self._exchanges(n):
            return
        own = self._pending[n // self._every % self._slots]
        np.add(own, 0 if self._first else arrays[-1], out=self._sum)
        if self._last:
            self._settle(n, self._sum, rate)

    def sum(self, n: int) -> tuple[Array, ...]:
        """What rides on State n."""
        return (self._sum,) if self._exchanges(n) and not self._last else ()

    def expects(self, n: int) -> bool:
        """Whether a total comes with the gradient taken in tick n."""
        return not self._last and self._exchanges(n - self._delay)

    def receive(self, n: int, total: Array, rate: float) -> None:
        """A total came in tick n."""
        self._settle(n - self._delay, total, rate)

    def _settle(self, n: int, total: Array, rate: float) -> None:
        self._total = total
        pending = self._pending[n // self._every % self._slots]
        pending[:] = 0
        np.divide(total, self._every, out=self.base.gradients)
        self._optimizer.step(rate, 1.0)
        self._values[:] = self.base.values

    def total(self) -> tuple[Array, ...]:
        """What goes back with this tick's gradient."""
        return () if self._total is None or self._first else (self._total,)

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        found = {"base": self.base.values, "pending": self._pending, "gathered": self._gathered}
        if not self._has_steps:
            found["values"] = self._values
        return found | {f"optimizer/{name}": array for name, array in self._optimizer.state.items()}
