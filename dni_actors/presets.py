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

OWN_TASK: dict[str, Any] = {"epochs": 10}  # of files and import paths

SYMBOLS: dict[str, Any] = {
    "boxes": 4,
    "cell": "gru",
    "hidden": 64,
    "batch": 32,
    "optimizer": "adam",
    "learning_rate": 3e-3,
    "synthesizer_optimizer": "adam",
    "synthesizer_learning_rate": 3e-3,
    "evaluate_every": 100,
}
TASK_DEFAULTS |= {"recall": SYMBOLS | {"ticks": 800}, "xor": SYMBOLS | {"ticks": 3000, "lag": 4}}

PRESETS: dict[str, Preset] = {
    "seed": Preset(
        "Seo 2018, repaired: digits 0 and 1, two boxes see the whole image, and a read-out; test accuracy >= 97.5 %",
        {"task": "mnist01", **TASK_DEFAULTS["mnist01"]},
    ),
    "rows": Preset(
        "ten digits row by row, 4 boxes, synthetic gradients grounded by local read-outs (hybrid); about 92 %",
        {"task": "rows", **TASK_DEFAULTS["rows"]},
    ),
}
DEFAULT = "seed"
