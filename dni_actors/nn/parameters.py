"""Named weights laid end to end in one vector, their gradients in another: one update, one norm, one digest."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import DTypeLike

from dni_actors.nn.arrays import ALIGNMENT, Array, zeros


class Parameters:
    """`values` and `gradients` are flat vectors of equal layout; `self[name]` and `gradient(name)` are shaped views.

    Each weight starts on a cache line; the gaps between them stay zero in both vectors.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], dtype: DTypeLike) -> None:
        starts, size = self._layout(shapes, dtype)
        self.values = zeros(size, dtype)
        self.gradients = zeros(size, dtype)
        self._values = {n: self._view(self.values, starts[n], s) for n, s in shapes.items()}
        self._gradients = {n: self._view(self.gradients, starts[n], s) for n, s in shapes.items()}

    @staticmethod
    def _layout(shapes: Mapping[str, tuple[int, ...]], dtype: DTypeLike) -> tuple[dict[str, int], int]:
        step = ALIGNMENT // np.dtype(dtype).itemsize
        starts, size = {}, 0
        for name, shape in shapes.items():
            starts[name] = size
            size += -(-int(np.prod(shape)) // step) * step
        return starts, size

    @classmethod
    def size(cls, shapes: Mapping[str, tuple[int, ...]], dtype: DTypeLike) -> int:
        """Numbers in the vectors, gaps included."""
        return cls._layout(shapes, dtype)[1]

    @staticmethod
    def _view(flat: Array, start: int, shape: tuple[int, ...]) -> Array:
        return flat[start : start + int(np.prod(shape))].reshape(shape)

    def __getitem__(self, name: str) -> Array:
        return self._values[name]

    def gradient(self, name: str) -> Array:
        return self._gradients[name]

    def items(self) -> Iterator[tuple[str, Array]]:
        """(name, weight) in the order they were named: the order of the digest."""
        yield from self._values.items()

    def gradient_norm(self) -> float:
        """Euclidean norm over all gradients; not finite when any gradient is not."""
        return float(np.sqrt(self.gradients.dot(self.gradients)))
