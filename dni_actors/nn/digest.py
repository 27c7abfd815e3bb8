"""A digest of weights: equal digests mean equal bits."""

import hashlib
from collections.abc import Iterable

from dni_actors.nn.arrays import Array


def digest(named: Iterable[tuple[str, Array]]) -> str:
    """SHA-256 over names, types, shapes and little-endian bytes, in the order given; 16 hexadecimal digits of it."""
    total = hashlib.sha256()
    for name, array in named:
        total.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        total.update(array.astype(array.dtype.newbyteorder("<"), order="C").tobytes())
    return total.hexdigest()[:16]


def combine(digests: Iterable[str]) -> str:
    """One digest over those of all boxes, in the order of the boxes."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]
