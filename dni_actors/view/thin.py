"""Long curves made short: of every stretch the least and the most stay, so that no spike is lost."""

import numpy as np

from dni_actors.nn.arrays import Array

POINTS = 800


def thin(x: Array, y: Array, points: int = POINTS) -> tuple[Array, Array]:
    """x, y [n] -> at most `points` of them, in order: of each stretch the y that is least and most, and both ends.

    NaN is left out.
    """
    there = np.isfinite(y)
    x, y = x[there], y[there]
    if len(x) <= points:
        return x, y
    stretches = np.array_split(np.arange(len(x)), max(1, (points - 2) // 2))
    kept = {0, len(x) - 1}
    for stretch in stretches:
        kept |= {int(stretch[y[stretch].argmin()]), int(stretch[y[stretch].argmax()])}
    chosen = np.array(sorted(kept))
    return x[chosen], y[chosen]


def grid(x: Array, y: Array, edges: Array) -> Array:
    """Means of y in the cells between edges of x; NaN where a cell has none."""
    there = np.isfinite(y)
    sums, _ = np.histogram(x[there], edges, weights=y[there])
    counts, _ = np.histogram(x[there], edges)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / counts)
