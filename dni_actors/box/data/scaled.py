"""Numbers as boxes see them: standardised, by figures that are part of the model; and answers back in their own units.

inside = (outside - mean) / scale
"""

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.tasks import Scaling


class Scaled:
    """`by`: copies of a task's figures, which a cut brings back; None: numbers stay as they are. `numbers`: whether
    targets are some."""

    def __init__(self, by: Scaling | None, numbers: bool) -> None:
        self.by = None if by is None else Scaling(*(np.array(array, np.float64) for array in by))
        self._numbers = numbers and by is not None

    def inputs(self, outside: Array) -> Array:
        """[..., I], standardised."""
        return outside if self.by is None else (outside - self.by.mean) * self.by.factor

    def targets(self, labels: Array) -> None:
        """[..., C] numbers, in place."""
        if self._numbers and self.by is not None:
            labels -= self.by.target_mean
            labels /= self.by.target_scale

    def answers(self, said: Array) -> Array:
        """[..., C] numbers that a read-out says, in their own units."""
        if not self._numbers or self.by is None:
            return said
        return said * self.by.target_scale + self.by.target_mean

    @property
    def unit(self) -> Array | float:
        """[C] what a standardised number's 1 is."""
        return self.by.target_scale if self._numbers and self.by is not None else 1.0
