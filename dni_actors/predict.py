"""python -m dni_actors.predict runs/NAME: uses the boxes that a run has trained, in this process.

Without --input it answers the task's test samples, or goes through the test stream, and says how well. With --input it
prints a line per sequence: its class; where every step is asked one for each step; of bits the bits, of numbers the
numbers, with commas between them.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from dni_actors.box.errors import BoxError
from dni_actors.config.checks import ConfigError
from dni_actors.nn.arrays import Array
from dni_actors.observe.figure import figure
from dni_actors.protocol.model import Model
from dni_actors.record.result import Result
from dni_actors.runtime.kernels import single_blas_thread


def main() -> int:
    """Exit code: 0, or 2 for wrong input."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", help="the run's folder, or a URI of it")
    options.add_argument("--input", type=Path, help="a .npy file of sequences [N, T, I]: prints an answer a line")
    options.add_argument(
        "--output",
        type=Path,
        help="writes probabilities, or numbers, [N, C] or [N, T, C] to this .npy file (with --input: instead)",
    )
    options.add_argument("--export", type=Path, help="writes all weights by name to this .npz file")
    options.add_argument("--best", action="store_true", help="the cut that was best on the validation samples")
    chosen = options.parse_args()
    try:
        model = Result.from_path(chosen.run).load_model(best=chosen.best)
        if chosen.export is not None:
            np.savez(chosen.export, **model.weights())  # type: ignore[arg-type]  # names that savez itself does not use
            print(f"{len(model.weights())} arrays of {model.config.boxes} boxes in {chosen.export}")
        if chosen.input is not None or chosen.export is None:
            with single_blas_thread():
                answer(model, None if chosen.input is None else load(chosen.input), chosen.output)
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


def answer(model: Model, x: Array | None, output: Path | None) -> None:
    """To the task's test samples, or to x [N, T, I]."""
    task, steps = model.config.task, model.config.steps
    if x is None:
        print(score(model))
        if output is None:
            return
        if model.config.streaming is not None:
            raise ValueError(f"--output: {model.config.chain.task} is a stream, not sequences; give some as --input")
        x = task.load(0, steps).test.x.transpose(1, 0, 2)
    p = model.outputs(x)
    if output is not None:
        np.save(output, p)
    else:
        for said in p:
            print(line(said, task.loss))


def score(model: Model) -> str:
    """How well the boxes do on the task's test part, by their own evaluation."""
    task, found = model.config.task, model.evaluation()
    told = figure(task, found).words
    if model.config.streaming is not None:
        told += f" (loss {found.loss:.4f}) on the test stream"
    elif figure(task, found).name == "accuracy" and not task.per_step:
        told += f" ({round(found.accuracy * task.test)} of {task.test})"
    return f"test {told}, weights of the cut at tick {model.tick}"


def line(said: Array, loss: str) -> str:
    """What is said of a sequence: [C], or [T, C] of its steps."""
    steps = said if said.ndim == 2 else said[None]
    if loss == "softmax":
        return " ".join(str(step.argmax()) for step in steps)
    if loss == "bits":
        return " ".join("".join(str(int(p > 0.5)) for p in step) for step in steps)
    return " ".join(",".join(f"{number:.6g}" for number in step) for step in steps)


if __name__ == "__main__":
    sys.exit(main())
