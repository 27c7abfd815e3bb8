"""Settling up: a box corrects what it updated with at once, when the exact gradient of that tick is there.

    g(n) = u(n) + c [E(n-D) - u(n-D)],    D = L (K-1-k),    c = 1 - s D / (D + 8)

u: the weight gradient used at once, from the synthetic gradient and the local read-out; E: that of the exact gradient
of the same tick, through the activations of then and the weights of now. With c = 1 all updates together sum to the
exact delayed gradient, and what is still open. The gate: s is the local read-out's skill (local.py). A read-out that
knows the task is worth more than a gradient that is D ticks old, and of that the less, the older it is.
"""

import numpy as np

from dni_actors.nn.arrays import Array, zeros

OLD = 8.0  # ticks after which a correction counts half beside a skilled local read-out


class Settled:
    """Of a box that is `delay` = D ticks late. Shapes: P weights."""

    def __init__(self, delay: int, size: int, dtype: str) -> None:
        self._delay = delay
        self._used = zeros((delay, size), dtype)  # u of the last D ticks

    def settle(self, n: int, gradients: Array, exact: Array | None, skill: float) -> None:
        """gradients: u(n) [P], which becomes g(n); exact: E(n-D) [P], None as long as there is none; skill: s."""
        place = self._used[n % self._delay]
        if exact is None:
            np.copyto(place, gradients)
            return
        exact -= place
        np.copyto(place, gradients)
        exact *= 1 - skill * self._delay / (self._delay + OLD)
        gradients += exact

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        return {"used": self._used}
