"""What labels mean: classes or numbers, of a whole sequence or of each of its steps. What could mean both is refused.

    [N]        whole numbers or texts are classes, others a number
    [N, T]     whole numbers (-1 where nothing is asked) or texts (empty there) are classes of each step
    [N, C]     others are C numbers of the sequence (NaN where one is unknown)
    [N, T, C]  C numbers of each step, NaN where one is unknown

`as_what`: classes or numbers, where the type tells another thing, or leaves it open.
"""

from typing import NamedTuple

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.tasks.own.columns import Unfit

MOST_CLASSES = 100_000
FEW = 20  # different whole numbers, stored as floats, that may well be classes


class Labels(NamedTuple):
    """As boxes have them."""

    loss: str
    """softmax or squared"""
    per_step: bool
    classes: int
    """or numbers"""
    values: Array
    """int64 [N] or [N, T], float64 [N, C] or [N, T, C]"""
    names: tuple[str, ...] | None = None
    """of classes that are not just 0, 1 and so on"""


def understood(labels: Array, steps: int, as_what: str = "auto") -> Labels:
    """Unfit if they mean nothing, or could mean two things."""
    if labels.dtype.kind == "U":
        if as_what == "numbers":
            raise Unfit("has texts as labels, which are no numbers; drop --labels, or give numbers")
        return of_texts(labels, steps)
    if as_what == "numbers" or (as_what == "auto" and labels.dtype.kind == "f"):
        return numbers(labels, steps, as_what == "auto")
    return classes(labels if labels.dtype.kind != "f" else whole(labels), steps, as_what == "auto")


def of_texts(labels: Array, steps: int) -> Labels:
    """Classes by the order of the alphabet."""
    per_step = is_per_step(labels, steps)
    unasked = labels == ""
    if unasked.all() or (unasked.any() and not per_step):
        raise Unfit("has empty texts among the labels; drop those samples, or name their classes")
    names, values = np.unique(labels[~unasked], return_inverse=True)
    found = np.full(labels.shape, -1, np.int64)
    found[~unasked] = values.reshape(-1)
    several(names, values.size)
    return Labels("softmax", per_step, len(names), found, tuple(map(str, names)))


def classes(labels: Array, steps: int, guessed: bool) -> Labels:
    """Of whole numbers. Those that are not 0, 1 and so on are classes by their order, and keep them as names."""
    if guessed and (hot := one_hot(labels)) is not None:
        raise Unfit(hot + ("; for classes of each step say --labels classes" if labels.shape[1] == steps else ""))
    per_step = is_per_step(labels, steps)
    least, most = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    problem = f"has labels from {least} to {most}; number the classes 0, 1 and so on"
    if most - least >= MOST_CLASSES:
        raise Unfit(f"{problem}, or learn numbers with --labels numbers")
    asked = labels >= 0 if per_step else np.ones(labels.shape, bool)
    kinds, values = np.unique(labels[asked], return_inverse=True)
    if least < (-1 if per_step else 0) and kinds.tolist() != [-1, 1]:
        raise Unfit(problem)
    several(kinds, values.size)
    if guessed and 2 * len(kinds) > values.size:
        what = f"has {len(kinds)} different whole numbers among {values.size} labels"
        raise Unfit(f"{what}; if they are amounts, say --labels numbers, if they are classes, --labels classes")
    found = np.full(labels.shape, -1, np.int64)
    found[asked] = values.reshape(-1)
    counted = kinds.tolist() == list(range(len(kinds)))
    return Labels("softmax", per_step, len(kinds), found, None if counted else tuple(map(str, kinds.tolist())))


def numbers(labels: Array, steps: int, guessed: bool) -> Labels:
    """To come near to."""
    if labels.ndim > 3:
        raise Unfit(f"has labels {list(labels.shape)}; give [N], [N, C], or [N, T, C] of {steps} steps")
    per_step = labels.ndim == 3
    if labels.size == 0 or (per_step and labels.shape[1] != steps):
        raise Unfit(f"has labels {list(labels.shape)} for {steps} steps; give one for each step, or for each sequence")
    values = labels.astype(np.float64)
    with np.errstate(over="ignore"):
        if np.isinf(values.astype(np.float32)).any():
            raise Unfit("has infinite or too large numbers among the labels; drop those samples, or scale them")
    known = values[~np.isnan(values)]
    kinds = np.unique(known[:1000])
    if guessed and len(kinds) <= FEW and (known == np.rint(known)).all():
        kinds = np.unique(known)
        if len(kinds) <= min(FEW, known.size / 2):
            listed = ", ".join(f"{kind:g}" for kind in kinds[:3]) + (" ..." if len(kinds) > 3 else "")
            problem = f"has whole numbers as labels, stored as {labels.dtype} ({listed})"
            raise Unfit(f"{problem}; if they are classes, say --labels classes, if they are amounts, --labels numbers")
    if labels.ndim == 1:
        if np.isnan(values).any():
            raise Unfit("has NaN among the labels; drop those samples")
        values = values[:, None]
    return Labels("squared", per_step, values.shape[-1], values)


def whole(labels: Array) -> Array:
    """Floats as the whole numbers that they are; NaN is -1."""
    known = ~np.isnan(labels)
    if not (np.isfinite(labels[known]).all() and (labels[known] == np.rint(labels[known])).all()):
        raise Unfit(f"has labels of type {labels.dtype} that are no whole numbers; classes are")
    if not known.all() and labels.ndim == 1:
        raise Unfit("has NaN among the labels; drop those samples")
    if known.any() and np.abs(labels[known]).max() >= 2**53:
        raise Unfit("has labels that are no classes; number them 0, 1 and so on")
    return np.where(known, labels, -1).astype(np.int64)


def is_per_step(labels: Array, steps: int) -> bool:
    """Whether classes are those of each step."""
    if labels.ndim > 2:
        raise Unfit(f"has labels {list(labels.shape)} that are classes; give [N], or [N, {steps}] of each step")
    if labels.size == 0 or (labels.ndim == 2 and labels.shape[1] != steps):
        shape = f"has labels {list(labels.shape)} for {steps} steps"
        raise Unfit(f"{shape}; give one class for each step, as a number; one-hot rows are no classes")
    return labels.ndim == 2


def several(kinds: Array, count: int) -> None:
    """Unfit if there is nothing to tell apart."""
    if len(kinds) < 2:
        what = f"only the class {kinds[0]}" if len(kinds) else "no known class"
        raise Unfit(f"has {what} among {count} labels; give at least two")
    if len(kinds) > MOST_CLASSES:
        raise Unfit(f"has {len(kinds)} classes; give at most {MOST_CLASSES}")


def one_hot(labels: Array) -> str | None:
    """What to say if whole numbers look like columns of zeros with one 1 in each row."""
    if labels.ndim != 2 or labels.shape[1] < 2 or labels.size == 0:
        return None
    if not ((labels == 0) | (labels == 1)).all() or not (labels.sum(axis=1) == 1).all():
        return None
    return f"has labels {list(labels.shape)} that are one-hot; give the classes, labels.argmax(axis=1)"
