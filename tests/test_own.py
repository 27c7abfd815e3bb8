"""What a file's columns mean: labels of all kinds, unequal lengths, splits and groups, scales. No boxes."""

import re

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from dni_actors.config.checks import ConfigError
from dni_actors.config.run import RunConfig
from dni_actors.tasks import find, optional
from dni_actors.tasks.own.columns import Unfit
from dni_actors.tasks.own.labels import understood
from dni_actors.tasks.own.parts import parts
from dni_actors.tasks.told import told

N, T = 40, 4
Y = np.arange(N) % 2
PER_STEP = np.arange(N * T).reshape(N, T) % 3
SOME_STEPS = np.where(PER_STEP == 2, -1, PER_STEP)
HOT = r"one-hot; give the classes, labels.argmax"


def save(path, **columns):
    """As .npz, or as Parquet."""
    if path.suffix == ".npz":
        np.savez(path, **columns)
    else:
        parquet.write_table(pa.table(columns), path)
    return f"file:{path}"


MEANT = {  # labels -> loss, per_step, classes, names, values of the first samples
    "whole numbers": (Y, ("softmax", False, 2, None), Y[:3]),
    "bytes": (Y.astype(np.uint8), ("softmax", False, 2, None), Y[:3]),
    "truth": (Y.astype(bool), ("softmax", False, 2, None), Y[:3]),
    "big-endian": (Y.astype(">i2"), ("softmax", False, 2, None), Y[:3]),
    "signs": (2 * Y - 1, ("softmax", False, 2, ("-1", "1")), Y[:3]),
    "from one on": (Y + 1, ("softmax", False, 2, ("1", "2")), Y[:3]),
    "with gaps": (Y * 7, ("softmax", False, 2, ("0", "7")), Y[:3]),
    "texts": (np.array(["no", "yes"])[Y], ("softmax", False, 2, ("no", "yes")), Y[:3]),
    "of each step": (PER_STEP, ("softmax", True, 3, None), PER_STEP[:3]),
    "of some steps": (SOME_STEPS, ("softmax", True, 2, None), SOME_STEPS[:3]),
    "texts of some steps": (np.array(["a", "b", ""])[PER_STEP], ("softmax", True, 2, ("a", "b")), SOME_STEPS[:3]),
    "a number": (Y + 0.5, ("squared", False, 1, None), Y[:3, None] + 0.5),
    "half precision": ((Y + 0.5).astype(np.float16), ("squared", False, 1, None), Y[:3, None] + 0.5),
    "numbers": (PER_STEP / 2, ("squared", False, T, None), PER_STEP[:3] / 2),
}  # fmt: skip


@pytest.mark.parametrize("kind", MEANT)
def test_labels_mean_what_they_say(kind):
    labels, facts, first = MEANT[kind]
    found = understood(labels, T)
    assert (found.loss, found.per_step, found.classes, found.names) == facts
    np.testing.assert_array_equal(found.values[:3], first)


AMBIGUOUS = {
    "one-hot, as many classes as steps": (np.eye(T, dtype=int)[np.arange(N) % T], HOT + ".* say --labels classes"),
    "one-hot": (np.eye(3, dtype=int)[np.arange(N) % 3], rf"labels \[40, 3\] that are {HOT}"),
    "classes as floats": (Y.astype(float), r"stored as float64 \(0, 1\); .*--labels classes, .*numbers"),
    "one-hot as floats": (np.eye(3)[np.arange(N) % 3], "whole numbers as labels, stored as float64"),
    "amounts": (np.arange(N), "40 different whole numbers among 40 labels; if they are amounts, say --labels numbers"),
    "one of ten is not known": (np.arange(N) % 11 - 1, "labels from -1 to 9; number the classes"),
    "a step below -1": (PER_STEP - 2, "labels from -2 to 0; number the classes"),
    "no text": (np.array(["", "a"])[Y], "empty texts among the labels"),
    "too large": ((Y + 0.5) * 1e39, "infinite or too large numbers among the labels"),
    "classes of classes": (np.zeros((N, T, 2), int), "labels .* that are classes; give"),
    "too many axes": (np.zeros((N, T, 2, 2)) + 0.5, "labels .*; give"),
}  # fmt: skip


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_what_could_mean_two_things_is_one_sentence(kind):
    labels, sentence = AMBIGUOUS[kind]
    with pytest.raises(Unfit, match=sentence):
        understood(labels, T)


def test_who_says_what_labels_are_is_believed():
    hot = np.eye(T, dtype=int)[np.arange(N) % T]
    assert understood(hot, T, "classes")[:3] == ("softmax", True, 2)
    assert understood(Y.astype(float), T, "classes").values.tolist() == Y.tolist()
    assert understood(Y.astype(float), T, "numbers")[:3] == ("squared", False, 1)
    assert understood(np.arange(N), T, "numbers").values[3] == 3
    some = np.where(PER_STEP == 2, np.nan, PER_STEP)
    np.testing.assert_array_equal(understood(some, T, "classes").values, np.where(PER_STEP == 2, -1, PER_STEP))
    for labels, what in ((Y + 0.5, "classes"), (np.array(["a", "b"])[Y], "numbers")):
        with pytest.raises(Unfit):
            understood(labels, T, what)


def test_the_option_says_what_labels_are(tmp_path, rng):
    task = save(tmp_path / "it.npz", x=rng.standard_normal((N, T)), labels=Y.astype(float))
    with pytest.raises(ConfigError, match="--labels classes"):
        RunConfig.of(task=task)
    assert RunConfig.of(task=task, labels="classes").task.classes == 2
    assert RunConfig.of(task=task, labels="numbers").task.loss == "squared"
    with pytest.raises(ConfigError, match=r"^labels: numbers has no effect: rows is no file"):
        RunConfig.of(task="rows", labels="numbers")


def test_a_lot_gives_each_part_its_share_of_each_class():
    classes = np.repeat([0, 1, 2], [700, 200, 100])
    found = parts(1000, classes, None, None)
    assert sorted(np.concatenate(found).tolist()) == list(range(1000))
    for part, size in zip(found, (800, 100, 100), strict=True):
        assert np.abs(np.bincount(classes[part]) - size * np.array([0.7, 0.2, 0.1])).max() <= 1


def test_a_group_is_on_one_side():
    groups = np.random.default_rng(0).integers(30, size=400)
    found = parts(400, None, None, groups)
    assert sorted(np.concatenate(found).tolist()) == list(range(400))
    sides = [set(groups[part]) for part in found]
    assert sum(map(len, sides)) == len(set.union(*sides))
    assert all(20 <= len(part) <= 60 for part in found[1:])
    with pytest.raises(Unfit, match="too few groups to keep one for"):
        parts(400, None, None, np.arange(400) % 2)


def test_a_split_of_its_own_is_kept_to():
    split = np.array(["train"] * 70 + ["Val"] * 10 + ["test"] * 20)
    found = parts(100, None, split, None)
    assert [sorted(part.tolist()) for part in found] == [[*range(70)], [*range(70, 80)], [*range(80, 100)]]
    without = parts(100, np.arange(100) % 2, np.where(split == "Val", "train", split), None)
    assert sorted(without.test.tolist()) == [*range(80, 100)]
    assert len(without.validation) == 10
    assert not set(without.validation) & set(without.train)
    for wrong, sentence in (
        (np.array(["train"] * 99 + ["?"]), r"'\?' in split; give train, validation or test"),
        (np.array(["test"] * 100), "no sample to train with"),
    ):
        with pytest.raises(Unfit, match=sentence):
            parts(100, None, wrong, None)
    with pytest.raises(Unfit, match="group 7 both in test and in train"):
        parts(100, None, split, np.where((np.arange(100) == 0) | (np.arange(100) == 99), 7, np.arange(100) + 10))


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
@pytest.mark.parametrize("asked", ["sequence", "steps"])
def test_sequences_of_unequal_lengths_end_together(tmp_path, rng, suffix, asked):
    lengths = rng.integers(1, T + 1, N)
    lengths[:2] = 1, T
    each = [rng.standard_normal((length, 2)) for length in lengths]
    labels = Y if asked == "sequence" else [np.arange(length) % 2 for length in lengths]
    columns = {"x": [one.tolist() for one in each], "labels": [np.asarray(y).tolist() for y in labels]}
    if suffix == "npz":
        x = np.full((N, T, 2), np.nan)  # what lies behind an end is not looked at
        y = np.full((N, T), 7)
        for n, one in enumerate(each):
            x[n, : len(one)] = one
            y[n, : len(one)] = labels[n]
        columns = {"x": x, "labels": Y if asked == "sequence" else y, "lengths": lengths}
    task = find(save(tmp_path / f"it.{suffix}", **columns))
    assert (task.steps, task.inputs, task.classes) == (T, 2, 2)
    begins = optional(task).begins
    seen = set()
    for part, late in zip(task.load(0, T), begins, strict=True):
        for n, first in enumerate(late.tolist()):
            i = next(i for i, one in enumerate(each) if np.array_equal(one, part.x[first:, n]))
            seen.add(i)
            assert not part.x[:first, n].any()
            wanted = Y[i] if asked == "sequence" else [-1] * first + labels[i].tolist()
            assert np.array_equal(part.labels[n] if asked == "sequence" else part.labels[:, n], wanted)
    assert seen == set(range(N))


def test_lengths_are_checked(tmp_path):
    x = np.zeros((N, T, 2))
    for lengths, sentence in (
        (np.full(N, T + 1), r"lengths from 5 to 5; give 1 to 4"),
        (np.zeros(N, int), r"lengths from 0 to 0; give 1 to 4"),
        (np.full(N, 2.5), "lengths of type float64; give whole numbers"),
        (np.full(N - 1, 2), r"lengths \[39\] for 40 samples"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            find(save(tmp_path / "it.npz", x=x, labels=Y, lengths=lengths))


def test_scales_are_those_of_the_training_samples(tmp_path, rng):
    """Steps before a sequence begins and samples that are held out tell nothing of them; nor does what never varies."""
    x = rng.standard_normal((N, T, 3)) * [1e6, 1e-3, 0] + [1e9, 0, 5]
    y = rng.standard_normal((N, 2)) * [1e6, 0] + [1e8, 3]
    y[::5, 0] = np.nan
    split = np.array(["train"] * 30 + ["val"] * 5 + ["test"] * 5)
    x[30:] *= 3
    task = find(save(tmp_path / "it.npz", x=x, labels=y, split=split))
    scaling = optional(task).scaling
    np.testing.assert_allclose(scaling.mean, x[:30].mean(axis=(0, 1)))
    np.testing.assert_allclose(scaling.scale[:2], x[:30].std(axis=(0, 1))[:2])
    assert scaling.scale[2] == 0
    np.testing.assert_allclose(scaling.factor[:2] * scaling.scale[:2], 1)
    assert scaling.factor[2] == 0
    np.testing.assert_allclose(scaling.target_mean, np.nanmean(y[:30], axis=0))
    np.testing.assert_allclose(scaling.target_scale[0], np.nanstd(y[:30, 0]))
    assert scaling.target_scale[1] == 1
    late = find(save(tmp_path / "late.npz", x=x, labels=y, split=split, lengths=np.where(np.arange(N) < 9, 2, T)))
    kept = np.concatenate([one[: 2 if n < 9 else T] for n, one in enumerate(x[:30])])
    np.testing.assert_allclose(optional(late).scaling.mean, kept.mean(axis=0))


def test_a_held_out_number_beyond_all_measure_is_told(tmp_path, rng):
    x = rng.standard_normal((N, T, 2)) * 1e-6
    x[-1, 0, 1] = 1e37
    with pytest.raises(ConfigError, match="numbers in input 1 of x, in validation or test samples, far beyond"):
        find(save(tmp_path / "it.npz", x=x, labels=Y, split=np.array(["train"] * 30 + ["val"] * 5 + ["test"] * 5)))


def test_a_table_of_many_pieces_is_one(tmp_path, rng):
    """Lists that differ between row groups only, and texts as dictionaries."""
    schema = pa.schema([("x", pa.list_(pa.float32())), ("labels", pa.dictionary(pa.int32(), pa.string()))])
    names = pa.DictionaryArray.from_arrays(pa.array(Y[:20], pa.int32()), pa.array(["no", "yes"]))
    with parquet.ParquetWriter(tmp_path / "it.parquet", schema) as writer:
        for steps in (2, 3):
            x = pa.array(rng.random((20, steps)).astype(np.float32).tolist(), pa.list_(pa.float32()))
            writer.write_table(pa.table({"x": x, "labels": names}, schema), row_group_size=7)
    task = find(f"file:{tmp_path}/it.parquet")
    assert (task.steps, task.inputs, task.names) == (3, 1, ("no", "yes"))
    assert sorted(np.concatenate(task.begins).tolist()) == [0] * 20 + [1] * 20


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "rows",
            "sequences of 28 steps, 28 inputs; 10 classes, one a sequence; 4000 to train, 200 to validate, 800 to",
        ),
        ("adding", "sequences of 40 steps, 2 inputs; 1 number a sequence; drawn anew in each tick, 400 to validate"),
        ("text", r"streams of any number of steps, \d+ inputs; \d+ classes, one a step$"),
        ("binary-addition", r"sequences of 1 step, 16 inputs; 8 bits a sequence; "),
    ],
)
def test_a_task_says_what_is_learned(name, sentence):
    assert re.match(sentence, told(find(name)))


def test_a_file_says_how_frequent_its_classes_are(tmp_path, rng):
    x = rng.standard_normal((N, T, 2))
    task = find(save(tmp_path / "it.npz", x=x, labels=np.array(["no", "yes"])[(np.arange(N) % 4 == 0) * 1]))
    assert "; 2 classes, one a sequence: 75% no, 25% yes; 32 to train" in told(task)
    task = find(save(tmp_path / "it.npz", x=x, labels=np.arange(N) % 8, lengths=np.arange(N) % T + 1))
    assert "sequences of up to 4 steps, 2 inputs; 8 classes, one a sequence: from " in told(task)
