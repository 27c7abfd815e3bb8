"""Aligned work arrays: the bits and the speed of a product must not depend on where malloc put it."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Arrays = tuple[Array, ...]
ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
CACHED = 2**16  # numbers of a work array that stay in the cache from one call to the next


def zeros(shape: int | tuple[int, ...], dtype: DTypeLike) -> Array:
    """A zeroed C-contiguous array of `shape` whose first byte lies at a multiple of 64 bytes."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    block = np.zeros(size + ALIGNMENT, np.uint8)
    start = -block.ctypes.data % ALIGNMENT
    return block[start : start + size].view(kind).reshape(shape)


def blocks(steps: int, numbers: int) -> list[slice]:
    """Steps, so many numbers each, last block first: as many at once as stay in the cache. What does not depend on the
    step before is computed for a whole block, in one call."""
    most = max(1, CACHED // numbers)
    return [slice(max(0, end - most), end) for end in range(steps, 0, -most)]
