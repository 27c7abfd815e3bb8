"""How a model does on each class: of the test samples, which class was taken for which."""

from typing import Any

import numpy as np

from dni_actors.nn.arrays import Array

MOST = 100  # classes that a table of all pairs is of any use for


def scores(said: Array, labels: Array, names: tuple[str, ...]) -> dict[str, Any]:
    """For result.json.

    Args:
        said: [..., C] what a read-out says of each class.
        labels: [...] classes, -1 where nothing is asked.
        names: of the classes.

    Returns:
        `classes`: of each its name, how many samples it has, precision, recall and F1 (None where there is nothing to
        divide by); `balanced_accuracy`, the mean recall; `confusion`, a row for each true class, a column for each
        answer.
    """
    asked = labels >= 0
    count = len(names)
    table = np.zeros((count, count), np.int64)
    np.add.at(table, (labels[asked], said[asked].argmax(axis=-1)), 1)
    right, true, given = np.diag(table), table.sum(axis=1), table.sum(axis=0)

    def share(part: int, of: int) -> float | None:
        return round(part / of, 6) if of else None

    classes = [
        {
            "name": name,
            "samples": int(true[c]),
            "precision": share(right[c], given[c]),
            "recall": share(right[c], true[c]),
            "f1": share(2 * right[c], true[c] + given[c]),
        }
        for c, name in enumerate(names)
    ]
    there = true > 0
    balanced = round(float((right[there] / true[there]).mean()), 6) if there.any() else None
    return {"classes": classes, "balanced_accuracy": balanced} | (
        {"confusion": table.tolist()} if count <= MOST else {}
    )
