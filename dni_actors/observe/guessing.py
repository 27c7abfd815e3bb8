"""The baseline that a chain has to beat: always the same answer, chosen by the training labels alone."""

import math
from typing import NamedTuple

import numpy as np

from dni_actors.box.data.checked import Checked
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array
from dni_actors.nn.losses import LOSSES
from dni_actors.tasks import Fresh
from dni_actors.tasks.told import class_names


class Guess(NamedTuple):
    """Always the same answer."""

    answer: str
    """in words, as they follow `always saying`"""
    value: float
    """of the test samples: the share of right answers; of numbers the mean squared error, of streams bits per step"""
    asked: int
    """test samples, or steps, that were asked; 0 of a stream"""


def guessing(config: RunConfig) -> Guess | None:
    """The commonest class, the commonest bits, the mean. None where the task has nothing of the kind. ConfigError if
    its data cannot be had."""
    task = config.task
    if config.streaming is not None:
        return Guess("nothing", math.log2(task.classes), 0) if task.loss == "softmax" else None
    steps = config.steps if task.per_step else 0
    train, validation, test = (part.labels for part in Checked(config).split(0, steps))
    return of_labels(task.loss, validation if isinstance(task, Fresh) else train, test, class_names(task))


def of_labels(loss: str, train: Array, test: Array, names: tuple[str, ...]) -> Guess | None:
    """From labels as `Samples` has them."""
    if loss == "softmax":
        seen, asked = train[train >= 0], test[test >= 0]
        if not seen.size or not asked.size:
            return None
        commonest = int(np.bincount(seen).argmax())
        return Guess(f"class {names[commonest]}", float((asked == commonest).mean()), asked.size)
    seen, asked = (labels.reshape(-1, labels.shape[-1]) for labels in (train, test))
    asked = asked[LOSSES[loss].known(asked) > 0]
    count = (~np.isnan(seen)).sum(axis=0)
    if not count.all() or not asked.size:
        return None
    mean = np.nansum(seen, axis=0) / count
    off = np.where(np.isnan(asked), 0, asked - mean)
    if loss == "squared":
        return Guess("the mean", float((off * off).sum() / (~np.isnan(asked)).sum()), len(asked))
    right = (np.isnan(asked) | ((mean > 0.5) == (asked > 0.5))).all(axis=1)
    return Guess("the commonest bits", float(right.mean()), len(asked))
