"""Anybody's own samples, from a file: `file:PATH` of Parquet (a row per sample) or .npz (an array per name).

x is [N, T, I], or [N, T] of one input. Labels that are whole numbers are classes, of the sequence [N] or of each step
[N, T] (-1 where nothing is asked). Others are numbers to come near to: one [N] or C of the sequence [N, C], or C of
each step [N, T, C] (NaN where nothing is asked). A tenth each is for validation and test, chosen by lot.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dni_actors.config.checks import ConfigError
from dni_actors.nn.arrays import Array
from dni_actors.nn.digest import digest
from dni_actors.nn.losses import LOSSES
from dni_actors.nn.streams import Stream, generator
from dni_actors.tasks.kept import kept
from dni_actors.tasks.task import Samples, Split

PREFIX = "file:"
COLUMNS = ("x", "labels")
FEWEST = 10  # samples
PART = 10  # one sample in so many is for validation, another one for the test
MOST_CLASSES = 100_000


class Unfit(ValueError):
    """What is wrong with a file, and what to do."""


class File:
    """See above."""

    def __init__(self, path: Path) -> None:
        x, labels = read(path)
        x = x[..., None] if x.ndim == 2 else x
        check(x, labels)
        x = x.astype(np.float32)
        self.steps: int | None = x.shape[1]
        self.inputs = x.shape[2]
        classes = labels.dtype.kind in "iub"
        self.loss = "softmax" if classes else "squared"
        self.per_step = labels.ndim == (2 if classes else 3)
        self.classes = int(labels.max()) + 1 if classes else labels.shape[-1] if labels.ndim > 1 else 1
        if not classes and labels.ndim == 1:
            labels = labels[:, None]
        order = generator(0, Stream.HELD_OUT, 0).permutation(len(x))
        self.validation = self.test = max(1, len(x) // PART)
        self.train = len(x) - self.validation - self.test
        self._x = x.transpose(1, 0, 2)
        self._labels = labels.astype(np.int64 if classes else np.float64)
        self._parts = np.split(order, [self.train, self.train + self.validation])
        for name, part in zip(("train", "validate", "test"), self._parts, strict=True):
            if not LOSSES[self.loss].known(self._labels[part]).any():
                raise Unfit(f"has no known label among the {len(part)} samples to {name} with; add samples, or labels")

    @cached_property
    def fingerprint(self) -> str:
        """Of all samples."""
        return digest([("x", self._x.transpose(1, 0, 2)), ("labels", self._labels)])

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


def check(x: Array, labels: Array) -> None:
    """Unfit if they are no samples."""
    shapes = f"x {list(x.shape)} and labels {list(labels.shape)}"
    if x.dtype.kind not in "fiub" or labels.dtype.kind not in "fiub":
        raise Unfit(f"has x of type {x.dtype} and labels of type {labels.dtype}; give numbers")
    whole = labels.dtype.kind in "iub"
    if (
        x.ndim != 3
        or labels.ndim == 0
        or 0 in x.shape[1:]
        or len(x) != len(labels)
        or labels.ndim > (2 if whole else 3)
    ):
        raise Unfit(f"has {shapes}; give x [N, T, I], and a label, or T of them, for each of the N")
    if len(x) < FEWEST:
        raise Unfit(f"has {len(x)} samples; give at least {FEWEST}")
    per_step = labels.ndim == (2 if whole else 3)
    if labels.size == 0 or (per_step and labels.shape[1] != x.shape[1]):
        raise Unfit(f"has {shapes}; labels of each step are as many as the steps")
    with np.errstate(over="ignore"):  # that is what is looked for
        finite = np.isfinite(x.astype(np.float32)).all(axis=(1, 2))
    if not finite.all():
        problem = f"has NaN, infinite or too large numbers in x, first in sample {np.flatnonzero(~finite)[0]}"
        raise Unfit(f"{problem}; fill in what is missing, and keep the others below 1e38")
    if whole:
        if labels.min() < (-1 if per_step else 0) or not 0 < labels.max() < MOST_CLASSES:
            problem = f"has labels from {labels.min()} to {labels.max()}; number the classes 0, 1 and so on"
            raise Unfit(problem if labels.max() < MOST_CLASSES else f"{problem}, or give floats for regression")
    elif np.isinf(labels).any() or (np.isnan(labels).any() and not per_step):
        raise Unfit("has NaN or infinite numbers among the labels; drop those samples")


def read(path: Path) -> tuple[Array, Array]:
    """x and labels. OSError if there is no such file; Unfit if it is something else."""
    if path.suffix == ".npz":
        found = from_npz(path)
    elif path.suffix in (".parquet", ".pq"):
        found = from_parquet(path)
    else:
        raise Unfit("is of no known kind; give a .npz or a .parquet file")
    return found["x"], found["labels"]


def named(names: Any) -> None:
    if not set(COLUMNS) <= set(names):
        raise Unfit(f"has {', '.join(names) or 'nothing'}; give {' and '.join(COLUMNS)}")


def from_npz(path: Path) -> dict[str, Array]:
    """Nothing in it is executed."""
    path.stat()
    try:
        with np.load(path, allow_pickle=False) as file:
            named(file.files)
            return {name: file[name] for name in COLUMNS}
    except (Unfit, OSError):
        raise
    except Exception as error:  # a broken zip, a pickle, and whatever else a file can be
        raise Unfit("holds no arrays of numbers; write them with numpy.savez, all sequences of one length") from error


def from_parquet(path: Path) -> dict[str, Array]:
    import pyarrow as pa  # late: boxes of other tasks shall not load it
    from pyarrow import parquet

    path.stat()
    try:
        schema = parquet.read_schema(path)
        named(schema.names)
        table = parquet.read_table(path, columns=list(COLUMNS))
    except pa.ArrowException as error:
        raise Unfit("cannot be read as Parquet; write it with pyarrow, pandas or polars") from error
    return {name: nested(name, table[name].combine_chunks()) for name in COLUMNS}


def nested(name: str, column: Any) -> Array:
    """A column of numbers, or of lists of lists of them, as an array."""
    import pyarrow as pa
    from pyarrow import compute

    shape = [len(column)]
    while pa.types.is_nested(column.type):
        if column.null_count or not hasattr(column.type, "value_type"):
            raise Unfit(f"has {column.type} with empty rows in {name}; give lists of numbers")
        lengths = compute.min_max(compute.list_value_length(column)).as_py()
        if lengths["min"] != lengths["max"]:
            lengths_found = f"from {lengths['min']} to {lengths['max']}"
            raise Unfit(f"has lists of different lengths in {name} ({lengths_found}); pad, or cut, them to one")
        shape.append(lengths["min"] or 0)
        column = column.flatten()
    kind = pa.types
    if not (kind.is_floating(column.type) or kind.is_integer(column.type) or kind.is_boolean(column.type)):
        raise Unfit(f"has {column.type} in {name}; give numbers")
    if column.null_count:
        raise Unfit(f"has empty cells in {name}; fill them in")
    values: Array = column.to_numpy(zero_copy_only=False)
    return values.reshape(shape)


@kept
def file(path: str) -> File:
    """ConfigError says what is wrong with the file."""
    try:
        return File(Path(path))
    except OSError as error:
        reason = error.strerror or str(error)
        problem = f"{PREFIX}{path} cannot be read ({reason}); give a .npz or a .parquet file"
        raise ConfigError("task", problem) from error
    except Unfit as error:
        raise ConfigError("task", f"{PREFIX}{path} {error}") from error
