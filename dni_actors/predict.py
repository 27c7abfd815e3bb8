"""python -m dni_actors.predict runs/NAME: uses the boxes that a run has trained, in this process.

Without --input it classifies the task's test samples and says how many are right.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from dni_actors.box.errors import BoxError
from dni_actors.box.model import Model
from dni_actors.checks import ConfigError
from dni_actors.nn.arrays import Array
from dni_actors.record.result import Result
from dni_actors.runtime.kernels import single_blas_thread


def main() -> int:
    """Exit code: 0, or 2 for wrong input."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", help="the run's folder, or a URI of it")
    options.add_argument("--input", type=Path, help="a .npy file of sequences [N, T, I]: prints a class a line")
    options.add_argument("--output", type=Path, help="writes the probabilities [N, C] to this .npy file instead")
    options.add_argument("--export", type=Path, help="writes all weights by name to this .npz file")
    options.add_argument("--best", action="store_true", help="the cut with the best validation accuracy, not the last")
    chosen = options.parse_args()
    try:
        model = Result.from_path(chosen.run).load_model(best=chosen.best)
        if chosen.export is not None:
            np.savez(chosen.export, **model.weights())  # type: ignore[arg-type]  # names that savez itself does not use
            print(f"{len(model.weights())} arrays of {model.config.boxes} boxes in {chosen.export}")
        if chosen.input is not None or chosen.export is None:
            with single_blas_thread():
                classify(model, None if chosen.input is None else load(chosen.input), chosen.output)
    except (ConfigError, BoxError, ValueError, OSError) as error:
        print(f"dni_actors: {error}", file=sys.stderr)
        return 2
    return 0


def load(path: Path) -> Array:
    """The array; ValueError or OSError says what is wrong. Nothing in it is executed."""
    try:
        found: Array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"--input: {path} is no .npy file of numbers; write one with numpy.save") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiub":
        raise ValueError(f"--input: {path} holds no array of numbers; write one with numpy.save")
    return found


def classify(model: Model, x: Array | None, output: Path | None) -> None:
    if x is None:
        steps = sum(model.config.unrolls)
        test = model.config.task.load(0, steps).test
        p = model.outputs(test.x.transpose(1, 0, 2))
        right = int((p.argmax(axis=1) == test.labels).sum())
        print(f"test accuracy {right / len(p):.2%} ({right} of {len(p)}), weights of the cut at tick {model.tick}")
    else:
        p = model.outputs(x)
        if output is None:
            print(*p.argmax(axis=1), sep="\n")
    if output is not None:
        np.save(output, p)


if __name__ == "__main__":
    sys.exit(main())
