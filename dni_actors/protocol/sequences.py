"""Sequences that somebody wants answers to, as the boxes take them: all end together, at the last step."""

from typing import Any, NamedTuple

import numpy as np

from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array
from dni_actors.tasks import optional
from dni_actors.tasks.own.columns import ending_together


class Sequences(NamedTuple):
    """Of N samples of at most T steps."""

    x: Array
    """[N, T, I]"""
    begins: Array
    """[N] the step at which each begins"""
    steps: int
    """that were given; the rest lies before them"""

    def as_given(self, said: Array) -> Array:
        """What is said of each step [N, T, C] -> [N, steps, C], from a sequence's first step on; NaN behind its end."""
        at = np.arange(self.steps) + self.begins[:, None]
        found = said[np.arange(len(said))[:, None], np.minimum(at, said.shape[1] - 1)]
        if not (inside := at < said.shape[1]).all():
            found = np.where(inside[..., None], found, np.nan)
        return found


def sequences(x: Any, lengths: Any, config: RunConfig, any_length: bool) -> Sequences:
    """See `Model.outputs`. ValueError says what does not fit."""
    task, wanted, ragged = config.task, config.steps, optional(config.task).begins is not None
    if isinstance(x, list | tuple) and len({np.shape(one)[:1] for one in x}) > 1:
        if lengths is not None:
            raise ValueError("x is a list of sequences of unequal lengths, and lengths are given, too; drop one")
        x, lengths = of_list(x)
    x = np.asarray(x)
    x = x[..., None] if x.ndim == 2 and task.inputs == 1 else x
    any_steps = "T" if any_length else f"{'up to ' if ragged else ''}{wanted}"
    if x.ndim != 3 or x.shape[2] != task.inputs or not x.shape[1]:
        shape = f"[N, {any_steps}, {task.inputs}]: samples, steps, inputs"
        raise ValueError(f"the input is {list(x.shape)}; give {shape}" + (", or no last axis" * (task.inputs == 1)))
    if x.dtype.kind not in "fiub":
        raise ValueError(f"the input is of type {x.dtype}; give numbers")
    steps = x.shape[1]
    begins = np.zeros(len(x), np.int64)
    if lengths is not None:
        lengths = np.asarray(lengths)
        if lengths.shape != (len(x),) or lengths.dtype.kind not in "iu":
            raise ValueError(f"lengths are {list(lengths.shape)} of type {lengths.dtype}; give {len(x)} whole numbers")
        if len(x) and not (lengths.min() >= 1 and lengths.max() <= steps):
            raise ValueError(f"lengths are {lengths.min()} to {lengths.max()}; give 1 to {steps}")
        x, _ = ending_together(x, None, lengths.astype(np.int64))
        begins = steps - lengths.astype(np.int64)
    if ragged and steps < wanted:
        x = np.concatenate([np.zeros((len(x), wanted - steps, x.shape[2]), x.dtype), x], axis=1)
        begins = begins + wanted - steps
    elif begins.any() and not (ragged or any_length):
        raise ValueError(
            f"lengths are {lengths.min()} to {lengths.max()}; the boxes have learned from {wanted} steps only"
        )
    elif steps != wanted and not any_length:
        shape = f"[N, {any_steps}, {task.inputs}]: samples, steps, inputs"
        raise ValueError(f"the input is {list(x.shape)}; give {shape}")
    return Sequences(x, begins, steps)


def of_list(several: list[Any] | tuple[Any, ...]) -> tuple[Array, Array]:
    """Arrays [t, I] or [t], as one [N, T, I], and their lengths [N]."""
    arrays = [np.asarray(one) for one in several]
    if {a.ndim for a in arrays} - {1, 2} or len({a.shape[1:] for a in arrays}) > 1 or not all(map(len, arrays)):
        raise ValueError("x is a list of arrays that do not fit together; give each as [t, I], with a step at least")
    lengths = np.array([len(a) for a in arrays])
    found = np.zeros((len(arrays), lengths.max(), *arrays[0].shape[1:]), np.result_type(*arrays))
    for row, a in zip(found, arrays, strict=True):
        row[: len(a)] = a
    return found, lengths
