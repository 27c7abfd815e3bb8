"""Settling up: what a box's synthetic gradients missed is made up for when the exact ones come.

    g(n) = u(n) + c [E(n-D) - u(n-D)],      D = L (K-1-k),      c = 1 - s D / (D + 8)

u is the weight gradient that the box used at once. E is that of the exact gradient of the same tick, with activations
of then and weights of now. With c = 1 all updates together are those of `delayed`, and what is still open; so a box is
prompt, and right in the end. A late correction disturbs a box that already learns well by itself: s, the gate of its
local read-out (gradient/local.py), makes it smaller, the more so the later it comes.
"""

from dni_actors.box.piece import Piece
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters

PATIENCE = 8  # ticks of delay at which a skilled box takes half of the correction


class Settling:
    """Of box k, D ticks before the last one; P weights."""

    def __init__(self, config: RunConfig, k: int, parameters: Parameters) -> None:
        self._parameters, self._batch = parameters, config.learning.batch
        self._delay = config.lag * (config.boxes - 1 - k)
        shape, dtype = parameters.gradients.shape, parameters.gradients.dtype
        self._used = zeros((min(self._delay, config.ticks), *shape), dtype)  # u of the last D ticks
        self._owed = zeros(shape, dtype)  # corrections that no update has taken yet
        self._now = zeros(shape, dtype)

    def share(self, skill: float) -> float:
        """c, from the gate s of the local read-out."""
        return 1 - skill * self._delay / (self._delay + PATIENCE)

    def settle(self, n: int, then: Piece | None, skill: float, updates: bool) -> None:
        """In tick n, adds to the parameters' gradients what is owed, if the box updates; keeps them as they were.

        Args:
            n: the tick.
            then: the passage of tick n - D, which the exact gradient has gone back through; None: none has come yet, or
                the box made no update in that tick, and owes it nothing.
            skill: s, the gate of the local read-out.
            updates: whether the box updates in this tick; if not, the correction waits for the next update.
        """
        gradients = self._parameters.gradients
        used = self._used[n % len(self._used)]
        self._now[:] = gradients
        if then is not None:
            then.weight_gradients()
            gradients /= self._batch
            gradients -= used
            gradients *= self.share(skill)
            self._owed += gradients
        used[:] = self._now
        gradients[:] = self._now
        if updates:
            gradients += self._owed
            self._owed[:] = 0

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        return {"used": self._used, "owed": self._owed}
