"""The columns of a file, as arrays of one form, whatever they were written as: x and labels, and what may be beside.

x [N, T, I] or [N, T] of one input, or in Parquet lists of unequal lengths; `lengths` [N] says of .npz how many of the
T steps count, from the first on. All sequences end together here, at step T: what is shorter begins later.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dni_actors.nn.arrays import Array

NEEDED, BESIDE = ("x", "labels"), ("lengths", "split", "groups")
UNASKED: dict[str, Any] = {"f": np.nan, "i": -1, "u": -1, "b": -1, "U": ""}
"""by the kind of labels: what stands at steps before a sequence begins"""


class Unfit(ValueError):
    """What is wrong with samples, and what to do."""


class Columns(NamedTuple):
    """Of N samples of at most T steps."""

    x: Array
    """[N, T, I], float32 or float64"""
    labels: Array | None
    """[N] or [N, ...] numbers or texts; None where nobody asks for them"""
    lengths: Array | None = None
    """[N] steps of each, which are the last ones of the T; None: all have T"""
    split: Array | None = None
    """[N] texts: train, validation or test"""
    groups: Array | None = None
    """[N] whole numbers or texts; samples of a group stay together"""

    @property
    def begins(self) -> Array | None:
        """[N] the step at which each sequence begins."""
        return None if self.lengths is None else self.x.shape[1] - self.lengths


def read(path: Path, labelled: bool = True) -> Columns:
    """A file's. OSError if there is none; Unfit if it is something else.

    `labelled`: labels have to be there.
    """
    path.stat()
    if path.suffix == ".npz":
        return of(from_npz(path, labelled), labelled)
    if path.suffix in (".parquet", ".pq"):
        from dni_actors.tasks.own.parquet import from_parquet  # late: boxes of other tasks shall not load pyarrow

        return of(from_parquet(path, labelled), labelled)
    raise Unfit("is of no known kind; give a .npz or a .parquet file")


def require(names: Any, labelled: bool) -> None:
    """Unfit unless all columns are there that have to be."""
    needed = NEEDED if labelled else NEEDED[:1]
    if not set(needed) <= set(names):
        raise Unfit(f"has {', '.join(names) or 'nothing'}; give {' and '.join(needed)}")


def from_npz(path: Path, labelled: bool) -> dict[str, Array]:
    """Nothing in it is executed."""
    try:
        with np.load(path, allow_pickle=False) as file:
            require(file.files, labelled)
            return {name: file[name] for name in (*NEEDED, *BESIDE) if name in file.files}
    except (Unfit, OSError, MemoryError):
        raise
    except Exception as error:  # a broken zip, a pickle, and whatever else a file can be
        remedy = "write them with numpy.savez; of sequences of unequal lengths, padded ones and their lengths"
        raise Unfit(f"holds no arrays of numbers; {remedy}") from error


def of(found: dict[str, Array], labelled: bool = True) -> Columns:
    """Arrays by name, checked against each other. Unfit says what is wrong."""
    x, labels = found["x"], found.get("labels")
    x = x[..., None] if x.ndim == 2 else x
    if x.dtype.kind not in "fiub":
        raise Unfit(f"has x of type {x.dtype}; give numbers")
    if labelled and labels is not None and labels.dtype.kind not in "fiubU":
        raise Unfit(f"has labels of type {labels.dtype}; give numbers, or texts for classes")
    shapes = f"x {list(found['x'].shape)}" + ("" if labels is None else f" and labels {list(labels.shape)}")
    if x.ndim != 3 or 0 in x.shape[1:] or (labelled and (labels is None or labels.ndim == 0 or len(x) != len(labels))):
        raise Unfit(f"has {shapes}; give x [N, T, I], and a label, or T of them, for each of the N")
    for name in BESIDE:
        if name in found and found[name].shape != (len(x),):
            raise Unfit(f"has {name} {list(found[name].shape)} for {len(x)} samples; give one for each")
    lengths = found.get("lengths")
    if lengths is not None:
        lengths = checked_lengths(lengths, x.shape[1])
        x, labels = ending_together(x, labels, lengths)
        lengths = None if (lengths == x.shape[1]).all() else lengths
    x = x.astype(small(x.dtype))
    with np.errstate(over="ignore"):  # that is what is looked for
        finite = np.isfinite(x.astype(np.float32)).all(axis=(1, 2))
    if not finite.all():
        problem = f"has NaN, infinite or too large numbers in x, first in sample {np.flatnonzero(~finite)[0]}"
        raise Unfit(f"{problem}; fill in what is missing, and keep the others below 1e38")
    split, groups = found.get("split"), found.get("groups")
    for name, column, kinds in (("split", split, "U"), ("groups", groups, "iuU")):
        if column is not None and column.dtype.kind not in kinds:
            what = "train, validation or test" if name == "split" else "whole numbers or texts"
            raise Unfit(f"has {name} of type {column.dtype}; give {what}")
    return Columns(x, labels if labelled else None, lengths, split, groups)


def small(kind: np.dtype[Any]) -> type[np.floating[Any]]:
    """The least floating-point type that holds the numbers of a type as well as float64 does, or nearly."""
    return np.float32 if kind.itemsize <= (4 if kind.kind == "f" else 2) else np.float64


def checked_lengths(lengths: Array, steps: int) -> Array:
    if lengths.dtype.kind not in "iu":
        raise Unfit(f"has lengths of type {lengths.dtype}; give whole numbers, the steps of each sequence")
    if lengths.size and (lengths.min() < 1 or lengths.max() > steps):
        raise Unfit(f"has lengths from {lengths.min()} to {lengths.max()}; give 1 to {steps}, as x has steps")
    return lengths.astype(np.int64)


def ending_together(x: Array, labels: Array | None, lengths: Array) -> tuple[Array, Array | None]:
    """x [N, T, I], and labels of each step [N, T, ...], moved so that all sequences end at step T."""
    begins = x.shape[1] - lengths
    source = np.arange(x.shape[1]) - begins[:, None]  # [N, T] the step that each step takes its numbers from
    before, rows = source < 0, np.arange(len(x))[:, None]
    moved = x[rows, np.maximum(source, 0)]
    moved[before] = 0
    if labels is None or labels.ndim < 2 or labels.shape[1] != x.shape[1] or is_of_sequence(labels):
        return moved, labels
    shifted = signed(labels)[rows, np.maximum(source, 0)]
    shifted[before] = UNASKED[labels.dtype.kind]
    return moved, shifted


def signed(labels: Array) -> Array:
    """With room for -1."""
    if labels.dtype.kind not in "ub":
        return labels
    if labels.size and int(labels.max()) >= 2**63:
        raise Unfit(f"has labels up to {labels.max()}; number the classes 0, 1 and so on")
    return labels.astype(np.int64)


def is_of_sequence(labels: Array) -> bool:
    """Whether labels are C numbers of a whole sequence [N, C]: those of each step have three axes, [N, T, C]."""
    return labels.dtype.kind == "f" and labels.ndim == 2
