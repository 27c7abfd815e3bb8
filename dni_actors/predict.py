"""python -m dni_actors.predict runs/NAME: uses the boxes that a run has trained, in this process.

Without --input it answers the task's test samples, or goes through the test stream, and says how well. With --input it
prints a line per sequence: its class; where every step is asked one for each step; of bits the bits, of numbers the
numbers, with commas between them.
"""

import sys
from pathlib import Path

import numpy as np

from dni_actors.command import command
from dni_actors.config.checks import ConfigError
from dni_actors.config.flags import Arguments
from dni_actors.nn.arrays import Array
from dni_actors.observe.figure import figure
from dni_actors.protocol.model import Model
from dni_actors.record.result import Result
from dni_actors.record.run_files import RunFiles
from dni_actors.record.storage import why
from dni_actors.runtime.kernels import single_blas_thread


@command
def main() -> None:
    options = Arguments("dni_actors.predict", __doc__)
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
    model = read(chosen.run, chosen.best)
    if chosen.export is not None:
        np.savez(chosen.export, **model.weights())  # type: ignore[arg-type]  # names that savez itself does not use
        print(f"{len(model.weights())} arrays of {model.config.boxes} boxes in {chosen.export}")
    if chosen.input is None and chosen.export is None:
        RunFiles.of(chosen.run).check_data(model.config)
    if chosen.input is not None or chosen.export is None:
        with single_blas_thread():
            answer(model, None if chosen.input is None else load(chosen.input), chosen.output)


def read(place: str, best: bool) -> Model:
    """The trained boxes. ConfigError if there are none to be read."""
    try:
        return Result.from_path(place).load_model(best)
    except ConfigError:
        raise
    except (OSError, ValueError) as error:  # no folder, no cut, a file that is broken
        problem = why(error) if isinstance(error, OSError) else str(error)
        problem = f"{place!r} holds no boxes that can be read ({problem}); give the folder of a run that has ended"
        raise ConfigError("run", problem) from error


def load(path: Path) -> Array:
    """The array. ConfigError says what is wrong; nothing in it is executed."""
    try:
        found: Array = np.load(path, allow_pickle=False)
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror or error}); give a .npy file"
        raise ConfigError("input", problem) from error
    except (ValueError, EOFError) as error:
        raise ConfigError("input", f"{path} is no .npy file of numbers; write one with numpy.save") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiub":
        raise ConfigError("input", f"{path} holds no array of numbers; write one with numpy.save")
    return found


def answer(model: Model, x: Array | None, output: Path | None) -> None:
    """To the task's test samples, or to x [N, T, I]."""
    task, steps = model.config.task, model.config.steps
    if x is None:
        print(score(model))
        if output is None:
            return
        if model.config.streaming is not None:
            problem = f"{model.config.chain.task} is a stream, not sequences; give some as --input"
            raise ConfigError("output", problem)
        x = task.load(0, steps).test.x.transpose(1, 0, 2)
    try:
        p = model.outputs(x)
    except ValueError as error:  # of another shape
        raise ConfigError("input", str(error)) from error
    if output is not None:
        np.save(output, p)
    else:
        for said in p:
            print(line(said, task.loss))


def score(model: Model) -> str:
    """How well the boxes do on the task's test part, by their own evaluation."""
    task, found = model.config.task, model.evaluation()
    words = figure(task, found).words
    if model.config.streaming is not None:
        words += f" (loss {found.loss:.4f}) on the test stream"
    elif figure(task, found).name == "accuracy" and not task.per_step:
        words += f" ({round(found.accuracy * task.test)} of {task.test})"
    return f"test {words}, weights of the cut at tick {model.tick}"


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
