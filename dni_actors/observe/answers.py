"""Some test samples and what the trained boxes say of them, to be looked at."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.protocol.model import Model
from dni_actors.tasks.told import class_names

EACH = 4  # samples that are shown of the right answers, and of the wrong ones


class Answer(NamedTuple):
    x: Array
    """[T, I] the sample"""
    wanted: str
    said: str
    right: bool | None
    """None of numbers, which are never quite right"""


class Answers(NamedTuple):
    shown: list[Answer]
    asked: int
    """test samples in all"""
    wrong: int | None
    """of these; None of numbers"""


def answers(model: Model) -> Answers | None:
    """Some test samples that a model answers rightly and wrongly, of different classes; of numbers the first ones.

    None for tasks that ask at every step, or for bits. ConfigError if the samples cannot be had.
    """
    config = model.config
    task = config.task
    if config.streaming is not None or task.per_step or task.loss == "bits":
        return None
    said, labels = model.of_test_samples()
    x = task.load(0, config.steps).test.x.transpose(1, 0, 2)
    if task.loss == "squared":
        numbers = [Answer(x[i], words(labels[i]), words(said[i]), None) for i in range(min(2 * EACH, len(x)))]
        return Answers(numbers, len(x), None)
    names, classes = class_names(task), said.argmax(axis=1)
    right = classes == labels
    chosen = [*mixed(np.flatnonzero(right), labels)[:EACH], *mixed(np.flatnonzero(~right), labels)[:EACH]]
    shown = [
        Answer(
            x[i], names[int(labels[i])], f"{names[int(classes[i])]} ({said[i, classes[i]]:.0%} sure)", bool(right[i])
        )
        for i in chosen
    ]
    return Answers(shown, len(x), int((~right).sum()))


def mixed(samples: Array, labels: Array) -> list[int]:
    """Samples in an order that takes one of each class, then another one of each."""
    seen: Counter[int] = Counter()
    ranked = []
    for i in samples.tolist():
        ranked.append((seen[labels[i]], int(labels[i]), i))
        seen[labels[i]] += 1
    return [i for _, _, i in sorted(ranked)]


def words(numbers: Array) -> str:
    return ", ".join(f"{number:.3g}" for number in np.atleast_1d(numbers))
