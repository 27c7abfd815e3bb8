"""Settings that work: presets by name, and sensible defaults for each task."""

from typing import Any, NamedTuple


class Preset(NamedTuple):
    line: str
    """what it is and what to expect"""
    fields: dict[str, Any]


TASK_DEFAULTS: dict[str, dict[str, Any]] = {
    "mnist01": {
        "unroll": (1, 1, 0),
        "hidden": 64,
        "batch": 4,
        "epochs": 8,
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "synthesizer_optimizer": "nlms",
        "synthesizer_learning_rate": 0.5,
        "decay": "linear",
        "local_readout": False,
    },
    "rows": {
        "boxes": 4,
        "hidden": 64,
        "batch": 32,
        "epochs": 10,
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "synthesizer_optimizer": "adam",
        "synthesizer_learning_rate": 2e-3,
    },
}

PRESETS: dict[str, Preset] = {
    "seed": Preset(
        "Seo 2018, repaired: digits 0 and 1, two boxes see the whole image, and a read-out; test accuracy >= 97.5 %",
        {"task": "mnist01", **TASK_DEFAULTS["mnist01"]},
    ),
}
DEFAULT = "seed"
