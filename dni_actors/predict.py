"""python -m dni_actors.predict runs/NAME: uses the boxes that a run has trained, in this process.

Without --input it answers the task's test samples, or goes through the test stream, and says how well. With --input it
prints a line per sequence: its class, by name if it has one; where every step is asked one for each step; of bits the
bits, of numbers the numbers, with commas between them. The weights are those of the cut that was best on the validation
samples, or with --last the newest.
"""

import sys
from pathlib import Path

import numpy as np

from dni_actors.command import command
from dni_actors.config.checks import ConfigError
from dni_actors.config.flags import DATA_CHANGED, Arguments
from dni_actors.nn.arrays import Array
from dni_actors.observe.figure import figure
from dni_actors.protocol.model import Model
from dni_actors.record.result import Result
from dni_actors.record.storage import why
from dni_actors.runtime.kernels import single_blas_thread
from dni_actors.tasks.own.columns import Unfit
from dni_actors.tasks.own.columns import read as read_columns
from dni_actors.tasks.told import class_names


@command
def main() -> None:
    options = Arguments("dni_actors.predict", __doc__)
    options.add_argument("run", help="the run's folder, or a URI of it")
    text = "sequences: a .npy file [N, T, I], or .npz or .parquet as --task file: takes them; prints an answer a line"
    options.add_argument("--input", type=Path, help=text)
    options.add_argument(
        "--output",
        type=Path,
        help="writes probabilities, or numbers, [N, C] or [N, T, C] to this .npy file (with --input: instead)",
    )
    options.add_argument("--export", type=Path, help="writes all weights by name to this .npz file")
    options.add_argument("--data-changed", choices=("refuse", "allow"), default="refuse", help=DATA_CHANGED)
    options.add_argument("--last", action="store_true", help="the newest cut, not the one that was best")
    chosen = options.parse_args()
    asks = chosen.input is None and chosen.export is None
    model = load(chosen.run, not chosen.last, asks, chosen.data_changed == "allow")
    if chosen.export is not None:
        np.savez(chosen.export, **model.weights())  # type: ignore[arg-type]  # names that savez itself does not use
        print(f"{len(model.weights())} arrays of {model.config.boxes} boxes in {chosen.export}")
    with single_blas_thread():
        if chosen.input is not None:
            answer(model, given(chosen.input), chosen.output)
        elif asks:
            answer_test_samples(model, chosen.output)


def load(place: str, best: bool, data: bool, data_changed: bool) -> Model:
    """The trained boxes. ConfigError if there are none to be read."""
    try:
        return Result.from_path(place).load_model(best, data, data_changed)
    except ConfigError:
        raise
    except (OSError, ValueError) as error:  # no folder, no cut, a file that is broken
        problem = why(error) if isinstance(error, OSError) else str(error)
        problem = f"{place!r} holds no boxes that can be read ({problem}); give the folder of a run that has ended"
        raise ConfigError("run", problem) from error


def given(path: Path) -> tuple[Array, Array | None]:
    """A file's sequences [N, T, I], and their lengths [N] where they differ. ConfigError says what is wrong; nothing in
    the file is executed."""
    try:
        if path.suffix in (".npz", ".parquet", ".pq"):
            columns = read_columns(path, labelled=False)
            return first_together(columns.x, columns.lengths)
        found: Array = np.load(path, allow_pickle=False)
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror or error}); give a .npy, .npz or .parquet file"
        raise ConfigError("input", problem) from error
    except Unfit as error:
        raise ConfigError("input", f"{path} {error}") from error
    except (ValueError, EOFError) as error:
        raise ConfigError("input", f"{path} is no .npy file of numbers; write one with numpy.save") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiub":
        raise ConfigError("input", f"{path} holds no array of numbers; write one with numpy.save")
    return found, None


def first_together(x: Array, lengths: Array | None) -> tuple[Array, Array | None]:
    """Sequences that end together, as those of a file do, begin together, as `Model.outputs` takes them."""
    if lengths is None:
        return x, None
    steps = x.shape[1]
    source = np.minimum(np.arange(steps) + (steps - lengths)[:, None], steps - 1)
    return x[np.arange(len(x))[:, None], source], lengths


def answer(model: Model, sequences: tuple[Array, Array | None], output: Path | None) -> None:
    """Prints or writes what is said of each."""
    try:
        said = model.outputs(*sequences)
    except ValueError as error:  # of another shape
        raise ConfigError("input", str(error)) from error
    if output is not None:
        np.save(output, said)
        return
    task = model.config.task
    for one in said:
        print(line(one, task.loss, class_names(task)))


def answer_test_samples(model: Model, output: Path | None) -> None:
    """Says how well; and writes what is said of each, if that is asked for."""
    print(score(model))
    if output is None:
        return
    if model.config.streaming is not None:
        problem = f"{model.config.chain.task} is a stream, not sequences; give some as --input"
        raise ConfigError("output", problem)
    np.save(output, model.of_test_samples()[0])


def score(model: Model) -> str:
    """How well the boxes do on the task's test part, by their own evaluation."""
    task, found = model.config.task, model.evaluation()
    words = figure(task, found).words
    if model.config.streaming is not None:
        words += f" (loss {found.loss:.4f}) on the test stream"
    elif figure(task, found).name == "accuracy" and not task.per_step:
        words += f" ({round(found.accuracy * task.test)} of {task.test})"
    return f"test {words}, weights of the cut at tick {model.tick}"


def line(said: Array, loss: str, names: tuple[str, ...]) -> str:
    """What is said of a sequence: [C], or [T, C] of its steps, up to its end."""
    steps = said if said.ndim == 2 else said[None]
    steps = steps[~np.isnan(steps).all(axis=1)]
    if loss == "softmax":
        return " ".join(names[step.argmax()] for step in steps)
    if loss == "bits":
        return " ".join("".join(str(int(p > 0.5)) for p in step) for step in steps)
    return " ".join(",".join(f"{number:.6g}" for number in step) for step in steps)


if __name__ == "__main__":
    sys.exit(main())
