"""What a task goes by: one figure of an evaluation, as people read it."""

import math
from typing import NamedTuple

from dni_actors.protocol.program import Evaluation
from dni_actors.tasks import Streaming, Task


class Figure(NamedTuple):
    """Of the test samples."""

    name: str
    """what it is: accuracy, squared error, bits per step, symbols"""
    value: float
    text: str
    """the value as it is shown, in short"""

    @property
    def sinks(self) -> bool:
        """Whether less is better."""
        return self.name in ("squared error", "bits per step")

    @property
    def words(self) -> str:
        """As they follow the word test."""
        return f"accuracy {self.value:.2%}" if self.name == "accuracy" else self.text


def bits(task: Task, evaluation: Evaluation) -> float | None:
    """Bits per step of a stream: of a text, per character."""
    return evaluation.loss / math.log(2) if isinstance(task, Streaming) and task.loss == "softmax" else None


def squared_error(task: Task, evaluation: Evaluation) -> float | None:
    """Mean squared error of a task of numbers."""
    return evaluation.error if task.loss == "squared" else None


def figure(task: Task, evaluation: Evaluation) -> Figure:
    """A curriculum's level, bits of a stream, the error of numbers, else the share of right answers."""
    if math.isfinite(evaluation.reached):
        return Figure("symbols", evaluation.reached, f"{evaluation.reached:.0f} symbols")
    if (found := squared_error(task, evaluation)) is not None:
        return Figure("squared error", found, f"error {found:.4g}")
    if (found := bits(task, evaluation)) is not None:
        return Figure("bits per step", found, f"{found:.3f} bits")
    return Figure("accuracy", evaluation.accuracy, f"{evaluation.accuracy:.1%}")
