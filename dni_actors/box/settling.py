"""Settling up: what a box's synthetic gradients missed is made up for when the exact ones come.

    g(n) = s(n) + E(n-D) - s(n-D),      D = L (K-1-k)

s is what the gradient at the far boundary, used at once, gave for the weights. E is the same of the exact gradient,
with activations of then and weights of now. All g together are the gradients of `delayed`, and what is still open: so a
box is prompt, and right in the end.

What the box's local read-out gives is no part of it: it is never taken back, and steps by an optimizer of its own. A
read-out that knows all that can be known so early still has gradients, as large as before, of noise. Adam divides by
the size of what it gets: together with them, the small gradients that matter would hardly move a weight.
"""

from dni_actors.box.piece import Piece
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters


class Settling:
    """Of box k, D ticks before the last one; P weights."""

    def __init__(self, config: RunConfig, k: int, parameters: Parameters) -> None:
        self._parameters, self._batch = parameters, config.learning.batch
        self._delay = config.lag * (config.boxes - 1 - k)
        shape, dtype = parameters.gradients.shape, parameters.gradients.dtype
        self._used = zeros((min(self._delay, config.ticks), *shape), dtype)  # s of the last D ticks
        self._owed = zeros(shape, dtype)  # corrections that no update has taken yet
        self._now, self._local = zeros(shape, dtype), zeros(shape, dtype)

    def settle(self, n: int, now: Piece, then: Piece | None, heard: bool, updates: bool) -> Array | None:
        """In tick n, makes g(n) of the parameters' gradients, which are those of all that the passage went back with.

        Args:
            n: the tick.
            now: its passage.
            then: the passage of tick n - D, which the exact gradient has gone back through; None: none has come yet, or
                the box made no update in that tick, and owes it nothing.
            heard: whether a local read-out's gradient is among them.
            updates: whether the box updates in this tick; if not, the correction waits for the next update.

        Returns the part of the local read-out [P] (a work array), None if it is not heard.
        """
        gradients, used = self._parameters.gradients, self._used[n % len(self._used)]
        self._now[:] = gradients
        if heard:
            now.backward(None)
            self._weight_gradients(now)
            self._local[:] = gradients
            self._now -= gradients
        if then is not None:
            self._weight_gradients(then)
            gradients -= used
            self._owed += gradients
        used[:] = self._now
        gradients[:] = self._now
        if updates:
            gradients += self._owed
            self._owed[:] = 0
        return self._local if heard else None

    def _weight_gradients(self, piece: Piece) -> None:
        """Means over the mini-batch, into the parameters' gradients."""
        piece.weight_gradients()
        self._parameters.gradients /= self._batch

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        return {"used": self._used, "owed": self._owed}
