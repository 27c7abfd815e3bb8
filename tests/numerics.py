"""Finite differences: what every gradient in this package is checked against."""

from collections.abc import Callable

import numpy as np

from dni_actors.nn.arrays import Array


def numeric_gradient(loss: Callable[[], float], array: Array, step: float = 1e-6) -> Array:
    """d loss / d array by central differences; `array` (float64) is changed and restored."""
    gradient = np.zeros_like(array)
    for at in np.ndindex(array.shape):
        kept = array[at]
        array[at] = kept + step
        above = loss()
        array[at] = kept - step
        below = loss()
        array[at] = kept
        gradient[at] = (above - below) / (2 * step)
    return gradient


def frozen(array: Array) -> Array:
    """A read-only copy, as messages are."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy
