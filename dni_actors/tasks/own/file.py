"""Anybody's own samples, from a file: `file:PATH` of Parquet (a row per sample) or .npz (an array per name).

What its columns may hold stands in columns.py, what labels mean in labels.py, and who learns from what in parts.py.
"""

from functools import cached_property
from pathlib import Path

import numpy as np

from dni_actors.config.checks import ConfigError
from dni_actors.nn.arrays import Array
from dni_actors.nn.digest import digest
from dni_actors.nn.losses import LOSSES
from dni_actors.tasks.kept import kept
from dni_actors.tasks.own.columns import Columns, Unfit, read
from dni_actors.tasks.own.labels import understood
from dni_actors.tasks.own.parts import parts
from dni_actors.tasks.task import Samples, Scaling, Split

PREFIX = "file:"
FEWEST = 10  # samples
LARGEST = 1e30  # scaled, of a sample that is not trained with


class File:
    """A task made of columns. `labels`: what they are, as --labels has it."""

    def __init__(self, columns: Columns, labels: str = "auto") -> None:
        x = columns.x
        if len(x) < FEWEST:
            raise Unfit(f"has {len(x)} samples; give at least {FEWEST}")
        assert columns.labels is not None
        meaning = understood(columns.labels, x.shape[1], labels)
        self.steps: int | None = x.shape[1]
        self.inputs = x.shape[2]
        self.loss, self.per_step, self.classes, self._labels, self.names = meaning
        self._x = x.transpose(1, 0, 2)
        by_class = self._labels if self.loss == "softmax" and not self.per_step else None
        self._parts = parts(len(x), by_class, columns.split, columns.groups)
        self.train, self.validation, self.test = map(len, self._parts)
        begins = columns.begins
        self.begins = None if begins is None else tuple(begins[part] for part in self._parts)
        for name, part in zip(("train", "validate", "test"), self._parts, strict=True):
            if not LOSSES[self.loss].known(self._labels[part]).any():
                raise Unfit(f"has no known label among the {len(part)} samples to {name} with; add samples, or labels")
        self.counts = self._count() if self.loss == "softmax" else None
        self.scaling = self._scaling()

    @cached_property
    def fingerprint(self) -> str:
        """Of all samples, and which of them are for what."""
        beside = [("begins", begins) for begins in self.begins or ()]
        return digest(
            [("x", self._x.transpose(1, 0, 2)), ("labels", self._labels), *beside, *self._parts._asdict().items()]
        )

    def _count(self) -> Array:
        """[C] labels of each class to train with."""
        known = self._labels[self._parts.train]
        return np.bincount(known[known >= 0].reshape(-1), minlength=self.classes)

    def _scaling(self) -> Scaling:
        """Of the training samples, steps before a sequence begins left out. What does not vary tells nothing: 0."""
        x = self._x[:, self._parts.train]
        rows = x.reshape(-1, self.inputs)
        if self.begins is not None:
            rows = x[np.arange(len(x))[:, None] >= self.begins[0]]
        scaling = Scaling(*varies(rows, constant=0.0), np.zeros(self.classes), np.ones(self.classes))
        if self.loss == "squared":
            known = self._labels[self._parts.train].reshape(-1, self.classes)
            scaling = Scaling(scaling.mean, scaling.scale, *varies(known, constant=1.0))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            extreme = np.abs(self._x - scaling.mean).max(axis=(0, 1)) * scaling.factor
        if not (extreme < LARGEST).all():
            i = int(np.argmin(extreme < LARGEST))
            problem = f"has numbers in input {i} of x, in validation or test samples, far beyond those to train with"
            raise Unfit(f"{problem}; drop those samples, or say --no-standardize")
        return scaling

    def load(self, first: int, steps: int) -> Split:
        """See tasks/task.py."""
        window = slice(first, first + steps)
        found = []
        for part in self._parts:
            labels = self._labels[part]
            if self.per_step:
                labels = labels[:, window].swapaxes(0, 1)
            found.append(Samples(self._x[window, part], labels))
        return Split(*found)


def varies(rows: Array, constant: float) -> tuple[Array, Array]:
    """Mean and standard deviation [I] of rows [n, I], NaN left out; `constant` stands for no deviation."""
    rows = rows.astype(np.float64)
    known = ~np.isnan(rows)
    count = np.maximum(1, known.sum(axis=0))
    mean = np.where(known, rows, 0).sum(axis=0) / count
    off = np.where(known, rows - mean, 0)
    deviation = np.sqrt((off * off).sum(axis=0) / count)
    largest = np.abs(np.where(known, rows, 0)).max(axis=0, initial=0.0)
    still = deviation <= 8 * np.finfo(np.float64).eps * largest  # nothing but rounding
    return mean, np.where(still, constant, deviation)


@kept
def made(path: str, labels: str) -> File:
    return File(read(Path(path)), labels)


def file(path: str, labels: str = "auto") -> File:
    """ConfigError says what is wrong with the file. `labels`: auto, classes or numbers."""
    try:
        return made(path, labels)
    except OSError as error:
        reason = error.strerror or str(error)
        problem = f"{PREFIX}{path} cannot be read ({reason}); give a .npz or a .parquet file"
        raise ConfigError("task", problem) from error
    except Unfit as error:
        raise ConfigError("task", f"{PREFIX}{path} {error}") from error
