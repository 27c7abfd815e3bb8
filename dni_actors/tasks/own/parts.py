"""Which samples are learned from, which are to choose by, and which test: the file's own split, or one by lot.

By lot a tenth each is for validation and test: of every class as many as of the others, and samples of a group always
on one side.
"""

from typing import NamedTuple

import numpy as np

from dni_actors.nn.arrays import Array
from dni_actors.nn.streams import Stream, generator
from dni_actors.tasks.own.columns import Unfit

PART = 10  # one sample in so many is for validation, another one for the test
NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


class Parts(NamedTuple):
    """Which samples, by number."""

    train: Array
    validation: Array
    test: Array


def parts(count: int, classes: Array | None, split: Array | None, groups: Array | None) -> Parts:
    """Of so many samples.

    Args:
        count: N.
        classes: [N] of whole sequences, to be in each part alike; None where there are none.
        split: [N] texts.
        groups: [N].
    """
    order = generator(0, Stream.HELD_OUT, 0).permutation(count)
    drawn = {"test": np.arange(0), "validation": np.arange(0), "train": order}
    if split is not None:
        known = named(split)
        drawn = {part: order[known[order] == part] for part in drawn}
        if not len(drawn["train"]):
            raise Unfit("has no sample to train with in split; name some train")
        if groups is not None:
            apart(known, groups)
    for part in ("validation", "test"):
        if not len(drawn[part]):
            wanted = max(1, count // PART)
            drawn[part], drawn["train"] = taken(drawn["train"], wanted, classes, groups, part)
    return Parts(drawn["train"], drawn["validation"], drawn["test"])


def named(split: Array) -> Array:
    """[N] train, validation or test."""
    kinds = [str(kind) for kind in np.unique(split)]
    if wrong := [kind for kind in kinds if kind.lower() not in NAMES]:
        raise Unfit(f"has {wrong[0]!r} in split; give train, validation or test")
    return np.array([NAMES[str(kind).lower()] for kind in split.tolist()], np.str_)


def apart(known: Array, groups: Array) -> None:
    """Unfit if a group is in two parts."""
    for group in np.unique(groups):
        sides = np.unique(known[groups == group])
        if len(sides) > 1:
            raise Unfit(f"has group {group} both in {sides[0]} and in {sides[1]}; keep groups together")


def taken(order: Array, wanted: int, classes: Array | None, groups: Array | None, part: str) -> tuple[Array, Array]:
    """About so many of these samples, and the rest."""
    if groups is not None:
        chosen = np.isin(groups[order], whole_groups(groups[order], wanted, part))
    elif classes is not None:
        # Sorted by class, every so-many-th: each class gives its share, to one sample.
        by_class = np.argsort(classes[order], kind="stable")
        places = ((np.arange(wanted) + 0.5) * len(order) / wanted).astype(np.int64)
        chosen = np.zeros(len(order), bool)
        chosen[by_class[places]] = True
    else:
        chosen = np.arange(len(order)) >= len(order) - wanted
    return order[chosen], order[~chosen]


def whole_groups(groups: Array, wanted: int, part: str) -> Array:
    """Some that have about so many samples, in the order of the lot."""
    names, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    if len(names) < 2:
        raise Unfit(f"has too few groups to keep one for {part}; give at least three, or a split")
    chosen, total = np.zeros(len(names), bool), 0
    for i in np.argsort(first):
        if total < wanted and total + sizes[i] <= 1.5 * wanted:
            chosen[i] = True
            total += sizes[i]
    if not total:
        chosen[np.argmin(sizes)] = True
    return names[chosen]
