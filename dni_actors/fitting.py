"""From arrays to a trained chain, in one call.

from dni_actors import fit
model = fit(x, y, boxes=4)
model.predict(x), model.predict_proba(x), model.score(x, y)
"""

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.experiment import run
from dni_actors.nn.arrays import Array
from dni_actors.protocol.model import Model
from dni_actors.protocol.sequences import of_list
from dni_actors.tasks import PREFIX
from dni_actors.tasks.own import columns
from dni_actors.tasks.own.columns import BESIDE, Unfit
from dni_actors.tasks.own.file import File

NEVER = 2**30  # evaluations without a better one: each brings a cut, so that the best one is there, every time


def fit(
    x: Any,
    y: Any,
    *,
    lengths: Any = None,
    split: Any = None,
    groups: Any = None,
    storage: str | Path | None = None,
    **settings: Any,
) -> Model:
    """Trains time boxes on sequences.

    Args:
        x: [N, T, I], or [N, T] of one input; or a list of N arrays [t, I] of unequal lengths.
        y: [N] classes (whole numbers or texts) or numbers, [N, C] numbers, [N, T] classes of each step, [N, T, C]
            numbers of each step: as the labels of a file (docs/your-data.md).
        lengths: [N] how many of the T steps count, from the first on.
        split: [N] train, validation or test, of each sample.
        groups: [N]; samples of a group stay on one side.
        storage: the folder that keeps the run, as --storage, and beside it the samples. By default nothing is kept but
            the model.
        settings: fields of a RunConfig. By default all boxes are in this process; runtime="ray" trains over Ray, to
            the same bits.

    Returns:
        The boxes at the evaluation that was best on the validation samples. Its `result` says how it went.

    Raises:
        ValueError: the samples, or a setting (ConfigError, which is one), cannot be used.
    """
    arrays = found(x, y, lengths, {"split": split, "groups": groups})
    chosen = {"runtime": "inline", "console": "quiet"} | settings
    if chosen.keys() & {"ticks", "epochs"} and chosen.get("evaluate_every") != 0:
        chosen.setdefault("stop_after", NEVER)
    try:  # before anything is written
        File(columns.of(arrays), chosen.get("labels", "auto"))
    except Unfit as error:
        raise ValueError(f"the data {error}".replace("--labels ", "labels=")) from error
    with tempfile.TemporaryDirectory(prefix="dni-") if storage is None else nullcontext(str(storage)) as folder:
        path = Path(folder) / f"{chosen.get('name') or 'samples'}.npz"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **arrays)  # type: ignore[arg-type]  # names that savez itself does not use
        except OSError as error:
            raise ConfigError("storage", f"{folder!r} cannot be written ({error.strerror or error})") from error
        result = run(RunConfig.of(task=f"{PREFIX}{path}", storage=str(folder), **chosen))
        model = result.load_model()
        model.result = result
        return model


def found(x: Any, y: Any, lengths: Any, beside: dict[str, Any]) -> dict[str, Array]:
    """The columns of a file, by name."""
    if isinstance(x, list | tuple) and len({np.shape(one)[:1] for one in x}) > 1:
        if lengths is not None:
            raise ValueError("x is a list of sequences of unequal lengths, and lengths are given, too; drop one")
        x, lengths = of_list(x)
    arrays = {"x": np.asarray(x), "labels": np.asarray(y), "lengths": lengths, **beside}
    assert arrays.keys() - {"x", "labels"} == set(BESIDE)
    known = {name: np.asarray(array) for name, array in arrays.items() if array is not None}
    return {name: texts(array) for name, array in known.items()}


def texts(array: Array) -> Array:
    """Texts in objects, as pandas has them, as texts."""
    if array.dtype.kind == "O" and all(isinstance(one, str) for one in array.flat):
        return array.astype(str)
    return array
