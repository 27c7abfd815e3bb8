"""Weight stashing: a late gradient goes back through the weights that its passage went forward with (PipeDream)."""

from collections.abc import Iterator
from contextlib import contextmanager

from dni_actors.box.weights import OwnWeights
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array, zeros
from dni_actors.nn.parameters import Parameters


class StashedWeights(OwnWeights):
    """A box's own, and what they were for each passage under way; P weights."""

    def __init__(self, config: RunConfig, k: int, parameters: Parameters, passages: int) -> None:
        super().__init__(config, k, parameters)
        values = parameters.values
        self._now = zeros(values.shape, values.dtype)
        self._then = zeros((passages, values.size), values.dtype)

    def keep(self, passage: int) -> None:
        """This passage goes forward now."""
        self._then[passage] = self.parameters.values

    @contextmanager
    def of(self, passage: int) -> Iterator[None]:
        """The weights are those of that passage, for a while."""
        values = self.parameters.values
        self._now[:] = values
        values[:] = self._then[passage]
        try:
            yield
        finally:
            values[:] = self._now

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        return super().state() | {"stashed": self._then}
