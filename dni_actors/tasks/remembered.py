"""A task as a run's record remembers it: its facts without its samples, to use what was trained on them."""

from typing import Any

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.nn.losses import LOSSES
from dni_actors.tasks.task import Samples, Scaling, Split, Streaming, Task, optional

NEEDED = ("steps", "inputs", "classes", "loss", "per_step", "train", "validation", "test")
KIND = ("steps", "inputs", "classes", "loss", "per_step", "ragged", "names")
"""facts in which the data of two tasks have to be alike, for boxes trained on the one to fit the other"""


def facts(task: Task) -> dict[str, Any] | None:
    """For the manifest; None of a stream, which is drawn from what the task itself knows."""
    if isinstance(task, Streaming):
        return None
    more = optional(task)
    found = {name: getattr(task, name) for name in NEEDED} | {"ragged": more.begins is not None}
    found |= {} if more.names is None else {"names": list(more.names)}
    found |= {} if more.counts is None else {"counts": np.asarray(more.counts).tolist()}
    if more.scaling is not None:
        found["scaling"] = {name: np.asarray(array).tolist() for name, array in more.scaling._asdict().items()}
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in found.items()}


class Remembered:
    """Says how many samples there were, and has none of them."""

    steps: int | None
    inputs: int
    classes: int
    loss: str
    per_step: bool
    train: int
    validation: int
    test: int
    names: tuple[str, ...] | None = None
    counts: Array | None = None
    scaling: Scaling | None = None
    begins: tuple[Array, Array, Array] | None = None

    @classmethod
    def of(cls, known: dict[str, Any]) -> "Remembered":
        """ValueError if that is no such record."""
        found = cls()
        try:
            for name in NEEDED:
                setattr(found, name, known[name])
            if known.get("names") is not None:
                found.names = tuple(map(str, known["names"]))
            if known.get("counts") is not None:
                found.counts = np.array(known["counts"], np.int64)
            if known.get("scaling") is not None:
                found.scaling = Scaling(**{name: np.array(array, float) for name, array in known["scaling"].items()})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"manifest.json does not say what the task is ({error!r}); restore it") from error
        if known.get("ragged"):
            found.begins = (np.zeros(0, np.int64),) * 3
        return found

    def load(self, first: int, steps: int) -> Split:
        """Empty arrays."""
        shape = (steps, 0) if self.per_step else (0,)
        nothing = Samples(np.zeros((steps, 0, self.inputs), np.float32), LOSSES[self.loss].targets(shape, self.classes))
        return Split(nothing, nothing, nothing)
