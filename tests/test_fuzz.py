"""500 files as people write them, right or wrong: a right result, or one sentence."""

import random

import numpy as np
import pytest

from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.runtime.inline import Chain
from dni_actors.tasks import find
from dni_actors.tasks.own.columns import Unfit, of
from dni_actors.tasks.own.file import File

TYPES = ("f2", "f4", "f8", ">f4", ">f8", "i1", "u1", ">i2", "i4", "u4", "i8", "u8", "?", "c8", "U3", "S2", "g")
LAYOUTS = {
    "as it is": lambda a: a,
    "Fortran": np.asfortranarray,
    "every other": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: a[::-1][::-1],
    "read-only": lambda a: np.lib.stride_tricks.as_strided(a, a.shape, a.strides, writeable=False),
}


def array(draw, rng, shape):
    """Of any type and layout, with some numbers that are none."""
    kind = np.dtype(draw.choice(TYPES) if draw.random() < 0.7 else "f4")
    scale = draw.choice([1] * 6 + [3, 1e3, 1e6, 1e30])
    values = rng.standard_normal(shape) * scale
    if kind.kind in "iub":
        values = rng.integers(*draw.choice([(0, 2), (0, 4), (-1, 3), (0, 100)]), size=shape)
    if kind.kind == "f" and draw.random() < 0.3:
        values = np.rint(values)
    with np.errstate(all="ignore"):
        found = values.astype(kind)
    if kind.kind == "f" and draw.random() < 0.1 and found.size:
        found.flat[draw.randrange(found.size)] = draw.choice(
            [np.nan, np.inf, -np.inf, 1e39 if kind.itemsize > 4 else 0]
        )
    return LAYOUTS[draw.choice(list(LAYOUTS))](found) if np.ndim(found) else np.asarray(found)


def columns(draw, rng):
    count, steps, inputs = draw.choice([40] * 9 + [12, 5, 0]), draw.choice([1, 2, 5]), draw.choice([1, 1, 3])
    shape = draw.choice([(count, steps, inputs)] * 9 + [(count, steps)] * 2 + [(steps, count, inputs), (count,), ()])
    each = (count, steps)
    fits = [(count,)] * 8 + [each] * 3 + [(*each, 2)] * 3 + [(count, 3), (count, 1)]
    labels = draw.choice([*fits, (count + 1,), (), (*each, 2, 2)])
    found = {"x": array(draw, rng, shape), "labels": array(draw, rng, labels)}
    if draw.random() < 0.3:
        found["lengths"] = rng.integers(draw.choice([0, 1, 1, 1, 1]), steps + draw.choice([1, 1, 1, 1, 2]), count)
    if draw.random() < 0.1:
        found["groups"] = array(draw, rng, (count,))
    if draw.random() < 0.2:
        found["split"] = rng.choice(draw.choice([["train", "train", "val", "test"], ["a", "test"]]), count)
    return found


def read(given, path):
    """The task that a file of these columns is, and the one that they are as they lie in memory; or what is said of
    both."""
    np.savez(path, **given)
    said = []
    for make in (lambda: find(f"file:{path}"), lambda: File(of(given))):
        try:
            said.append(make())
        except (ConfigError, Unfit) as error:
            said.append(str(error).partition(".npz ")[2] or str(error))
    return said


@pytest.mark.parametrize("seed", range(20))
def test_any_file_is_learned_from_or_refused_by_a_sentence(tmp_path, seed):
    """What is learned from is what the file says: values where they belong, each sample once."""
    draw, rng, learned = random.Random(seed), np.random.default_rng(seed), 0
    for n in range(25):
        given, path = columns(draw, rng), tmp_path / f"{n}.npz"
        task, in_memory = read(given, path)
        if isinstance(task, str):
            assert task == in_memory
            assert "\n" not in task
            assert ";" in task, "no remedy"
            continue
        learned += 1
        assert task.fingerprint == in_memory.fingerprint
        right(given, task)
        chain = Chain(RunConfig.of(task=f"file:{path}", ticks=2, hidden=3))
        chain.run()
        assert np.isfinite(chain.statuses()[-1].evaluations[-1].loss)
    assert learned >= 2


def right(given, task):
    """Whether the task's samples are the file's."""
    x = given["x"].astype(np.float64).reshape(len(given["labels"]), task.steps, task.inputs)
    lengths = given.get("lengths", np.full(len(x), task.steps))
    begins = task.begins or [np.zeros(count, int) for count in (task.train, task.validation, task.test)]
    wanted = sorted((x[n, : lengths[n]].tobytes(), str(name(given["labels"][n]))) for n in range(len(x)))
    found = []
    for part, late in zip(task.load(0, task.steps), begins, strict=True):
        for n, first in enumerate(late):
            label = part.labels[:, n] if task.per_step else part.labels[n]
            found.append((part.x[first:, n].astype(np.float64).tobytes(), label))
    assert sorted(x for x, _ in found) == [x for x, _ in wanted]
    if not task.per_step and task.loss == "softmax":
        names = task.names or [str(c) for c in range(task.classes)]
        assert sorted((x, names[label]) for x, label in found) == wanted


def name(label):
    """Of a class, as a file's labels have it."""
    return int(label) if np.ndim(label) == 0 and np.asarray(label).dtype.kind in "iub" else label
