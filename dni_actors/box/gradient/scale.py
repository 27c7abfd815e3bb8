"""The scale of a synthesizer's targets: it learns them in units of their running root mean square.

    SG(z) = sigma net(z),   net learns delta / sigma,   sigma^2 = EMA.98 of mean(delta^2), bias-corrected

Adam moves what a synthesizer says by steps of about one size, whatever the size of gradients: where they are tiny, most
of what it says is its own jitter.
"""

from typing import Any

import numpy as np

from dni_actors.box.messages import Gradient
from dni_actors.nn.arrays import Array

MEMORY = 0.98  # decay of the running mean of squares


class TargetScale:
    """Shapes: B samples, S state width."""

    def __init__(self) -> None:
        self._mean = np.zeros(2)  # of squares; and of ones, which corrects for the start from zero

    @property
    def sigma(self) -> float:
        """Root mean square of targets so far; 1 before there are any but zeros."""
        squares, ones = self._mean.tolist()
        return float(np.sqrt(squares / ones)) if squares > 0 else 1.0

    def scaled(self, answer: Gradient) -> Gradient:
        """What came, the targets [B, S] taken into the mean, in units of sigma: bootstrapped gradients, or the exact
        ones if only these come."""
        targets = answer.exact if answer.gradient is None else answer.gradient
        assert targets is not None
        self._mean *= MEMORY
        self._mean += (1 - MEMORY) * np.array([np.mean(np.square(targets, dtype=np.float64)), 1])
        sigma = self.sigma

        def of(field: Array | None) -> Any:
            return None if field is None else field / sigma

        return answer._replace(
            gradient=of(answer.gradient), next_synthetic=of(answer.next_synthetic), exact=of(answer.exact)
        )

    def state(self) -> dict[str, Array]:
        """All that is carried from tick to tick."""
        return {"scale": self._mean}
