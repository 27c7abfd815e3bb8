"""Weight stashing: a late gradient goes back through the weights that its passage went forward with (PipeDream)."""

from collections.abc import Iterator
from contextlib import contextmanager

from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters


class StashedWeights:
    """Of the passages under way; P weights."""

    def __init__(self, parameters: Parameters, passages: int) -> None:
        values = parameters.values
        self._values = values
        self._now = zeros(values.shape, values.dtype)
        self._then = zeros((passages, values.size), values.dtype)

    def keep(self, passage: int) -> None:
        """This passage goes forward now."""
        self._then[passage] = self._values

    @contextmanager
    def of(self, passage: int) -> Iterator[None]:
        """The weights are those of that passage, for a while."""
        self._now[:] = self._values
        self._values[:] = self._then[passage]
        try:
            yield
        finally:
            self._values[:] = self._now

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        return {"then": self._then}
