"""A task's arrays, checked when a box loads or draws them: what does not fit is one sentence, never a wrong number."""

from typing import Any

import numpy as np

from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.nn.arrays import Array
from dni_actors.nn.losses import LOSSES
from dni_actors.tasks import Fresh, Samples, Split, fingerprint, optional
from dni_actors.tasks.remembered import Remembered

PARTS = ("training", "validation", "test")


class Checked:
    """A run's task, as boxes see it. Every method raises ConfigError that says which array is wrong, and what it should
    be. Shapes: T steps, N samples, I inputs, C classes, bits or numbers."""

    def __init__(self, config: RunConfig) -> None:
        self._task, self._name, self._precision = config.task, config.chain.task, config.chain.precision
        sent = vars(config).get("sent_data")
        if sent is not None and fingerprint(self._task) != sent:
            problem = "holds other data here than where the run was started"
            raise self._error(problem, "give all nodes the same, and do not write them again while a run begins")
        self._foreign = ":" in self._name  # a user's own: what it draws in each tick is checked, too

    def split(self, first: int, steps: int) -> Split:
        """A window of all samples."""
        task = self._task
        try:
            parts = [(np.asarray(x), np.asarray(labels)) for x, labels in task.load(first, steps)]
        except (ConfigError, MemoryError):
            raise
        except Exception as error:  # the user's own code, whatever it does
            problem = f"fails when it loads its data ({type(error).__name__}: {error})"
            raise self._error(problem, "load gives three pairs of arrays, x and labels") from error
        if len(parts) != len(PARTS):
            raise self._error(f"loads {len(parts)} parts", "give three: training, validation and test samples")
        drawn = isinstance(task, Fresh)
        counts: tuple[int | None, ...] = (None if drawn else task.train, task.validation, task.test)
        counts = (None, None, None) if isinstance(task, Remembered) else counts
        found = zip(PARTS, parts, counts, strict=True)
        split = Split(*(self._samples(f"{part} samples", *arrays, steps, count) for part, arrays, count in found))
        if task.per_step and (begins := self.begins()) is not None:
            for part, samples, late in zip(PARTS, split, begins, strict=True):
                self._silent_before(part, samples.labels, first + np.arange(steps)[:, None] < late)
        return split

    def drawn(self, samples: Any, steps: int, count: int) -> Samples:
        """A mini-batch of a task that draws."""
        if not self._foreign:
            return Samples(*samples)
        x, labels = samples
        return self._samples("drawn samples", np.asarray(x), np.asarray(labels), steps, count)

    def window(self, x: Array, labels: Array) -> None:
        """x [T, N, I] and labels [T, N] of a stream, in the run's types already."""
        if self._foreign:
            self._numbers("streams", x)
            self._labels("streams", labels)

    def _samples(self, whose: str, x: Array, labels: Array, steps: int, count: int | None) -> Samples:
        task = self._task
        count = labels.shape[min(int(task.per_step), labels.ndim - 1)] if count is None and labels.ndim else count
        if x.dtype.kind not in "fiub" or labels.dtype.kind not in "fiub":
            raise self._error(f"has {whose} of x {x.dtype} and labels {labels.dtype}", "give arrays of numbers")
        wanted: tuple[int | None, ...] = (steps, count, task.inputs)
        if steps and x.shape != wanted:
            form = "[T, N, I], steps first"
            raise self._error(f"has x {list(x.shape)} in its {whose}", f"give {list(wanted)}: {form}")
        single = LOSSES[task.loss].targets((0,), task.classes)
        wanted = ((steps,) if task.per_step else ()) + (count,) + single.shape[1:]
        if labels.shape != wanted:
            form = ("[T, N" if task.per_step else "[N") + (", C]" if single.ndim > 1 else "]")
            raise self._error(f"has labels {list(labels.shape)} in its {whose}", f"give {list(wanted)}: {form}")
        if steps:
            with np.errstate(over="ignore"):  # that is what is looked for
                self._numbers(whose, x.astype(self._precision, copy=False))
        self._labels(whose, labels)
        return Samples(x, labels.astype(single.dtype, copy=False))

    def begins(self) -> tuple[Array, ...] | None:
        """[N] of the training, validation and test samples: the step at which each sequence begins."""
        task, given = self._task, optional(self._task).begins
        if given is None:
            return None
        if task.steps is None or isinstance(task, Fresh) or len(given) != len(PARTS):
            raise self._error("has sequences that begin late", "give it steps, and `begins` of its three parts")
        counts = (0, 0, 0) if isinstance(task, Remembered) else (task.train, task.validation, task.test)
        found = []
        for part, late, count in zip(PARTS, map(np.asarray, given), counts, strict=True):
            if late.dtype.kind not in "iu" or late.shape != (count,):
                problem = f"has begins {list(late.shape)} of type {late.dtype} for its {part} samples"
                raise self._error(problem, f"give {count} whole numbers")
            if late.size and not (late.min() >= 0 and late.max() < task.steps):
                problem = f"has begins from {late.min()} to {late.max()} for its {part} samples"
                raise self._error(problem, f"give steps from 0 to {task.steps - 1}")
            found.append(late.astype(np.int64))
        return tuple(found)

    def _silent_before(self, part: str, labels: Array, before: Array) -> None:
        if LOSSES[self._task.loss].known(labels)[before].any():
            problem = f"has known labels before sequences begin in its {part} samples"
            raise self._error(problem, "give -1, or NaN, there")

    def _numbers(self, whose: str, x: Array) -> None:
        if not np.isfinite(x).all():
            t, n, i = np.argwhere(~np.isfinite(x))[0].tolist()
            problem = (
                f"has {x[t, n, i]} as {self._precision} in x of its {whose} (sample {n}, step {t} of a box, input {i})"
            )
            raise self._error(problem, "fill in what is missing, and scale what is too large")

    def _labels(self, whose: str, labels: Array) -> None:
        task = self._task
        if task.loss != "softmax":
            with np.errstate(over="ignore"):
                values = labels.astype(self._precision, copy=False)
            if task.loss == "bits" and not (np.isnan(values) | (values == 0) | (values == 1)).all():
                raise self._error(f"has other labels than bits in its {whose}", "give 0, 1, or NaN for unknown ones")
            if np.isinf(values).any():
                problem = f"has infinite labels (as {self._precision}) in its {whose}"
                raise self._error(problem, "scale them, or give NaN for unknown ones")
            return
        if labels.dtype.kind == "f":
            problem = f"has labels {labels.dtype} in its {whose}"
            raise self._error(problem, f"give whole numbers, classes 0 to {task.classes - 1}, or loss 'squared'")
        least, most = (labels.min(), labels.max()) if labels.size else (0, 0)
        if least < (-1 if task.per_step else 0) or most >= task.classes:
            silent = ", or -1 where nothing is asked" if task.per_step else ""
            problem = f"has labels from {least} to {most} in its {whose}"
            raise self._error(problem, f"give classes 0 to {task.classes - 1}{silent}")

    def _error(self, problem: str, remedy: str) -> ConfigError:
        return ConfigError("task", f"{self._name} {problem}; {remedy}")
